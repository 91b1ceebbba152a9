"""Kinds of sources, told by their keys."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from edgebench.errors import SpecError
from edgebench.specs.catalog import load_model
from edgebench.specs.source import SOURCES, AnySource

READ = TypeAdapter(AnySource)


@pytest.mark.parametrize(
    ("stated", "kind", "framework", "file"),
    [
        ({"architecture": "a", "weights": "net.weights.h5"}, "ZooSource", "keras", "net.weights.h5"),
        ({"architecture": "a", "weights": "random"}, "ZooSource", "keras", None),
        ({"keras": "net.keras"}, "KerasSource", "keras", "net.keras"),
        ({"keras": "net.H5"}, "KerasSource", "keras-h5", "net.H5"),
        ({"saved_model": "net"}, "SavedModelSource", "tensorflow", "net"),
        ({"onnx": "net.onnx"}, "OnnxSource", "onnx", "net.onnx"),
        ({"tflite": "net.tflite"}, "TfliteSource", "tflite", "net.tflite"),
    ],
)
def test_a_key_tells_the_kind_and_the_kind_its_framework_and_file(stated, kind, framework, file):
    source = READ.validate_python(stated)
    assert (type(source).__name__, source.file) == (kind, file)
    if kind != "ZooSource":
        assert source.framework == framework


def test_every_row_is_a_kind():
    kinds = {definition for definition in READ.json_schema()["$defs"] if definition.endswith("Source")}
    assert set(SOURCES.values()) <= kinds


def test_a_mistyped_key_is_answered_with_every_kind(write, model_text, tmp_path):
    source = "source:\n  architecture: mobilenet_v1\n  options: {alpha: 0.5}\n  weights: random\n"
    write("net.yaml", model_text.replace(source, "source:\n  kears: net.keras\n"))
    with pytest.raises(SpecError, match=r"source: must have one of the keys .*keras, saved_model, onnx, tflite"):
        load_model("net", [tmp_path])


def test_two_kinds_at_once_are_refused():
    with pytest.raises(ValidationError):
        READ.validate_python({"keras": "net.keras", "onnx": "net.onnx"})
