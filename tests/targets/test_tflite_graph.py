from __future__ import annotations

from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgebench.errors import ModelFileError
from edgebench.targets.tflite_graph import TfliteGraph


def moved_behind(data: bytes) -> bytes:
    """The same model with the bytes of every buffer behind the flatbuffer, as large files have them."""

    def packed(model: schema.ModelT) -> bytes:
        builder = flatbuffers.Builder(len(data))
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    contents = {i: bytes(b.data) for i, b in enumerate(model.buffers) if b.data is not None and len(b.data)}
    for i, content in contents.items():
        model.buffers[i].data, model.buffers[i].offset, model.buffers[i].size = None, 1, len(content)
    start = place = -(-len(packed(model)) // 16) * 16
    for i, content in contents.items():
        model.buffers[i].offset = place
        place += -(-len(content) // 16) * 16
    whole = bytearray(packed(model).ljust(start, b"\0"))
    for content in contents.values():
        whole += content.ljust(-(-len(content) // 16) * 16, b"\0")
    return bytes(whole)


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8"])
def test_operators_are_read_alike_wherever_the_weights_lie(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path, recipe: str
) -> None:
    inside = TfliteGraph(artifacts["tflite", recipe])
    file = tmp_path / "behind.tflite"
    file.write_bytes(moved_behind(inside.data))
    behind = TfliteGraph(file)
    assert behind.operators == inside.operators
    assert [behind.precision(op) for op in behind.operators] == [inside.precision(op) for op in inside.operators]
    tensors = range(len(inside.tensors))
    assert [behind.is_constant(i) for i in tensors] == [inside.is_constant(i) for i in tensors]


def test_a_file_of_another_format_is_named(tmp_path: Path) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(b"PK\x03\x04 nothing of the kind")
    with pytest.raises(ModelFileError, match=r"net\.tflite"):
        TfliteGraph(file)
