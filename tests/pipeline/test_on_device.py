"""Accuracy by a device's own answers: over a real sshd, beside the host's."""

from __future__ import annotations

import fcntl
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from boards.sshd import Board
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import DeviceError
from edgebench.pipeline import on_device
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.on_device import evaluate_on_device, part_of
from edgebench.pipeline.workspace import Workspace
from edgebench.records.evaluation import Evaluation
from edgebench.records.on_device import DeviceEvaluation, OnDevice
from edgebench.specs.data import CalibrationSettings, DataSettings


class Notes:
    """Listens to what is worth a line."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def there(workspace: Workspace, board: Board) -> Workspace:
    """A workspace that knows the board as `pi`."""
    devices = workspace.store.home.parent / "devices"
    devices.mkdir()
    ssh = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key), "python": sys.executable}
    (devices / "pi.yaml").write_text(json.dumps({"transport": "ssh", "ssh": ssh}))
    return Workspace.open(home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[devices], jobs=2)


def answered(workspace: Workspace, faces: Path, only: str = "tflite-*", **options: object) -> dict[str, OnDevice]:
    data = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))
    found = evaluate_on_device(workspace, Choice.of("tiny", only=only), device="pi", data=data, **options)  # type: ignore[arg-type]
    return {each.variant: each for each in found}


def test_a_device_s_own_accuracy_stands_beside_the_host_s_and_never_in_its_place(
    there: Workspace, faces: Path, board: Board
) -> None:
    before = there.store.latest(Evaluation)
    found = answered(there, faces)
    assert sorted(found) == ["tiny.tflite-fp16", "tiny.tflite-fp32", "tiny.tflite-int8"]
    here = {row.variant: row.scores for row in gather(there).variants}
    for variant, each in found.items():
        assert (each.images, each.of) == (49, 49)
        assert (each.drift.flips, each.largest_difference) == (0, 0.0)
        assert each.scores == here[variant]
    assert {each.variant for each in there.store.latest(Evaluation)} == {each.variant for each in before}
    assert {each.device.name for each in there.store.latest(DeviceEvaluation)} == {"pi"}
    assert not list((board.home / ".edgebench" / "evaluation" / "answers").iterdir())


def test_a_device_that_measures_somebody_s_job_is_not_evaluated_on(there: Workspace, faces: Path, board: Board) -> None:
    home = board.home / ".edgebench"
    home.mkdir()
    (home / "lease.json").write_text(json.dumps({"job": "0123456789abcdef", "holder": "ann@desk"}))
    with (home / "lease.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DeviceError, match="in use: job 0123456789abcdef of ann@desk"):
            answered(there, faces, only="tflite-int8")
    assert there.store.latest(DeviceEvaluation) == []


def test_what_is_kept_is_not_asked_again_and_a_part_of_the_images_is_paired(
    there: Workspace, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_device, "FEWEST", 12)
    listener = Notes()
    monkeypatch.setattr(type(there.progress), "note", lambda _, text: listener.note(text))
    (part,) = answered(there, faces, only="tflite-int8", limit_s=1e-6).values()
    assert (part.images, part.of, part.drift.samples, part.drift.flips) == (12, 49, part.drift.samples, 0)
    assert any("12 of them have to do, in the proportions of the classes" in note for note in listener.notes)
    kept = there.store.latest(DeviceEvaluation)
    assert answered(there, faces, only="tflite-int8", limit_s=1e-6) == {part.variant: part}
    assert there.store.latest(DeviceEvaluation) == kept


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=300), st.integers(1, 300))
def test_a_part_holds_every_class_in_its_proportion(classes: list[int], count: int) -> None:
    places = part_of(np.array(classes), count)
    assert len(places) == min(count, len(classes))
    assert len(set(places.tolist())) == len(places)
    assert (np.diff(places) > 0).all()
    for label in set(classes):
        share = classes.count(label) / len(classes)
        assert abs(np.count_nonzero(np.array(classes)[places] == label) - share * len(places)) <= 2


def test_all_images_are_a_part_as_well() -> None:
    assert part_of(np.array([2, 0, 1]), 9).tolist() == [0, 1, 2]
