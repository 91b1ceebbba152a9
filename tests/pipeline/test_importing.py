"""Drafts for files as users have them: they validate, load, and never replace what stands."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from edgebench.errors import EdgebenchError, ModelFileError, UsageError, WorkerDied
from edgebench.pipeline.children.workers import Task, run_tasks
from edgebench.pipeline.importing import import_model
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.catalog import models


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "home", jobs=1)


def test_a_model_is_imported_beside_other_specs_and_loads(tmp_path: Path, project: Path, empty: Workspace) -> None:
    file = tmp_path / "my files" / "Net (2021).keras"
    file.parent.mkdir()
    shutil.copy(project / "model_specs" / "tiny.keras", file)
    found = import_model(empty, file, out=tmp_path / "specs")
    assert (found.name, found.spec) == ("Net_2021", tmp_path / "specs" / "Net_2021.yaml")
    catalog = models([tmp_path / "specs"])
    assert catalog.validate(["Net_2021"]) == ()
    spec = catalog.load("Net_2021")
    assert spec.source_file() == tmp_path / "specs" / "../my files/Net (2021).keras"
    assert [(head.kind, head.output) for head in spec.heads] == [("expression", 0), ("valence_arousal", 1)]
    assert found.next[1] == f"edgebench models doctor Net_2021 --models {tmp_path / 'specs'} --data DIR"


def test_what_stands_is_never_replaced(tmp_path: Path, project: Path, empty: Workspace) -> None:
    file = project / "model_specs" / "tiny.keras"
    (tmp_path / "net.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"net\.yaml: stands there already"):
        import_model(empty, file, name="net", out=tmp_path)
    assert (tmp_path / "net.yaml").read_text() == "mine"


@pytest.mark.parametrize(("name", "message"), [("../net", "is no name"), ("", "is no name"), ("a b", "is no name")])
def test_a_name_is_one_of_a_file(tmp_path: Path, project: Path, empty: Workspace, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        import_model(empty, project / "model_specs" / "tiny.keras", name=name, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_files_are_refused_and_nothing_is_written(tmp_path: Path, project: Path, empty: Workspace) -> None:
    whole = (project / "model_specs" / "tiny.keras").read_bytes()
    file, out = tmp_path / "cut.keras", tmp_path / "out"
    for data in (whole[: len(whole) // 2], b"", b"hello"):
        file.write_bytes(data)
        with pytest.raises(ModelFileError, match=r"cut\.keras"):
            import_model(empty, file, out=out)
    with pytest.raises(UsageError, match="no such file"):
        import_model(empty, tmp_path / "gone.keras", out=out)
    assert not out.exists()


NET = """
import torch
from torch import nn


class EmotionCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.fc1, self.out = nn.Linear(128 * 6 * 6, 128), nn.Linear(128, 7)

    def forward(self, faces):
        for layer in (self.conv1, self.conv2, self.conv3):
            faces = nn.functional.max_pool2d(torch.relu(layer(faces)), 2)
        return self.out(torch.relu(self.fc1(faces.flatten(1))))
"""


def test_a_state_dict_is_imported_with_the_factory_of_its_net(tmp_path: Path, real: Path, empty: Workspace) -> None:
    pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")
    file, code = real / "models" / "emotioncnn_fer2013_state_dict.pth", tmp_path / "code" / "net.py"
    code.parent.mkdir()
    code.write_text(NET)
    found = import_model(empty, file, name="net", out=tmp_path / "specs", factory=f"{code}:EmotionCNN")
    assert "module: '../code/net.py:EmotionCNN'" in found.spec.read_text()
    spec = models([tmp_path / "specs"]).load("net")
    assert (spec.input.size, spec.input.color, spec.input.layout) == ((48, 48), "gray", "nchw")
    assert [(head.kind, head.width) for head in spec.heads] == [("expression", 7)]
    assert spec.source_file().samefile(file)


@pytest.mark.parametrize(
    ("factory", "message"),
    [("gone.py:Net", "no such file"), ("net", "names no factory"), ("a b:c", "names no factory")],
)
def test_a_factory_is_a_file_or_package_with_a_name(
    tmp_path: Path, project: Path, empty: Workspace, factory: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        import_model(empty, project / "model_specs" / "tiny.keras", out=tmp_path / "out", factory=factory)
    with pytest.raises(ModelFileError, match="takes 24x24, not 48x24"):
        import_model(empty, project / "model_specs" / "tiny.keras", out=tmp_path / "out", size=(48, 24))
    assert not (tmp_path / "out").exists()


REAL = {
    "mini_xception_102_a.h5": ((64, 64), "gray", "nhwc", "expression", 7, "softmax"),
    "emotioncnn_fer2013.onnx": ((48, 48), "gray", "nchw", "expression", 7, "logits"),
    "mlperf_tiny_resnet8_float.tflite": ((32, 32), "rgb", "nhwc", "classes", 10, "softmax"),
    "mobilenet_v1_025_224_imagenet.h5": ((224, 224), "rgb", "nhwc", "classes", 1000, "softmax"),
}


@pytest.mark.slow
@pytest.mark.parametrize("file", REAL)
def test_trained_models_of_the_wild_are_read(tmp_path: Path, real: Path, empty: Workspace, file: str) -> None:
    found = import_model(empty, real / "models" / file, name="net", out=tmp_path / "specs")
    spec = models([tmp_path / "specs"]).load("net")
    (head,) = spec.heads
    assert (
        spec.input.size,
        spec.input.color,
        spec.input.layout,
        head.kind,
        head.width,
        getattr(head, "activation", None),
    ) == REAL[file]
    assert (found.labels is not None) == (head.width == 1000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("mlperf_tiny_vww_96_int8.tflite", "takes int8, so it is quantized already"),
        ("face_detection_yunet_2023mar.onnx", "where a head is a row of numbers"),
        ("emotioncnn_fer2013_state_dict.pth", "weights without their net"),
    ],
)
def test_what_cannot_be_a_source_says_why(
    tmp_path: Path, real: Path, empty: Workspace, file: str, message: str
) -> None:
    with pytest.raises(EdgebenchError, match=message):
        import_model(empty, real / "models" / file, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["emotioncnn_fer2013.onnx", "mlperf_tiny_resnet8_float.tflite", "mlperf_tiny_resnet8.h5"]
)
def test_damage_anywhere_is_an_error_of_the_file_or_harmless(
    tmp_path: Path, real: Path, empty: Workspace, name: str
) -> None:
    whole, tasks = (real / "models" / name).read_bytes(), []
    random = Random(name)
    for number in range(30):
        data = bytearray(whole)
        if number % 3 == 0:
            del data[random.randrange(len(data)) :]
        for _ in range(number if number % 3 else 0):
            data[random.randrange(4000 if number % 2 else len(data))] = random.randrange(256)
        file = tmp_path / f"{number}_{name}"
        file.write_bytes(data)
        tasks.append(Task(file.name, "edgebench.pipeline.importing:read", {"file": file, "name": "net"}))
    errors = [outcome.error for outcome in run_tasks(tasks, jobs=2, log=empty.log)]
    assert len(errors) == 30
    assert {type(error) for error in errors if error} <= {ModelFileError, WorkerDied}
    assert sum(error is not None for error in errors) >= 10
