from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edgebench.errors import ModelFileError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.measure import measure
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.progress import Silent, Step
from edgebench.records.artifact import Artifact
from edgebench.records.evaluation import Evaluation
from edgebench.specs.data import CalibrationSettings, DataSettings


def of(folder: Path) -> DataSettings:
    return DataSettings(folder=str(folder), calibration=CalibrationSettings(count=32))


@dataclass
class Replacing(Silent):
    """Puts another file in a file's place when a step begins."""

    file: Path
    by: Path
    when: str

    def step(self, what: str) -> AbstractContextManager[Step]:
        if what == self.when:
            shutil.copyfile(self.by, self.file)
        return super().step(what)


@pytest.fixture
def retrained(fresh: Workspace, tmp_path: Path) -> Path:
    """The project's model with other weights."""
    import keras

    model = keras.models.load_model(fresh.model_dirs[0] / "tiny.keras")
    model.get_layer("expression").bias.assign(range(8))
    model.save(tmp_path / "retrained.keras")
    return tmp_path / "retrained.keras"


def test_a_model_gives_the_same_bytes_whatever_its_worker_converted_before(
    fresh: Workspace, made: Workspace, faces: Path
) -> None:
    (specs,) = fresh.model_dirs
    shutil.copy(specs / "tiny.yaml", specs / "twin.yaml")
    found = quantize(replace(fresh, jobs=1), Choice.of("twin,tiny", recipes="fp32"), data=of(faces))
    alone = {artifact.variant: artifact.blob for artifact in made.store.latest(Artifact)}
    assert len(found) == 6
    for artifact in found:
        assert artifact.blob == alone[artifact.variant.replace("twin", "tiny")], artifact.variant


def test_weights_replaced_before_they_are_converted_are_not_kept_as_the_old_ones(
    fresh: Workspace, faces: Path, retrained: Path
) -> None:
    progress = Replacing(fresh.model_dirs[0] / "tiny.keras", retrained, "making artifacts")
    choice = Choice.of("tiny", only="onnx-fp32")
    with pytest.raises(ModelFileError, match=r"tiny\.keras: changed while it was in use .*run again"):
        quantize(replace(fresh, progress=progress), choice, data=of(faces))
    assert not fresh.store.latest(Artifact)
    (artifact,) = quantize(fresh, choice, data=of(faces))
    assert artifact.parity is not None
    assert artifact.parity < 1e-4


def test_weights_replaced_before_they_are_evaluated_are_not_kept_as_the_old_ones(
    workspace: Workspace, faces: Path, retrained: Path
) -> None:
    progress = Replacing(workspace.model_dirs[0] / "tiny.keras", retrained, "evaluating sources")
    before = len(workspace.store.latest(Evaluation))
    with pytest.raises(ModelFileError, match="changed while it was in use"):
        evaluate(replace(workspace, progress=progress), Choice.of("tiny", only="onnx-fp32"), data=of(faces), force=True)
    assert all(row.variant != "tiny.source" for row in workspace.store.latest(Evaluation)[before:])


def test_weights_replaced_between_artifacts_and_evaluation_are_refused(
    workspace: Workspace, faces: Path, retrained: Path
) -> None:
    progress = Replacing(workspace.model_dirs[0] / "tiny.keras", retrained, "reading calibration images")
    with pytest.raises(ModelFileError, match=r"tiny\.onnx-fp32: its model or spec changed"):
        evaluate(replace(workspace, progress=progress), Choice.of("tiny", only="onnx-fp32"), data=of(faces))


def test_logits_stated_as_softmax_are_refused_before_anything_is_made(fresh: Workspace, faces: Path) -> None:
    import keras

    file = fresh.model_dirs[0] / "tiny.keras"
    model = keras.models.load_model(file)
    model.get_layer("expression").activation = keras.activations.linear
    model.save(file)
    with pytest.raises(ModelFileError, match=r"tiny\.source: expression is stated as softmax"):
        quantize(fresh, Choice.of("tiny", only="onnx-fp32"), data=of(faces))
    assert not fresh.store.latest(Artifact)


def test_an_input_contract_changed_before_it_is_timed_is_refused(
    workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    spec = workspace.model_dirs[0] / "tiny.yaml"
    (tmp_path / "changed.yaml").write_text(spec.read_text().replace("range: [-1, 1]", "range: [0, 1]"))
    progress = Replacing(spec, tmp_path / "changed.yaml", "reading calibration images")
    with pytest.raises(ModelFileError, match="tiny: `input` in its spec changed"):
        measure(replace(workspace, progress=progress), Choice.of("tiny", only="onnx-fp32"), data=of(faces))
