from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import UsageError
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


def test_only_the_zoo_can_be_trained(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(UsageError, match="tiny"):
        train(fresh, "tiny", data=str(faces))
