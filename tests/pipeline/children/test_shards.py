"""Shards over real agent processes; the planted-sleep runtime stands for a model that takes its time."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgebench.agent import AGENT
from edgebench.errors import AgentFailed, EdgebenchError
from edgebench.pipeline.children.shards import PredictJob, predict_all
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


def claimed(workspace: Workspace) -> int:
    return len(list((workspace.store.home / "tmp").glob("*/claims/*")))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_process_that_dies_costs_one_shard(tmp_path: Path, images: Path, jobs: int) -> None:
    workspace = Workspace.open(home=tmp_path / "home", jobs=jobs)
    answers = predict_all(workspace, planned := shards(tmp_path, images, sleep_ms=150, size=8))
    found = [next(answers)]
    before = claimed(workspace)
    wait_for(lambda: claimed(workspace) > before or before > jobs)
    time.sleep(0.2)  # what was claimed just now takes 1.2 s: this is in the middle of it
    os.kill(agents_of(workspace)[0], signal.SIGKILL)
    found += list(answers)
    failed = [answer for answer in found if answer.error]
    assert sorted(answer.job.start for answer in found) == [job.start for job in planned]
    assert len(failed) == 1
    assert isinstance(failed[0].error, AgentFailed)
    assert "sleeper" in failed[0].error.subject


def test_a_process_that_dies_between_two_shards_costs_none(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one process of the team answers its first shard and ends; another goes on."""
    agent = tmp_path / AGENT.name
    told = 'emit({"shard": place, "answer": predicted(loaded, shard)})'
    dying = f"{told}\n            if place == 0:\n                os._exit(1)"
    assert told in AGENT.read_text()
    agent.write_text(AGENT.read_text().replace(told, dying))
    monkeypatch.setattr("edgebench.transports.AGENT", agent)
    workspace = Workspace.open(home=tmp_path / "home", jobs=1)
    answers = list(predict_all(workspace, shards(tmp_path, images, sleep_ms=1)))
    assert len(answers) == 10
    assert not [answer.error for answer in answers if answer.error]


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
