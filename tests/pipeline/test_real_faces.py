"""Nets found in the wild on real faces: the accuracies that their own frameworks measured."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.findings.results import evaluation_results
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import DataSettings

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
OPTIONS = """
manifest: fer2013_public.csv
columns: {path: file, label: emotion}
splits: {training: calib, validation: public}
ignore: [affectnet_id, fer2013_id]
"""
SPECS = {
    "mini_xception": f"""
source: {{keras: {REAL}/models/mini_xception_102_a.h5}}
input: {{size: [64, 64], color: gray, range: [-1, 1]}}
heads:
  - {{kind: expression, name: expression, labels: [angry, disgust, fear, happy, sad, surprise, neutral]}}
""",
    "emotioncnn": f"""
source: {{onnx: {REAL}/models/emotioncnn_fer2013.onnx}}
input: {{size: [48, 48], color: gray, range: [0, 1], layout: nchw}}
heads:
  - kind: expression
    name: expression
    output: 0
    activation: logits
    labels: [anger, disgust, fear, happiness, neutral, sadness, surprise]
""",
}


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real faces are not here")
@pytest.mark.parametrize(("model", "accuracy"), [("mini_xception", 0.6523), ("emotioncnn", 0.6057)])
def test_a_strangers_net_on_a_strangers_table_scores_what_its_framework_measured(
    tmp_path: Path, model: str, accuracy: float
) -> None:
    with zipfile.ZipFile(REAL / "images" / "fer2013_public.zip") as archive:
        archive.extractall(tmp_path / "faces")
    (tmp_path / "faces" / "fer2013_public.csv").write_bytes((REAL / "images" / "fer2013_public.csv").read_bytes())
    (tmp_path / "faces" / "dataset.yaml").write_text(OPTIONS)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / f"{model}.yaml").write_text(SPECS[model])
    workspace = Workspace.open(home=tmp_path / "home", model_dirs=[tmp_path / "specs"])
    choice = Choice.of(model, only="onnx-fp32")
    results = evaluation_results(
        workspace, evaluate(workspace, choice, data=DataSettings(folder=str(tmp_path / "faces")))
    )
    source, variant = results.variants
    assert source.scores is not None
    assert variant.drift is not None
    assert source.scores.samples == 3589
    assert round(source.scores.metrics["accuracy"].value, 4) == accuracy
    assert variant.drift.flips == 0
