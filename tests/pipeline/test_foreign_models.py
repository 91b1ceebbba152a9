"""Models that reach some formats only go the same road, and say what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebench.errors import ConversionError, ModelFileError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.progress import Silent
from edgebench.specs.data import CalibrationSettings, DataSettings

SPEC = """\
source: {onnx: net.onnx}
input: {size: [24, 24], range: [-1, 1], layout: nchw}
heads:
  - {kind: valence_arousal, name: valence_arousal}
"""


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def workspace(tmp_path: Path, notes: Notes) -> Workspace:
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.4, shape).astype(np.float32), name)
        for name, shape in (("kernel", (8, 3, 3, 3)), ("dense", (8, 2)))
    ]
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense"], ["raw"]),
        helper.make_node("Tanh", ["raw"], ["answer"]),
    ]
    image = helper.make_tensor_value_info("image", 1, ["batch", 3, 24, 24])
    answer = helper.make_tensor_value_info("answer", 1, ["batch", 2])
    graph = helper.make_graph(nodes, "net", [image], [answer], weights)
    specs = tmp_path / "specs"
    specs.mkdir()
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6), specs / "net.onnx")
    (specs / "net.yaml").write_text(SPEC)
    return Workspace.open(home=tmp_path / "home", model_dirs=[specs], jobs=2, progress=notes)


def of(faces: Path) -> DataSettings:
    return DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))


def test_by_default_the_formats_in_reach_are_made_and_the_others_named(
    workspace: Workspace, notes: Notes, faces: Path
) -> None:
    rows = evaluate(workspace, Choice.of("net"), data=of(faces))
    assert [row.variant for row in rows] == ["net.source", "net.onnx-fp32", "net.onnx-fp16", "net.onnx-int8"]
    assert rows[0].runtime == "onnx"
    assert "onnxruntime" in rows[0].host
    way_round = "(fix: give the Keras or PyTorch model that the file was made from)"
    assert f"net: coreml is left out: coremltools no longer reads ONNX {way_round}" in notes.said
    assert any(said.startswith("net: tflite is left out: ") for said in notes.said)


def test_asking_for_a_format_out_of_reach_names_the_reason(workspace: Workspace, faces: Path) -> None:
    with pytest.raises(ConversionError, match=r"net\.coreml: coremltools no longer reads ONNX .*Keras or PyTorch"):
        quantize(workspace, Choice.of("net", formats="onnx,coreml"), data=of(faces))


def test_a_damaged_file_is_refused_by_its_name(workspace: Workspace, faces: Path) -> None:
    (workspace.model_dirs[0] / "net.onnx").write_bytes(b"hello")
    with pytest.raises(ModelFileError, match=r"net\.onnx: cannot be read as an ONNX model"):
        quantize(workspace, Choice.of("net"), data=of(faces))
