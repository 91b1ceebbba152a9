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
    assert inspect(made, str(file))[1].compute_int8 > 0


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
