"""A net trained in PyTorch by others, with its images: the score that its own framework gave."""

import csv
import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgebench.sources import load_source
from edgebench.specs.model import ModelSpec

torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
LABELS = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
FER2013 = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
IMAGES = 3589
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

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="shared/real is not beside the repository")


def spec_of(**source):
    head = {"kind": "expression", "name": "expression", "labels": LABELS, "activation": "logits"}
    contract = {"size": (48, 48), "color": "gray", "layout": "nchw", "range": (0, 1)}
    return ModelSpec(name="emotioncnn", source=source, input=contract, heads=[head])


@pytest.fixture
def source(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    state = str(REAL / "models" / "emotioncnn_fer2013_state_dict.pth")
    return load_source(spec_of(torch={"module": "net.py:EmotionCNN", "state_dict": state}), tmp_path)


@pytest.fixture(scope="module")
def faces():
    """Inputs float32 [n, 1, 48, 48] of FER2013's public test split, and the expression of each."""
    from PIL import Image

    folder = REAL / "images"
    with (folder / "fer2013_public.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "public"]
    with zipfile.ZipFile(folder / "fer2013_public.zip") as archive:
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(row["file"]))).convert("L")) for row in rows]
    labels = [LABELS.index(FER2013[int(row["fer2013_id"])]) for row in rows]
    return (np.stack(pictures)[:, None] / np.float32(255)).astype(np.float32), np.array(labels)


def test_it_answers_as_its_onnx_twin_does_and_scores_as_published(source, faces):
    inputs, labels = faces
    assert len(inputs) == IMAGES
    answers = source.predict(inputs)["expression"]
    assert round(float((answers.argmax(axis=1) == labels).mean()), 4) == 0.6057
    twin = load_source(spec_of(onnx="models/emotioncnn_fer2013.onnx"), REAL)
    np.testing.assert_allclose(answers[:300], twin.predict(inputs[:300])["expression"], atol=1e-4)


def test_its_exported_program_answers_alike(source, faces, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(source.model.net, (torch.zeros(1, 1, 48, 48),)), tmp_path / "net.pt2")
    inputs = faces[0][:64]
    answers = load_source(spec_of(exported="net.pt2"), tmp_path).predict(inputs)["expression"]
    np.testing.assert_allclose(answers, source.predict(inputs)["expression"], atol=1e-5)
