"""The commonest silent failures, in real models: a wrong range, a wrong order of labels."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgebench.data import open_index
from edgebench.data.synthetic import write_affectnet
from edgebench.errors import DataError, UsageError
from edgebench.pipeline.doctor import comparable, doctor
from edgebench.pipeline.workspace import Workspace
from edgebench.records.diagnosis import Diagnosis
from edgebench.specs.catalog import shipped

SHIPPED = """\
name: net
include: {file}
input: {{range: {range}}}
heads:
  - {{kind: expression, name: expression, labels: [{labels}]}}
  - {{kind: valence_arousal, name: valence_arousal}}
"""
RIGHT = "neutral, happy, sad, surprise, fear, disgust, anger, contempt"
SWAPPED = "neutral, sad, happy, surprise, fear, anger, disgust, contempt"
XCEPTION = """\
source: {{keras: {file}}}
input: {{size: [64, 64], color: gray, range: {range}}}
heads:
  - {{kind: expression, name: expression, labels: [{labels}]}}
"""
FER = "anger, disgust, fear, happiness, sadness, surprise, neutral"
ALPHABET = "anger, disgust, fear, happiness, neutral, sadness, surprise"


def at(folder: Path, spec: str, **options: str) -> Workspace:
    specs = folder / "specs"
    specs.mkdir()
    (specs / "net.yaml").write_text(spec.format(**options))
    return Workspace.open(home=folder / "home", model_dirs=[specs], jobs=2)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "faces"
    write_affectnet(folder, layout="2021", training=8, validation=104, seed=5)
    return folder


def of_shipped(folder: Path, faces: Path, value_range: str, labels: str) -> Diagnosis:
    file = str(shipped("model_specs") / "mobilenet_v1_a0.25.yaml")
    workspace = at(folder, SHIPPED, file=file, range=value_range, labels=labels)
    return doctor(workspace, "net", data=str(faces))


def test_a_wrong_range_and_swapped_labels_of_a_shipped_model_are_found_out(tmp_path: Path, drawn: Path) -> None:
    found = of_shipped(tmp_path, drawn, "[0, 255]", SWAPPED)
    assert found.verdict == "contradicted"
    assert found.best.text == "rgb, [-1, 1], whole picture"
    assert found.labels is not None
    assert ", ".join(found.labels.labels) == RIGHT
    assert found.advice == ("input.range: [-1, 1]", f"labels: [{RIGHT}]")
    assert {each.contract.crop for each in found.scores} == {"none", "landmarks"}
    assert len({each.score.value for each in found.scores}) > 5


@pytest.mark.slow
def test_a_right_spec_is_supported_where_there_are_images_enough(tmp_path: Path) -> None:
    write_affectnet(tmp_path / "faces", layout="2021", training=8, validation=320, seed=5)
    found = of_shipped(tmp_path, tmp_path / "faces", "[-1, 1]", RIGHT)
    assert (found.verdict, found.labels, found.advice) == ("supported", None, ())
    assert found.best.stated


@pytest.fixture(scope="module")
def fer(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 images of FER2013's public test split in a layout of AffectNet."""
    folder = tmp_path_factory.mktemp("fer")
    images, annotations = folder / "val_set" / "images", folder / "val_set" / "annotations"
    images.mkdir(parents=True)
    annotations.mkdir()
    with (real / "images/fer2013_public.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "public"][:300]
    with zipfile.ZipFile(real / "images/fer2013_public.zip") as archive:
        for number, row in enumerate(rows):
            (images / f"{number}.jpg").write_bytes(archive.read(row["file"]))
            for name, value in (("exp", row["affectnet_id"]), ("val", "-2"), ("aro", "-2")):
                np.save(annotations / f"{number}_{name}.npy", np.array(value))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value_range", "labels", "advice"),
    [
        ("[-1, 1]", FER, ()),
        ("[0, 255]", FER, ("input.range: [-1, 1]",)),
        ("[-1, 1]", ALPHABET, (f"labels: [{FER}]",)),
    ],
    ids=["right", "range", "labels"],
)
def test_a_model_of_the_wild_is_found_out(
    tmp_path: Path, real: Path, fer: Path, value_range: str, labels: str, advice: tuple[str, ...]
) -> None:
    file = str(real / "models/mini_xception_102_a.h5")
    found = doctor(at(tmp_path, XCEPTION, file=file, range=value_range, labels=labels), "net", data=str(fer))
    assert found.advice == advice
    assert (found.verdict == "contradicted") == bool(advice)
    assert found.best.text == "gray, [-1, 1], whole picture"
    assert found.best.score.value > 0.6


def test_random_weights_and_images_without_a_fitting_label_are_refused(tmp_path: Path, drawn: Path) -> None:
    random = "source: {{architecture: mobilenet_v1, weights: random}}\ninput: {{size: [32, 32], range: [0, 1]}}\n"
    workspace = at(tmp_path, random + "heads: [{{kind: regression, name: age, targets: [age]}}]\n")
    with pytest.raises(UsageError, match="its weights are random"):
        doctor(workspace, "net", data=str(drawn))
    (tmp_path / "specs" / "net.weights.h5").write_bytes(b"never read")
    spec = (tmp_path / "specs" / "net.yaml").read_text().replace("random", "net.weights.h5")
    (tmp_path / "specs" / "net.yaml").write_text(spec)
    with pytest.raises(DataError, match="has a label for net"):
        doctor(workspace, "net", data=str(drawn))


def test_images_without_a_box_are_passed_over_where_most_have_one(tmp_path: Path, drawn: Path) -> None:
    spec = at(tmp_path, XCEPTION, file="net.keras", range="[0, 1]", labels=FER).model("net")
    index = open_index(drawn, "validation", cache=tmp_path / "cache")
    assert index.landmarks is not None
    index.landmarks[3] = np.nan
    chosen = comparable(spec, index, limit=1000, seed=0)
    assert 3 not in chosen
    useless = (index.classes < 0) | (index.classes == index.labels.index("contempt"))
    assert {*range(len(index))} - {*chosen.tolist()} - {3} == {*np.flatnonzero(useless).tolist()}
    few = np.full_like(index.landmarks, np.nan)
    few[:4] = 1
    assert {*chosen.tolist()} < {*comparable(spec, replace(index, landmarks=few), limit=1000, seed=0).tolist()}
    counts = np.bincount(index.classes[comparable(spec, index, limit=35, seed=0)])
    assert set(counts.tolist()) == {5}
