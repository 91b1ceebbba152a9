from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgebench.errors import DataError, UsageError
from edgebench.pipeline.train import train
from edgebench.pipeline.workspace import Workspace

SPEC = """\
source: {architecture: mobilenet_v1, options: {alpha: 0.25}, weights: random}
input: {size: [32, 32], range: [-1, 1]}
heads:
  - kind: expression
    name: expression
    labels: [neutral, happy, sad, surprise, fear, disgust, anger, contempt]
  - {kind: valence_arousal, name: valence_arousal}
training: {epochs: 1, batch_size: 16}
"""


def test_a_model_is_trained_and_its_weights_are_usable(fresh: Workspace, faces: Path, tmp_path: Path) -> None:
    spec = fresh.model_dirs[0] / "small.yaml"
    spec.write_text(SPEC)
    history, weights = train(fresh, "small", data=str(faces), out=fresh.model_dirs[0] / "small.weights.h5")
    assert len(history.epochs) == 1
    assert set(history.epochs[0].validation) == {"accuracy", "rmse_valence", "rmse_arousal"}

    from edgebench.sources import load_source

    spec.write_text(SPEC.replace("weights: random", f"weights: {weights.name}"))
    trained = fresh.model("small")
    assert load_source(trained, trained.folder).framework == "keras"


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"epochs": 0}])
def test_what_cannot_be_trained_is_refused_before_any_image_is_read(fresh: Workspace, wrong: dict[str, int]) -> None:
    (fresh.model_dirs[0] / "small.yaml").write_text(SPEC)
    with pytest.raises(UsageError, match="small: "):
        train(fresh, "small", data="no such folder", **wrong)  # type: ignore[arg-type]


def test_data_without_a_training_part_is_refused_by_what_was_found(
    fresh: Workspace, faces: Path, tmp_path: Path
) -> None:
    (fresh.model_dirs[0] / "small.yaml").write_text(SPEC)
    shutil.copytree(faces / "val_set", tmp_path / "only" / "val_set")
    with pytest.raises(DataError, match=r"no training part \(found: validation\)"):
        train(fresh, "small", data=str(tmp_path / "only"))


def test_only_the_zoo_can_be_trained(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(UsageError, match="tiny"):
        train(fresh, "tiny", data=str(faces))
