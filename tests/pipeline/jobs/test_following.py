"""Jobs on a real sshd, whatever happens to the link, the device's processes or the host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from boards.proxy import Proxy
from boards.sshd import Board

from edgebench.errors import AgentFailed, DeviceError, JobDied, LinkLost, NothingMeasured, StoreError, UnknownName
from edgebench.pipeline.jobs import following, tickets
from edgebench.pipeline.jobs.following import JOURNAL, Collector, carry_out
from edgebench.pipeline.jobs.tickets import Ticket
from edgebench.pipeline.runs import Run, attach, cancel, resume, runs
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedVariant, plan_blocks, schedule_task
from edgebench.records.measurement import Block, DeviceInfo, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.transports import Transport, connect
from edgebench.transports.local import LocalTransport

ROUNDS = 5
SLEEP = "sleep.json"


class Listener:
    """Does something once, when so many blocks are done."""

    def __init__(self, at: int = -1, do: Callable[[], object] = lambda: None, *, always: bool = False) -> None:
        self.at, self.do, self.always = at, do, always
        self.notes: list[str] = []

    @contextmanager
    def step(self, what: str) -> Iterator[Listener]:
        yield self

    def update(self, done: int, total: int, detail: str = "") -> None:
        if done == self.at:
            self.at = self.at if self.always else -1
            self.do()

    def note(self, text: str) -> None:
        self.notes.append(text)


def device_file(folder: Path, board: Board, port: int) -> None:
    folder.mkdir(exist_ok=True)
    ssh = {"host": board.host, "port": port, "user": board.user, "key": str(board.key), "python": sys.executable}
    veto = {"foreign_load": 1000, "repeats": 0}
    (folder / "pi.yaml").write_text(json.dumps({"transport": "ssh", "ssh": ssh, "veto": veto}))


def desk_at(folder: Path, listener: Listener | None = None) -> Workspace:
    return Workspace.open(home=folder / "store", device_dirs=[folder / "devices"], progress=listener or Listener())


@pytest.fixture
def desk(board: Board, tmp_path: Path) -> Iterator[Callable[..., Workspace]]:
    """A workspace that knows the board as `pi`."""
    device_file(tmp_path / "devices", board, board.port)
    yield lambda listener=None: desk_at(tmp_path, listener)
    with suppress(OSError, ValueError):
        os.killpg(lease(board)["pid"], signal.SIGKILL)


def ticket_of(
    desk: Workspace, *, job: str = "0123456789abcdef", measure_s: float = 0.2, rounds: int = ROUNDS
) -> Ticket:
    settings = BenchSettings(
        rounds=rounds, warmup_s=0, max_warmup_s=0, steady_change=1, measure_s=measure_s, min_invocations=1
    )
    variant = PlannedVariant(variant="net.tflite-fp32", artifact="a" * 64, runtime="sleep", model=SLEEP, inputs="")
    blocks = plan_blocks([variant], settings, (1,))
    task = schedule_task(job, blocks, settings, device=desk.device("pi"), inputs={}, journal=JOURNAL)
    return Ticket(
        job=job,
        device="pi",
        kind="job",
        block_kind="block",
        task=task,
        artifacts={each.id: each.artifact for each in blocks},
    )


def there(desk: Workspace, ticket: Ticket) -> Transport:
    """The job's folder on the device, with all that the job needs."""
    transport = connect(desk.device("pi"), desk.store.folder("devices", "pi"), ticket.job)
    local = desk.store.folder("tmp") / SLEEP
    local.write_text('{"sleep_ms": 1}')
    transport.put(local, SLEEP)
    return transport


def home(desk: Workspace, ticket: Ticket) -> list[Block]:
    return sorted(desk.store.latest(Block, f"{ticket.job}/"), key=lambda block: block.round)


def assert_whole(desk: Workspace, board: Board, ticket: Ticket) -> None:
    """Every block once, here as on the device."""
    blocks = home(desk, ticket)
    assert [block.round for block in blocks] == list(range(ticket.total))
    journal = board.home / ".edgebench" / ticket.job / JOURNAL
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    measured = {line["block"]: line["measured"] for line in lines if "measured" in line}
    assert len(measured) == len(lines) == ticket.total
    assert [tuple(measured[f"r{block.round}.net.tflite-fp32.t1"]["latencies_ns"]) for block in blocks] == [
        block.latencies_ns for block in blocks
    ]


def lease(board: Board) -> dict[str, Any]:
    return json.loads((board.home / ".edgebench" / "lease.json").read_text())


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def await_pid(board: Board) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError):
            return int(lease(board)["pid"])
        time.sleep(0.02)
    raise AssertionError("nobody took the lease")


def test_every_block_is_home_when_the_job_ends(desk, board: Board) -> None:
    mine = desk()
    ticket = ticket_of(mine)
    carry_out(mine, there(mine, ticket), ticket)
    assert_whole(mine, board, ticket)


def test_a_link_that_is_cut_costs_nothing(desk, board: Board, tmp_path: Path) -> None:
    with Proxy(board.port) as proxy:
        device_file(tmp_path / "devices", board, proxy.port)
        known = tmp_path / "user" / ".config" / "edgebench" / "known_hosts"
        known.write_text(known.read_text().replace(str(board.port), str(proxy.port)))
        timer = threading.Timer(4.0, proxy.restore)

        def cut() -> None:
            proxy.cut()
            timer.start()

        listener = Listener(2, cut)
        mine = desk(listener)
        ticket = ticket_of(mine, measure_s=0.4)
        transport = there(mine, ticket)
        carry_out(mine, transport, ticket)
        timer.join()
    assert any("trying again" in note for note in listener.notes)
    assert not any("going on" in note for note in listener.notes), "the job itself was not disturbed"
    assert_whole(mine, board, ticket)


@pytest.mark.slow
def test_a_link_that_falls_silent_costs_nothing(desk, board: Board, tmp_path: Path) -> None:
    with Proxy(board.port) as proxy:
        device_file(tmp_path / "devices", board, proxy.port)
        known = tmp_path / "user" / ".config" / "edgebench" / "known_hosts"
        known.write_text(known.read_text().replace(str(board.port), str(proxy.port)))

        def fall_silent() -> None:
            proxy.blackhole()
            threading.Timer(45.0, proxy.restore).start()

        mine = desk(Listener(2, fall_silent))
        ticket = ticket_of(mine, measure_s=0.4)
        transport = there(mine, ticket)
        carry_out(mine, transport, ticket)
    assert_whole(mine, board, ticket)


def test_an_sshd_that_is_killed_with_all_sessions_and_comes_back_costs_nothing(desk, board: Board) -> None:
    def crash() -> None:
        board.stop()
        threading.Timer(1.5, board.start).start()

    mine = desk(Listener(2, crash))
    ticket = ticket_of(mine, measure_s=0.4)
    carry_out(mine, there(mine, ticket), ticket)
    assert_whole(mine, board, ticket)


def test_a_device_that_stays_away_is_given_up_with_the_way_back(desk, board: Board, monkeypatch) -> None:
    monkeypatch.setattr(following, "PATIENCE_S", 1.0)
    mine = desk(Listener(1, board.stop))
    ticket = ticket_of(mine)
    with pytest.raises(
        LinkLost, match=r"out of reach.*job 0123456789abcdef may go on there.*run the same command again"
    ):
        carry_out(mine, there(mine, ticket), ticket)
    board.start()
    carry_out(mine, there(mine, ticket), ticket)
    assert_whole(mine, board, ticket)


@pytest.mark.parametrize("victim", ["supervisor", "schedule"])
def test_a_job_that_is_killed_goes_on_by_itself(desk, board: Board, victim: str) -> None:
    def kill() -> None:
        pid = await_pid(board)
        os.kill(pid if victim == "supervisor" else child_of(pid), signal.SIGKILL)

    listener = Listener(2, kill)
    mine = desk(listener)
    ticket = ticket_of(mine)
    carry_out(mine, there(mine, ticket), ticket)
    assert any("killed" in note and "going on" in note for note in listener.notes)
    assert_whole(mine, board, ticket)


def test_a_job_that_is_killed_before_it_gets_anywhere_is_not_begun_for_ever(desk, board: Board) -> None:
    mine = desk(Listener(0, lambda: os.kill(await_pid(board), signal.SIGKILL), always=True))
    ticket = ticket_of(mine, measure_s=5)
    with pytest.raises(JobDied, match=r"its supervisor was killed.*edgebench run --device pi --resume"):
        carry_out(mine, there(mine, ticket), ticket)


def test_a_block_that_cannot_be_measured_is_named_and_the_others_are_home(desk, board: Board) -> None:
    mine = desk(Listener(1, lambda: os.kill(child_of(child_of(await_pid(board))), signal.SIGKILL)))
    ticket = ticket_of(mine, measure_s=0.5)
    with pytest.raises(AgentFailed, match=r"pi, block r1.*BlockDied: killed by SIGKILL"):
        carry_out(mine, there(mine, ticket), ticket)
    assert len(home(mine, ticket)) == ROUNDS - 1
    carry_out(mine, there(mine, ticket), ticket)
    assert [block.round for block in home(mine, ticket)] == list(range(ROUNDS))


HOST = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_following import *
desk = desk_at(Path(sys.argv[1]))
ticket = ticket_of(desk, measure_s=1)
carry_out(desk, there(desk, ticket), ticket)
"""


def test_a_host_that_is_killed_finds_everything_when_it_comes_again(desk, board: Board, tmp_path: Path) -> None:
    mine = desk()
    ticket = ticket_of(mine, measure_s=1)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    host = subprocess.Popen([sys.executable, "-c", HOST, tmp_path, Path(__file__).parent], env=env)
    deadline = time.monotonic() + 60
    while len(home(mine, ticket)) < 1:
        assert time.monotonic() < deadline
        assert host.poll() is None
        time.sleep(0.05)
    host.kill()
    host.wait()
    pid = lease(board)["pid"]
    carry_out(mine, there(mine, ticket), ticket)
    assert lease(board)["pid"] == pid, "the job went on meanwhile"
    assert_whole(mine, board, ticket)


def test_a_device_in_use_is_refused_naming_the_holder(desk, board: Board) -> None:
    mine = desk()
    first, second = ticket_of(mine, measure_s=60), ticket_of(mine, job="fedcba9876543210")
    carry_out(mine, there(mine, first), first, detach=True)
    with pytest.raises(DeviceError, match=r"in use by \S+@\S+ since 20\S+: job 0123456789abcdef"):
        carry_out(mine, there(mine, second), second)


def await_state(desk: Workspace, state: str) -> Run:
    deadline = time.monotonic() + 30
    while (run := runs(desk)[0]).state != state:
        assert time.monotonic() < deadline, run
        time.sleep(0.1)
    return run


def test_ctrl_c_ends_the_job_and_keeps_what_is_finished(desk, board: Board, tmp_path: Path) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    mine = desk(Listener(1, press))
    ticket = ticket_of(mine)
    tickets.keep(mine, ticket)
    with pytest.raises(KeyboardInterrupt):
        carry_out(mine, there(mine, ticket), ticket)
    assert await_state(mine, "interrupted").why == "it was cancelled"
    carry_out(mine, there(mine, ticket), ticket)
    assert_whole(mine, board, ticket)


def test_ctrl_c_that_a_slow_device_does_not_confirm_says_that_it_may_go_on(desk, board: Board, monkeypatch) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "CANCEL_S", 0.0)
    listener = Listener(1, press)
    mine = desk(listener)
    ticket = ticket_of(mine)
    tickets.keep(mine, ticket)
    with pytest.raises(KeyboardInterrupt):
        carry_out(mine, there(mine, ticket), ticket)
    assert any(f"edgebench runs cancel {ticket.job} ends it" in note for note in listener.notes)
    assert await_state(mine, "interrupted").why == "it was cancelled"


def a_job(desk: Workspace, ticket: Ticket) -> None:
    """The record that `edgebench run` makes of it."""
    info = DeviceInfo(
        name="pi", machine="", system="", processor="", cores=1, memory_bytes=1, word_bits=64, python="", runtimes={}
    )
    job = MeasurementJob(
        job=ticket.job,
        device=info,
        settings={},
        variants=("net.tflite-fp32",),
        datasets={},
        data=DataSettings(),
        blocks=ticket.total,
        started_at="",
    )
    desk.store.save(ticket.job, job)
    tickets.keep(desk, ticket)


def test_a_detached_job_is_listed_attached_to_and_then_forgotten(desk, board: Board) -> None:
    mine = desk()
    ticket = ticket_of(mine)
    a_job(mine, ticket)
    began = time.monotonic()
    carry_out(mine, there(mine, ticket), ticket, detach=True)
    (run,) = runs(mine)
    assert (run.job, run.device, run.models, run.total) == (ticket.job, "pi", ("net",), ROUNDS)
    assert run.state == "running" or time.monotonic() - began > ROUNDS * 0.2
    found = attach(mine, ticket.job[:4])
    assert len(found.blocks) == found.job.blocks == ROUNDS
    assert_whole(mine, board, ticket)
    assert runs(mine) == ()
    with pytest.raises(NothingMeasured, match="no run is unfinished"):
        attach(mine)


def test_cancelling_ends_a_detached_job(desk, board: Board) -> None:
    mine = desk()
    ticket = ticket_of(mine, measure_s=60)
    a_job(mine, ticket)
    carry_out(mine, there(mine, ticket), ticket, detach=True)
    with pytest.raises(UnknownName, match="unfinished run"):
        cancel(mine, "ffff")
    assert cancel(mine, ticket.job)
    assert runs(mine) == ()
    with pytest.raises(JobDied, match="it was cancelled"):
        carry_out(mine, there(mine, ticket), ticket, begin=False)


def test_an_interrupted_job_is_resumed_and_cannot_be_attached_to(desk, board: Board) -> None:
    mine = desk()
    ticket = ticket_of(mine, measure_s=0.4)
    a_job(mine, ticket)
    carry_out(mine, there(mine, ticket), ticket, detach=True)
    os.kill(await_pid(board), signal.SIGKILL)
    with pytest.raises(JobDied, match="its supervisor was killed"):
        attach(mine)
    with pytest.raises(NothingMeasured, match="no unfinished run"):
        resume(mine, "pi", ["other"])
    assert len(resume(mine, "pi", ["net"]).blocks) == ROUNDS
    assert_whole(mine, board, ticket)


def test_a_device_out_of_reach_is_listed_as_such(desk, board: Board) -> None:
    mine = desk()
    a_job(mine, ticket_of(mine))
    board.stop()
    (run,) = runs(mine)
    assert run.state == "unreachable"
    assert "connection refused" in run.why


def test_a_full_disk_here_is_ours_and_not_the_devices(desk, board: Board) -> None:
    def full() -> None:
        raise StoreError("no space left on device", subject="here")

    mine = desk(Listener(1, full))
    ticket = ticket_of(mine)
    with pytest.raises(StoreError, match="no space left on device"):
        carry_out(mine, there(mine, ticket), ticket)


def line_of(round_: int, latencies: int = 1) -> bytes:
    reading: dict[str, Any] = {"monotonic_s": 1.0}
    measured = {
        "variant": "net.tflite-fp32",
        "runtime": "sleep",
        "runtime_version": "",
        "threads": 1,
        "round": round_,
        "position": 0,
        "attempt": 1,
        "load_ns": 1,
        "first_ns": 1,
        "warmup_invocations": 1,
        "latencies_ns": [1_000_000 + round_] * latencies,
        "peak_rss_bytes": 1,
        "outputs_sha256": "",
        "started_at": "",
        "before": reading,
        "after": reading,
    }
    line = {"job": "j", "block": f"r{round_}.net.tflite-fp32.t1", "measured": measured, "outputs": []}
    return json.dumps(line).encode() + b"\n"


@pytest.fixture
def local(tmp_path: Path) -> tuple[Workspace, LocalTransport, Path]:
    mine = Workspace.open(home=tmp_path / "store")
    return mine, LocalTransport("local", tmp_path / "work"), tmp_path / "work" / JOURNAL


def collector_of(mine: Workspace, transport: Transport, rounds: int) -> Collector:
    names = [f"r{k}.net.tflite-fp32.t1" for k in range(rounds)]
    blocks = [{"id": name, "variant": "net.tflite-fp32"} for name in names]
    task = {"blocks": blocks, "journal": JOURNAL}
    ticket = Ticket(
        job="j", device="local", kind="job", block_kind="block", task=task, artifacts=dict.fromkeys(names, "a")
    )
    return Collector(mine, transport, ticket)


def test_a_line_under_way_waits_until_it_is_whole(local) -> None:
    mine, transport, journal = local
    collector = collector_of(mine, transport, 2)
    collector.collect()
    journal.write_bytes(line_of(0) + line_of(1)[:50])
    collector.collect()
    assert len(mine.store.latest(Block)) == 1
    journal.write_bytes(line_of(0) + line_of(1))
    collector.collect()
    assert len(mine.store.latest(Block)) == 2


def test_a_journal_that_lost_lines_in_a_power_cut_is_read_anew(local) -> None:
    mine, transport, journal = local
    collector = collector_of(mine, transport, 3)
    journal.write_bytes(line_of(0) + line_of(1))
    collector.collect()
    journal.write_bytes(line_of(0) + line_of(2, latencies=50))
    collector.collect()
    assert sorted(block.round for block in mine.store.latest(Block)) == [0, 1, 2]


def test_following_a_thousand_blocks_takes_little_memory(local) -> None:
    mine, transport, journal = local
    collector = collector_of(mine, transport, 1000)
    tracemalloc.start()
    with journal.open("ab") as file:
        for round_ in range(1000):
            file.write(line_of(round_, latencies=1000))
            if round_ % 20 == 19:
                file.flush()
                collector.collect()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(collector.kept) == 1000
    assert peak_bytes < 20e6
