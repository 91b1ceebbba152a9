"""Trained models found in the wild, each by its own framework. See the README of the folder for what they are."""

import csv
import io
import zipfile

import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources import load_source
from edgebench.specs.model import ModelSpec

FER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
ALPHABETICAL = tuple(sorted(FER))
XCEPTION = {"keras": "mini_xception_102_a.h5"}, FER, {"size": (64, 64), "color": "gray", "range": (-1, 1)}
EMOTION_CNN = (
    {"onnx": "emotioncnn_fer2013.onnx"},
    ALPHABETICAL,
    {"size": (48, 48), "color": "gray", "range": (0, 1), "layout": "nchw"},
)


def spec(source, labels, contract):
    heads = [{"kind": "expression", "name": "expression", "labels": labels}]
    return ModelSpec(name="net", source=source, input=contract, heads=heads)


def numbered(count):
    return tuple(f"class{i}" for i in range(count))


@pytest.fixture(scope="module")
def faces(real):
    """FER2013's public test split: uint8 [3589, 48, 48] and the names of the labels."""
    from PIL import Image

    listed = csv.DictReader(io.StringIO((real / "images/fer2013_public.csv").read_text()))
    rows = [row for row in listed if row["split"] == "public"]
    with zipfile.ZipFile(real / "images/fer2013_public.zip") as archive:
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(row["file"]))).convert("L")) for row in rows]
    return np.stack(pictures), [FER[int(row["fer2013_id"])] for row in rows]


@pytest.mark.parametrize(
    ("model", "published"), [(XCEPTION, 0.6523), (EMOTION_CNN, 0.6057)], ids=["mini_xception", "emotioncnn"]
)
@pytest.mark.filterwarnings("ignore")
def test_a_real_model_reaches_its_published_accuracy(real, faces, model, published):
    import cv2

    made = spec(*model)
    pictures, truth = faces
    size, (low, high) = made.input.size, made.input.range
    resized = np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR) for picture in pictures])
    inputs = resized.astype(np.float32) / 255 * (high - low) + low
    inputs = inputs[:, None] if made.input.layout == "nchw" else inputs[..., None]
    found = load_source(made, real / "models").predict(inputs)["expression"].argmax(axis=1)
    assert np.mean([made.heads[0].labels[i] == label for i, label in zip(found, truth, strict=True)]) == pytest.approx(
        published, abs=5e-5
    )


@pytest.mark.parametrize(
    ("name", "classes", "size", "value_range"),
    [("mlperf_tiny_vww_96", 2, (96, 96), (0, 1)), ("mlperf_tiny_resnet8", 10, (32, 32), (0, 255))],
)
@pytest.mark.filterwarnings("ignore")
def test_a_net_answers_alike_as_h5_and_as_float_tflite(real, name, classes, size, value_range):
    contract = {"size": size, "range": value_range}
    inputs = np.random.default_rng(0).uniform(*value_range, (4, *size, 3)).astype(np.float32)
    answers = [
        load_source(spec(source, numbered(classes), contract), real / "models").predict(inputs)["expression"]
        for source in ({"keras": f"{name}.h5"}, {"tflite": f"{name}_float.tflite"})
    ]
    np.testing.assert_allclose(*answers, atol=1e-5)
    with pytest.raises(ModelFileError, match="is quantized already"):
        load_source(spec({"tflite": f"{name}_int8.tflite"}, numbered(classes), contract), real / "models")


@pytest.mark.filterwarnings("ignore")
def test_the_mobilenet_of_imagenet_loads_with_all_its_parameters(real):
    contract = {"size": (224, 224), "range": (-1, 1)}
    made = spec({"keras": "mobilenet_v1_025_224_imagenet.h5"}, numbered(1000), contract)
    assert load_source(made, real / "models").model.count_params() == 475_544


def test_a_face_detector_is_no_model_of_these_heads(real):
    contract = {"size": (640, 640), "range": (0, 255), "layout": "nchw"}
    with pytest.raises(ModelFileError, match=r"answers cls_8 6400x1, .*the spec has heads expression 7"):
        load_source(spec({"onnx": "face_detection_yunet_2023mar.onnx"}, FER, contract), real / "models")
