"""`models import` and `models doctor` as people and scripts meet them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LABELS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """An ONNX model that tells how bright a picture is, in eight steps of its mean, for pixels of -1 to 1."""
    import onnx
    from onnx import helper, numpy_helper

    centres = np.linspace(-0.875, 0.875, 8, dtype=np.float32)
    weights = [
        numpy_helper.from_array((2 * centres)[None], "slopes"),
        numpy_helper.from_array(-(centres**2), "offsets"),
    ]
    # Nearest centre: the largest of 2 c x - c^2.
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "slopes"], ["raw"]),
        helper.make_node("Add", ["raw", "offsets"], ["scores"]),
    ]
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", 1, ["batch", 3, 16, 16])],
        [helper.make_tensor_value_info("scores", 1, ["batch", 8])],
        weights,
    )
    path = tmp_path / "brightness.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    """Gray pictures in a layout of AffectNet, as bright as their class is high."""
    folder = tmp_path / "patches"
    images, annotations = folder / "val_set" / "images", folder / "val_set" / "annotations"
    images.mkdir(parents=True)
    annotations.mkdir()
    random = np.random.default_rng(0)
    for number in range(240):
        bright = (number % 8 + random.uniform(0.1, 0.9)) * 32
        Image.fromarray(np.full((16, 16, 3), bright, np.uint8)).save(images / f"{number}.png")
        for name, value in (("exp", number % 8), ("val", -2), ("aro", -2)):
            np.save(annotations / f"{number}_{name}.npy", np.array(str(value)))
    return folder


def test_a_model_goes_from_file_to_a_spec_that_the_data_support(edgebench, net: Path, patches: Path) -> None:
    answer = edgebench("models", "import", net)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "range: [0, 1]  # not known: run `edgebench models doctor`" in answer.stdout
    assert "  edgebench models doctor brightness --data DIR" in answer.stdout
    assert edgebench("models", "validate", "brightness").returncode == 0
    again = edgebench("models", "import", net, "--json")
    assert again.returncode == 2
    assert json.loads(again.stdout)["error"]["problem"] == "stands there already"

    ill = edgebench("models", "doctor", "brightness", "--data", patches)
    assert ill.returncode == 1, ill.stderr
    assert "contradicted: rgb, [-1, 1], whole picture is better than the spec's rgb, [0, 1]" in ill.stdout
    assert "  input.range: [-1, 1]" in ill.stdout

    spec = net.parent / "model_specs" / "brightness.yaml"
    spec.write_text(spec.read_text().replace("range: [0, 1]", "range: [-1, 1]"))
    # Gray pictures are the same in either order of colours.
    well = edgebench("models", "doctor", "brightness", "--data", patches, "--json")
    found = json.loads(well.stdout)
    assert (well.returncode, found["exit_code"], found["verdict"]) == (0, 0, "supported")
    assert found["scores"][0]["score"]["value"] == 1

    spec.write_text(spec.read_text().replace("[neutral, happy, sad", "[happy, neutral, sad"))
    swapped = json.loads(edgebench("models", "doctor", "brightness", "--data", patches, "--json").stdout)
    assert swapped["labels"]["labels"] == list(LABELS)
    assert swapped["advice"] == [f"labels: [{', '.join(LABELS)}]"]

    spec.write_text(spec.read_text().replace("[happy, neutral, sad", "[neutral, sad"))
    short = edgebench("models", "validate", "brightness")
    assert short.returncode == 2
    assert "source.onnx: " in short.stdout
    assert "the spec has heads expression 7" in short.stdout


def test_few_images_cannot_tell(edgebench, net: Path, patches: Path) -> None:
    assert edgebench("models", "import", net).returncode == 0
    answer = edgebench("models", "doctor", "brightness", "--data", patches, "--limit", "16")
    assert answer.returncode == 3, answer.stderr
    assert "cannot tell: fewer than 30 labelled images decide nothing" in answer.stdout


def test_weights_alone_are_one_line_that_says_what_to_give(edgebench, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "net.pth")
    answer = edgebench("models", "import", "net.pth")
    assert (answer.returncode, answer.stderr.count("\n")) == (5, 1)
    assert "add --factory FILE.py:NAME" in answer.stderr


@pytest.mark.parametrize("size", ["0", "1x2x3", "48x", "-1", "big"])
def test_what_is_no_size_is_refused_before_anything_is_read(edgebench, size: str) -> None:
    answer = edgebench("models", "import", "net.onnx", f"--size={size}")
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert "write --size 224 or --size HEIGHTxWIDTH" in answer.stderr


@pytest.mark.parametrize("data", [b"", b"hello", b"\x08\x07" + b"\xff" * 50])
def test_a_damaged_file_is_one_line(edgebench, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    answer = edgebench("models", "import", "net.onnx")
    assert answer.returncode == 5
    assert answer.stdout == ""
    assert answer.stderr.startswith("edgebench: ")
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "model_specs").exists()
