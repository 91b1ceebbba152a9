from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import ModelFileError, UnknownName
from edgebench.pipeline.inspect import inspect
from edgebench.pipeline.workspace import Workspace


def test_a_variant_of_the_store_is_told_at_once(made: Workspace) -> None:
    subject, operators = inspect(made, "tiny.tflite-int8")
    assert subject == "tiny.tflite-int8"
    assert operators.compute_int8 == operators.compute == 4


@pytest.mark.parametrize("name", ["tiny.tflite-int8.tflite", "tiny.onnx-int8.onnx", "tiny.coreml-int8.mlpackage"])
def test_a_file_is_read_by_its_suffix(made: Workspace, name: str) -> None:
    file = made.store.home / "artifacts" / name
    operators = inspect(made, str(file))[1]
    assert operators.compute_int8 > 0
    assert {kind: sum(counts.values()) for kind, counts in operators.by_precision.items()} == operators.by_type
    assert sum(counts.get("int8", 0) for counts in operators.by_precision.values()) >= operators.int8


@pytest.mark.parametrize(
    ("variant", "kind", "precision"),
    [
        ("tflite-fp32", "CONV_2D", "fp32"),
        ("tflite-fp16", "CONV_2D", "fp32"),
        ("tflite-int8", "CONV_2D", "int8"),
        ("onnx-int8", "QLinearConv", "int8"),
        ("coreml-fp32", "conv", "fp32"),
        ("coreml-fp16", "conv", "fp16"),
        ("coreml-int8", "conv", "int8"),
    ],
)
def test_every_kind_of_operator_says_what_it_computes_in(
    made: Workspace, variant: str, kind: str, precision: str
) -> None:
    operators = inspect(made, f"tiny.{variant}")[1]
    assert operators.by_precision[kind] == {precision: operators.by_type[kind]}


def test_an_unknown_variant_and_an_unknown_suffix_are_answered(made: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"tiny\.tflite-int8"):
        inspect(made, "tinny.tflite-int8")
    (tmp_path / "net.pt").write_bytes(b"")
    with pytest.raises(UnknownName, match=r"\.tflite"):
        inspect(made, str(tmp_path / "net.pt"))


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_truncated_file_is_one_clear_error(made: Workspace, tmp_path: Path, suffix: str) -> None:
    whole = (made.store.home / "artifacts" / f"tiny.{suffix}-fp32.{suffix}").read_bytes()
    file = tmp_path / f"cut.{suffix}"
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFileError, match="cut"):
        inspect(made, str(file))
