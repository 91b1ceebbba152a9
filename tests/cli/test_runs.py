"""Detached runs as a user has them: the real command, and a real sshd."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from boards.sshd import Board

from edgebench.data.synthetic import write_affectnet
from edgebench.pipeline.boards.lease import lease
from edgebench.pipeline.jobs import tickets
from edgebench.pipeline.jobs.following import JOURNAL, carry_out
from edgebench.pipeline.jobs.tickets import Ticket
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedVariant, plan_blocks, schedule_task
from edgebench.records.measurement import DeviceInfo, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.transports import connect

JOB = "0123456789abcdef"
SLEEP = "sleep.json"


def test_without_jobs_there_is_nothing_to_do(edgebench) -> None:
    assert edgebench("runs", "list").stdout == "nothing is unfinished\n"
    assert json.loads(edgebench("runs", "list", "--json").stdout) == {"runs": []}
    answer = edgebench("runs", "attach")
    assert answer.returncode == 4
    assert "no run is unfinished" in answer.stderr


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "--model is missing"),
        (["--resume"], 4, "local: no unfinished run (fix: run without --resume)"),
        (["--resume", "--device", "nowhere"], 2, "unknown device"),
        (["--model", "mobilenet_v1_a0.35", "--detach"], 2, "local: its jobs end with the command"),
        (["--model", "mobilenet_v1_a0.35", "--detach", "--device", "shelf"], 2, "on each of its boards: --device a,b"),
        (["--model", "mobilenet_v1_a0.35", "--detach", "--frames", "synthetic"], 2, "local: its jobs end with"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(edgebench, tmp_path, options, code, said) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "shelf.yaml").write_text("pool: [a, b]")
    answer = edgebench("run", *options)
    assert answer.returncode == code
    assert said in answer.stderr


@pytest.fixture
def pi(board: Board, tmp_path: Path) -> Iterator[Path]:
    """A folder of device specs, one of which is the board."""
    devices = tmp_path / "devices"
    devices.mkdir()
    ssh = {
        "host": board.host,
        "port": board.port,
        "user": board.user,
        "key": str(board.key),
        "python": sys.executable,
    }
    veto = {"foreign_load": 1000, "repeats": 0}
    (devices / "pi.yaml").write_text(json.dumps({"transport": "ssh", "ssh": ssh, "veto": veto}))
    yield devices
    with suppress(OSError, ValueError):
        os.killpg(json.loads((board.home / ".edgebench" / "lease.json").read_text())["pid"], signal.SIGKILL)


@pytest.fixture
def detached(pi: Path, tmp_path: Path) -> Callable[[float], None]:
    """Begins a job of five blocks of so many seconds on the board, and leaves it as `edgebench run --detach` does."""
    return lambda measure_s: begin(pi, tmp_path, measure_s)


def ticket_of(desk: Workspace, measure_s: float = 1.0) -> Ticket:
    settings = BenchSettings(
        rounds=5, warmup_s=0, max_warmup_s=0, steady_change=1, measure_s=measure_s, min_invocations=70
    )
    variant = PlannedVariant(variant="net.tflite-fp32", artifact="a" * 64, runtime="sleep", model=SLEEP, inputs="")
    blocks = plan_blocks([variant], settings, (1,))
    task = schedule_task(JOB, blocks, settings, device=desk.device("pi"), inputs={}, journal=JOURNAL)
    return Ticket(
        job=JOB,
        device="pi",
        kind="job",
        block_kind="block",
        task=task,
        artifacts={each.id: "a" * 64 for each in blocks},
    )


def begin(pi: Path, tmp_path: Path, measure_s: float) -> None:
    desk = Workspace.open(home=tmp_path / "home", device_dirs=[pi])
    ticket = ticket_of(desk, measure_s)
    info = DeviceInfo(
        name="pi", machine="", system="a board", processor="", cores=1, memory_bytes=1, word_bits=64, python="",
        runtimes={},
    )  # fmt: skip
    job = MeasurementJob(
        job=JOB, device=info, settings={}, variants=("net.tflite-fp32",), datasets={}, data=DataSettings(), blocks=5,
        started_at="",
    )  # fmt: skip
    desk.store.save(JOB, job)
    tickets.keep(desk, ticket)
    transport = connect(desk.device("pi"), desk.store.folder("devices", "pi"), JOB)
    (tmp_path / SLEEP).write_text('{"sleep_ms": 1}')
    transport.put(tmp_path / SLEEP, SLEEP)
    carry_out(desk, transport, ticket, detach=True)


def test_a_detached_run_is_listed_and_attached_to(edgebench, detached) -> None:
    detached(0.5)
    (run,) = json.loads(edgebench("runs", "list", "--json", "--devices", "devices").stdout)["runs"]
    assert (run["job"], run["device"], run["total"]) == (JOB, "pi", 5)
    assert run["state"] in ("running", "finished")
    assert run["holder"]
    listed = edgebench("runs", "list", "--devices", "devices").stdout
    assert JOB in listed
    attached = edgebench("runs", "attach", JOB[:6], "--devices", "devices")
    assert attached.returncode == 0, attached.stderr
    assert "tflite-fp32" in attached.stdout
    assert edgebench("runs", "list").stdout == "nothing is unfinished\n"


def test_a_run_that_a_command_is_just_sending_is_listed_as_such(edgebench, pi: Path, tmp_path: Path) -> None:
    desk = Workspace.open(home=tmp_path / "home", device_dirs=[pi])
    tickets.keep(desk, ticket_of(desk))
    for sending, state in ((True, "being sent"), (False, "interrupted")):
        with lease(desk, desk.device("pi")) if sending else nullcontext():
            (run,) = json.loads(edgebench("runs", "list", "--json", "--devices", "devices").stdout)["runs"]
        assert run["state"] == state


def test_a_detached_run_is_cancelled_and_forgotten(edgebench, detached, board: Board) -> None:
    detached(60)
    answer = edgebench("runs", "cancel", "ffff", "--devices", "devices")
    assert (answer.returncode, "unknown unfinished run" in answer.stderr) == (2, True)
    assert edgebench("runs", "cancel", JOB, "--devices", "devices").stdout == "ended\n"
    assert "error" in json.loads((board.home / ".edgebench" / JOB / "answer.json").read_text())
    assert edgebench("runs", "list", "--devices", "devices").stdout == "nothing is unfinished\n"


def test_an_interrupted_run_is_resumed(edgebench, detached, board: Board) -> None:
    detached(1)
    folder = board.home / ".edgebench"
    os.kill(json.loads((folder / "lease.json").read_text())["pid"], signal.SIGKILL)
    time.sleep(0.2)
    (run,) = json.loads(edgebench("runs", "list", "--json", "--devices", "devices").stdout)["runs"]
    assert run["state"] == "interrupted"
    attached = edgebench("runs", "attach", "--devices", "devices")
    assert (attached.returncode, "edgebench run --device pi --resume" in attached.stderr) == (6, True)
    resumed = edgebench("run", "--resume", "--device", "pi", "--devices", "devices", "--json")
    assert resumed.returncode == 0, resumed.stderr
    (latency,) = json.loads(resumed.stdout)["latencies"]
    assert (latency["variant"], len(latency["blocks"])) == ("net.tflite-fp32", 5)


@pytest.mark.slow
def test_a_run_is_begun_left_and_brought_home(edgebench, pi: Path, tmp_path: Path) -> None:
    write_affectnet(tmp_path / "faces", layout="2021", training=64, validation=48, seed=5)
    asked = [
        "--data",
        "faces",
        "--calibration",
        32,
        "--model",
        "mobilenet_v1_a0.35",
        "--device",
        "pi",
        "--devices",
        pi,
        "--only",
        "tflite-fp32",
        "--quick",
    ]
    begun = edgebench("run", *asked, "--rounds", 4, "--detach")
    assert begun.returncode == 0, begun.stderr
    job = begun.stdout.split()[1]
    assert f"edgebench runs attach {job}" in begun.stdout
    attached = edgebench("runs", "attach", "--devices", pi)
    assert attached.returncode == 0, attached.stderr
    assert "tflite-fp32" in attached.stdout
    again = edgebench("run", *asked, "--rounds", 4, "--json")
    assert json.loads(again.stdout)["job"]["job"] == job
