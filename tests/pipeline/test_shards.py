"""Shards over real agent processes; the planted-sleep runtime stands for a model that takes its time."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from edgebench.errors import AgentFailed, EdgebenchError
from edgebench.pipeline.shards import PredictJob, predict_all
from edgebench.pipeline.workspace import Workspace

AFFINE = {"layout": "nhwc", "scale": [1.0], "offset": [0.0]}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "home", jobs=2)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.zeros((40, 2, 2, 1), np.uint8))
    return path


def shards(tmp_path: Path, images: Path, *, sleep_ms: float, size: int = 4) -> list[PredictJob]:
    model = tmp_path / "sleep.json"
    model.write_text(json.dumps({"sleep_ms": sleep_ms}))
    return [
        PredictJob("k", "sleeper", "sleep", model, images, start, start + size, AFFINE) for start in range(0, 40, size)
    ]


def agents_of(workspace: Workspace) -> list[int]:
    """Process ids of the agents at work in the store."""
    folder = str(workspace.store.home / "agents")
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if _cwd(pid) == folder]


def _cwd(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def test_every_shard_is_answered_once(workspace: Workspace, tmp_path: Path, images: Path) -> None:
    jobs = shards(tmp_path, images, sleep_ms=1)
    assert sorted(answer.job.start for answer in predict_all(workspace, jobs)) == [job.start for job in jobs]


def test_two_processes_share_the_work(workspace: Workspace, tmp_path: Path, images: Path) -> None:
    answers = predict_all(workspace, shards(tmp_path, images, sleep_ms=10))
    next(answers)
    assert len(agents_of(workspace)) == 2
    answers.close()


def test_a_process_that_dies_costs_no_more_than_its_shard(workspace: Workspace, tmp_path: Path, images: Path) -> None:
    answers = predict_all(workspace, jobs := shards(tmp_path, images, sleep_ms=30))
    found = [next(answers)]
    time.sleep(0.06)  # in the middle of a shard, but on a busy machine perhaps between two
    os.kill(agents_of(workspace)[0], signal.SIGKILL)
    found += list(answers)
    failed = [answer for answer in found if answer.error]
    assert sorted(answer.job.start for answer in found) == [job.start for job in jobs]
    assert len(failed) <= 1
    assert all(isinstance(answer.error, AgentFailed) and "sleeper" in answer.error.subject for answer in failed)


def test_a_shard_that_cannot_be_done_fails_alone(workspace: Workspace, tmp_path: Path, images: Path) -> None:
    beyond = PredictJob("k", "sleeper", "sleep", tmp_path / "sleep.json", images, 30, 50, AFFINE)
    jobs = [beyond, *shards(tmp_path, images, sleep_ms=1)]
    failed = {answer.job.stop: answer.error for answer in predict_all(workspace, jobs) if answer.error}
    assert list(failed) == [50]
    assert "ends before image 50" in str(failed[50])


def test_a_model_that_does_not_load_fails_alone(workspace: Workspace, tmp_path: Path, images: Path) -> None:
    missing = PredictJob("k", "absent", "sleep", tmp_path / "absent.json", images, 0, 4, AFFINE)
    answers = list(predict_all(workspace, [missing, *shards(tmp_path, images, sleep_ms=1)]))
    assert [answer.job.subject for answer in answers if answer.error] == ["absent"]


def test_processes_that_cannot_start_leave_no_shard_unanswered(
    workspace: Workspace, tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/absent/python")
    answers = list(predict_all(workspace, shards(tmp_path, images, sleep_ms=1)))
    assert len(answers) == 10
    assert all(isinstance(answer.error, EdgebenchError) for answer in answers)


def test_leaving_early_ends_the_processes_and_their_files(workspace: Workspace, tmp_path: Path, images: Path) -> None:
    answers = predict_all(workspace, shards(tmp_path, images, sleep_ms=100))
    next(answers)
    began = time.monotonic()
    answers.close()
    assert time.monotonic() - began < 1
    assert not agents_of(workspace)
    assert not list((workspace.store.home / "tmp").iterdir())
