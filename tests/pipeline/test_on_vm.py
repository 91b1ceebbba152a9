"""The whole way on a virtual machine, which starts anew, loses its power and hears us badly, while we measure on it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from boards.vm import Virtual

from edgebench.errors import LinkLost
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.device_setup import set_up
from edgebench.pipeline.device_trust import accept, shown_keys
from edgebench.pipeline.findings.answers import answers_of_job
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.jobs.blocks import Measured
from edgebench.pipeline.jobs.following import JOURNAL
from edgebench.pipeline.measure import measure
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings
from edgebench.transports import connect

pytestmark = pytest.mark.slow

MIB = 1 << 20
ROUNDS = 2
VARIANTS = ("tiny.tflite-fp32", "tiny.tflite-int8")


class Listener:
    """Does something beside us, once, when so many blocks are done."""

    def __init__(self, at: int = -1, do: Callable[[], object] = lambda: None) -> None:
        self.at, self.thread = at, threading.Thread(target=do)
        self.notes: list[str] = []

    @contextmanager
    def step(self, what: str) -> Iterator[Listener]:
        yield self

    def update(self, done: int, total: int, detail: str = "") -> None:
        if (done, total) == (self.at, ROUNDS * len(VARIANTS)):
            self.at = -1
            self.thread.start()

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class Desk:
    """Where we sit, beside the board `pi`."""

    board: Virtual
    folder: Path
    models: Path
    faces: Path

    def workspace(self, listener: Listener | None = None) -> Workspace:
        return Workspace.open(
            home=self.folder / "home",
            model_dirs=[self.models],
            device_dirs=[self.folder / "devices"],
            jobs=2,
            progress=listener or Listener(),
        )

    def measure(self, listener: Listener, *, inputs: int) -> Measured:
        """Another number of inputs is another job."""
        settings = BenchSettings(
            rounds=ROUNDS, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=8, inputs=inputs
        )
        data = DataSettings(folder=str(self.faces), calibration=CalibrationSettings(count=32))
        choice = Choice.of("tiny", only="tflite-fp32,tflite-int8")
        try:
            return measure(self.workspace(listener), choice, device="pi", data=data, settings=settings)
        finally:
            if listener.thread.ident:
                listener.thread.join()

    def assert_as_undisturbed(self, measured: Measured) -> None:
        """Every block once, here as on the board, with its samples; each variant's answers those of the host."""
        blocks = {f"r{each.round}.{each.variant}.t{each.threads}": each for each in measured.blocks}
        assert len(blocks) == len(measured.blocks) == measured.job.blocks
        assert sorted(blocks) == sorted(f"r{k}.{variant}.t1" for k in range(ROUNDS) for variant in VARIANTS)
        journal = self.board.root(f"cat /home/pi/.edgebench/{measured.job.job}/{JOURNAL}").splitlines()
        lines = {line["block"]: line["measured"] for line in map(json.loads, journal)}
        assert len(lines) == len(journal)
        assert {name: tuple(line["latencies_ns"]) for name, line in lines.items()} == {
            name: block.latencies_ns for name, block in blocks.items()
        }
        for variant in VARIANTS:
            assert len({block.answers for block in blocks.values() if block.variant == variant}) == 1
        answers = answers_of_job(self.workspace(), measured.job, measured.blocks)
        found = {variant: each for variant, (each, _) in answers.items()}
        assert all(each.same for each in found.values())
        assert found["tiny.tflite-int8"].exact
        assert found["tiny.tflite-int8"].path.startswith("XNNPACK")


@pytest.fixture(scope="module")
def prepared(
    vm_board: Virtual, project: Path, faces: Path, aarch64_wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """The board's key is trusted, and the runtime is on it. The store is shared: each test's job is another one."""
    folder, board = tmp_path_factory.mktemp("on_vm"), vm_board
    (folder / "devices").mkdir()
    (folder / "config").mkdir()
    ssh = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key)}
    stated = {
        "transport": "ssh",
        "ssh": ssh,
        "runtimes": ["litert"],
        "threads": [1],
        "veto": {"foreign_load": 1000, "repeats": 0},
        "emulated": True,
    }
    (folder / "devices" / "pi.yaml").write_text(json.dumps(stated))
    mine = Desk(board, folder, project / "model_specs", faces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        for found in shown_keys(mine.workspace().device("pi")):
            assert found.state == "new"
            accept(found)
        set_up(mine.workspace(), "pi", wheels=aarch64_wheels)
        yield mine


@pytest.fixture
def desk(prepared: Desk, virtual_board: Virtual) -> Desk:
    """The board is up and well linked."""
    return prepared


def test_the_whole_way_gives_the_answers_of_the_host(desk: Desk) -> None:
    measured = desk.measure(Listener(), inputs=8)
    desk.assert_as_undisturbed(measured)
    assert (measured.job.device.machine, measured.job.device.emulated) == ("aarch64", True)
    assert not any(row.latency for row in gather(desk.workspace(), device="pi").variants)


def test_a_reboot_in_a_job_costs_nothing(desk: Desk) -> None:
    listener = Listener(1, desk.board.reboot)
    measured = desk.measure(listener, inputs=7)
    assert any("going on" in note for note in listener.notes), listener.notes
    desk.assert_as_undisturbed(measured)


def test_a_power_cut_in_a_job_costs_nothing(desk: Desk) -> None:
    def cut() -> None:
        time.sleep(1)
        desk.board.power_cut()
        time.sleep(2)
        desk.board.start()

    listener = Listener(1, cut)
    measured = desk.measure(listener, inputs=6)
    assert any("started anew; going on" in note for note in listener.notes), listener.notes
    desk.assert_as_undisturbed(measured)


def test_a_power_cut_in_a_transfer_costs_what_was_not_on_the_disk(desk: Desk, tmp_path: Path) -> None:
    content = os.urandom(24 * MIB)
    (tmp_path / "net").write_bytes(content)
    there = connect(desk.workspace().device("pi"), tmp_path, "job")
    desk.board.poor_link(rate_mbit=20)

    def cut(done: int, total: int) -> None:
        if done > 14 * MIB and desk.board.process:
            desk.board.root("sync")
            desk.board.power_cut()

    with pytest.raises(LinkLost, match="run the same command again"):
        there.put_all({"m/net": tmp_path / "net"}, on_progress=cut)
    desk.board.start()
    sent: list[int] = []
    there.put_all({"m/net": tmp_path / "net"}, on_progress=lambda done, total: sent.append(total))
    there.close()
    assert 0 < sent[-1] <= 20 * MIB
    assert hashlib.sha256(content).hexdigest() in desk.board.root("sha256sum /home/pi/.edgebench/job/m/net")


def test_a_slow_link_that_loses_packets_costs_only_time(desk: Desk) -> None:
    desk.board.poor_link(delay_ms=100, loss_percent=3)
    listener = Listener()
    measured = desk.measure(listener, inputs=5)
    desk.board.good_link()
    assert not any("going on" in note for note in listener.notes), "the job itself was not disturbed"
    desk.assert_as_undisturbed(measured)
