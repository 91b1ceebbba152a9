from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Edgebench = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """
source: {architecture: mobilenet_v1, options: {alpha: 0.25}, weights: random}
input: {size: [32, 32], range: [-1, 1]}
heads:
  - {kind: classes, name: pets, labels: [cat, dog]}
"""


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for name in ("train/cat/1", "train/dog/1", "val/cat/1", "val/dog/1", "val/dog/2", "val/fox/1"):
        path = tmp_path / "pets" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30)).save(path)
    (tmp_path / "pets" / "val" / "dog" / "2.png").write_bytes(b"not a picture")
    (tmp_path / "model_specs").mkdir()
    (tmp_path / "model_specs" / "pets.yaml").write_text(SPEC)
    return tmp_path / "pets"


def test_a_set_is_shown_with_its_classes_sizes_and_broken_pictures(edgebench: Edgebench, pets: Path) -> None:
    done = edgebench("data", "show", "pets", "--model", "pets", "--sheet", "sheet.png")
    assert done.returncode == 0, done.stderr
    assert "pets (folders)" in done.stdout
    assert f"{pets}, layout folders" in done.stdout
    assert "validation: cannot be read: dog/2.png" in done.stdout
    assert "validation: the model has no class fox (1)" in done.stdout
    assert "3 pictures as pets is shown them" in done.stdout
    with Image.open(pets.parent / "sheet.png") as sheet:
        assert sheet.format == "PNG"
    found = json.loads(edgebench("data", "show", "pets", "--json").stdout)
    assert found["training"]["per_class"] == {"cat": 1, "dog": 1, "fox": 0}
    assert found["validation"]["widths"] == [40, 40, 40]
    assert [name.partition(" ")[0] for name in found["validation"]["broken"]] == ["dog/2.png"]


def test_several_annotators_of_a_manifest_are_compared(edgebench: Edgebench, pets: Path) -> None:
    rows = ["path,label_1,label_2", "val/cat/1.png,cat,cat", "val/fox/1.png,fox,dog", "val/dog/1.png,dog,dog"]
    (pets / "manifest.csv").write_text("\n".join(rows))
    done = edgebench("data", "show", "pets")
    assert done.returncode == 0, done.stderr
    assert "several annotators agree by accuracy 0.667, cohens kappa" in done.stdout
    assert "column `annotator`" not in done.stdout


def test_faces_and_unnamed_annotators_are_told(edgebench: Edgebench, pets: Path) -> None:
    faces = [f"val/{name}/1.png,{left},0,4,4,{name}" for name in ("cat", "fox") for left in (0, 4, 4)]
    (pets / "manifest.csv").write_text("\n".join(["path,x,y,width,height,label", *faces]))
    done = edgebench("data", "show", "pets")
    assert done.returncode == 0, done.stderr
    assert "validation: 4 faces in 2 pictures" in done.stdout
    assert "agree by krippendorff alpha 1.000; for more, a column `annotator`" in done.stdout


def test_a_sheet_needs_a_model(edgebench: Edgebench, pets: Path) -> None:
    done = edgebench("data", "show", "pets", "--sheet", "sheet.png")
    assert done.returncode == 2
    assert "say --model NAME too" in done.stderr
