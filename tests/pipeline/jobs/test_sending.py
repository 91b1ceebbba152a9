"""What a job needs on its device is there again when it is gone on with, whatever was cleaned away meanwhile."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from boards.sshd import Board

from edgebench.errors import DeviceError, JobDied, NothingMeasured
from edgebench.pipeline.device_doctor import clean
from edgebench.pipeline.jobs import tickets
from edgebench.pipeline.jobs.following import JOURNAL, carry_out
from edgebench.pipeline.jobs.sending import send, source_of
from edgebench.pipeline.jobs.tickets import Source, Ticket
from edgebench.pipeline.runs import attach, resume
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedVariant, plan_blocks, schedule_task
from edgebench.records.measurement import DeviceInfo, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.transports import connect

JOB = "0123456789abcdef"
ROUNDS = 4
MODEL, INPUTS = "models/aa/sleep.json", "inputs/faces.npy"
INFO = DeviceInfo(
    name="pi", machine="", system="", processor="", cores=1, memory_bytes=1, word_bits=64, python="", runtimes={}
)


@pytest.fixture
def desk(board: Board, tmp_path: Path) -> Iterator[Workspace]:
    ssh = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key), "python": sys.executable}
    spec = {"transport": "ssh", "ssh": ssh, "veto": {"foreign_load": 1000, "repeats": 0}}
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "pi.yaml").write_text(json.dumps(spec))
    yield Workspace.open(home=tmp_path / "store", device_dirs=[tmp_path / "devices"])
    with suppress(OSError, ValueError):
        os.killpg(lease(board)["pid"], signal.SIGKILL)


def lease(board: Board) -> dict[str, Any]:
    return json.loads((board.home / ".edgebench" / "lease.json").read_text())


def ticket_of(desk: Workspace, tmp_path: Path, **changes: Any) -> Ticket:
    """A job of a model in the store and of inputs in a file."""
    (tmp_path / "faces.npy").write_bytes(b"faces")
    settings = BenchSettings(
        rounds=ROUNDS, warmup_s=0, max_warmup_s=0, steady_change=1, measure_s=0.5, min_invocations=1
    )
    variant = PlannedVariant(variant="net.tflite-fp32", artifact="a" * 64, runtime="sleep", model=MODEL, inputs="")
    blocks = plan_blocks([variant], settings, (1,))
    task = schedule_task(JOB, blocks, settings, device=desk.device("pi"), inputs={}, journal=JOURNAL)
    files = {
        MODEL: Source(sha256=desk.store.blobs.put_bytes(b'{"sleep_ms": 1}')),
        INPUTS: source_of(tmp_path / "faces.npy"),
    }
    facts = {"job": JOB, "device": "pi", "kind": "job", "block_kind": "block", "task": task, "files": files}
    return Ticket.model_validate(facts | {"artifacts": {each.id: "a" * 64 for each in blocks}} | changes)


def killed(desk: Workspace, board: Board, ticket: Ticket) -> None:
    """A detached job that was killed when some of its blocks were finished, none of which is home."""
    job = MeasurementJob(
        job=JOB, device=INFO, settings={}, variants=("net.tflite-fp32",), datasets={}, data=DataSettings(),
        blocks=ROUNDS, started_at="",
    )  # fmt: skip
    desk.store.save(JOB, job)
    tickets.keep(desk, ticket)
    transport = connect(desk.device("pi"), desk.store.folder("devices", "pi"), JOB)
    send(desk, transport, ticket.model_copy(update={"files": ticket.files or ticket_files(desk)}))
    carry_out(desk, transport, ticket, detach=True)
    deadline = time.monotonic() + 60
    while b'"measured"' not in transport.read(JOURNAL, 0):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(lease(board)["pid"], signal.SIGKILL)


def ticket_files(desk: Workspace) -> dict[str, Source]:
    return {MODEL: Source(sha256=desk.store.blobs.put_bytes(b'{"sleep_ms": 1}'))}


def test_cleaning_refuses_to_lose_blocks_that_are_not_home(desk: Workspace, board: Board, tmp_path: Path) -> None:
    killed(desk, board, ticket_of(desk, tmp_path))
    with pytest.raises(DeviceError, match=rf"pi: [1-4] finished blocks of job {JOB}.*runs attach {JOB}; or --force"):
        clean(desk, "pi")
    assert (board.home / ".edgebench" / JOB / JOURNAL).exists()
    with pytest.raises(JobDied):
        attach(desk)
    assert clean(desk, "pi").interrupted == (JOB,)


def test_a_job_whose_files_were_cleaned_away_is_resumed(desk: Workspace, board: Board, tmp_path: Path) -> None:
    killed(desk, board, ticket_of(desk, tmp_path))
    assert clean(desk, "pi", force=True).interrupted == (JOB,)
    assert list(board.home.iterdir()) == []
    assert len(resume(desk, "pi").blocks) == ROUNDS
    assert (board.home / ".edgebench" / JOB / INPUTS).read_bytes() == b"faces"


def test_a_job_whose_inputs_have_changed_here_is_not_resumed(desk: Workspace, board: Board, tmp_path: Path) -> None:
    killed(desk, board, ticket_of(desk, tmp_path))
    (tmp_path / "faces.npy").write_bytes(b"other faces")
    with pytest.raises(DeviceError, match=r"begun with another .*faces\.npy .*run the same command again"):
        resume(desk, "pi")


def test_an_old_ticket_is_resumed_as_long_as_its_files_are_there(desk: Workspace, board: Board, tmp_path: Path) -> None:
    killed(desk, board, ticket_of(desk, tmp_path, files=None))
    clean(desk, "pi", force=True)
    with pytest.raises(DeviceError, match=rf"files of job {JOB} are gone there .*run the same command again"):
        resume(desk, "pi")


def test_a_job_whose_runtimes_were_cleaned_away_says_how_to_get_them_back(
    desk: Workspace, board: Board, tmp_path: Path
) -> None:
    ticket = ticket_of(desk, tmp_path)
    killed(desk, board, ticket)
    task = {**ticket.task, "blocks": [{**block, "runtime": "coreml"} for block in ticket.task["blocks"]]}
    tickets.keep(desk, ticket.model_copy(update={"task": task}))
    with pytest.raises(NothingMeasured, match=r"coreml is not there any more .*edgebench devices setup pi"):
        resume(desk, "pi")
