"""Which formats a source reaches, and why not the others."""

import subprocess
import sys
from importlib import metadata

import pytest

from edgebench.errors import ConversionError, MissingPackage
from edgebench.specs.model import ModelSpec
from edgebench.targets import TARGETS
from edgebench.targets.reach import available_formats, check_reach, left_out, reachable

ALL = ("tflite", "onnx", "coreml")
REACH = {
    "net.keras": ("keras", ALL),
    "net.h5": ("keras", ALL),
    "folder": ("saved_model", ALL),
    "net.onnx": ("onnx", ("onnx",)),
    "net.tflite": ("tflite", ("tflite",)),
    "net.pt2": ("exported", ALL),
}


def spec(file: str) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "net",
            "source": {REACH[file][0]: file},
            "input": {"size": (8, 8), "range": (0, 1)},
            "heads": [{"kind": "valence_arousal", "name": "va"}],
        }
    )


@pytest.mark.parametrize("file", REACH)
def test_every_kind_of_source_says_what_it_reaches(file):
    found = REACH[file][1]
    assert reachable(spec(file)) == available_formats(spec(file)) == found
    assert set(left_out(spec(file))) == set(ALL) - set(found)


@pytest.mark.parametrize(
    ("file", "format_name", "reason"),
    [
        ("net.onnx", "coreml", r"net\.coreml: coremltools no longer reads ONNX \(fix: give the Keras or PyTorch model"),
        ("net.onnx", "tflite", "edgebench makes no tflite of onnx models"),
        ("net.tflite", "coreml", r"coremltools reads no \.tflite file"),
    ],
)
def test_asking_for_another_names_the_reason_and_the_way_round(file, format_name, reason):
    with pytest.raises(ConversionError, match=reason):
        check_reach(spec(file), format_name)
    check_reach(spec("net.keras"), format_name)


def test_a_format_is_not_available_where_one_of_its_packages_is_absent(lab, monkeypatch):
    installed = metadata.version

    def without_coremltools(package):
        if package == "coremltools":
            raise metadata.PackageNotFoundError(package)
        return installed(package)

    monkeypatch.setattr("edgebench.targets.border.version", without_coremltools)
    assert available_formats(spec("net.keras")) == ("tflite", "onnx")
    assert left_out(spec("net.keras")) == {"coreml": "package coremltools is not installed"}
    assert reachable(spec("net.keras")) == ALL
    with pytest.raises(MissingPackage, match="package coremltools: is not installed"):
        lab.target("coreml").tools("keras")


def test_every_row_of_every_target_names_a_function():
    from edgebench.registry import resolve

    for name in TARGETS:
        for framework, row in resolve(TARGETS, name, kind="format").converters.items():
            assert framework == "torch" or callable(resolve({"row": row.function}, "row", kind="converter"))


def test_asking_what_is_available_imports_no_converter():
    code = (
        "import sys; from edgebench.specs.model import ModelSpec; from edgebench.targets.reach import left_out\n"
        "spec = ModelSpec(name='net', source={'onnx': 'net.onnx'}, input={'size': (8, 8), 'range': (0, 1)},"
        " heads=[{'kind': 'valence_arousal', 'name': 'va'}])\n"
        "left_out(spec); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "onnx", "onnxruntime", "coremltools", "ai_edge_quantizer", "numpy"} & {*loaded}


def test_without_pytorch_its_models_reach_nothing_and_the_extra_is_named(monkeypatch):
    installed = metadata.version

    def without_torch(package):
        if package == "torch":
            raise metadata.PackageNotFoundError(package)
        return installed(package)

    monkeypatch.setattr("edgebench.targets.border.version", without_torch)
    assert set(left_out(spec("net.pt2"))) == set(ALL)
    with pytest.raises(
        MissingPackage, match=r"package torch: is not installed \(fix: pip install 'edgebench\[torch\]'"
    ):
        available_formats(spec("net.pt2"))
    assert available_formats(spec("net.keras")) == ALL
