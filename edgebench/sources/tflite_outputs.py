"""A .tflite file with some of its outputs alone, and nothing of the net that only the others needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def with_outputs(data: bytes, places: Sequence[int]) -> bytes:
    """The file that answers those outputs, in the order in which the whole one does.

    Args:
        data: of a file that LiteRT has verified; what lies behind its flatbuffer is kept.
        places: of its main subgraph's outputs.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

    model: Any = schema.ModelT.InitFromPackedBuf(data, 0)
    main, *others = model.subgraphs
    main.outputs = [int(tensor) for place, tensor in enumerate(main.outputs) if place in places]
    main.operators = _needed(main.operators, main.outputs)
    for signature in model.signatureDefs or ():
        if signature.subgraphIndex == 0:
            signature.outputs = [entry for entry in signature.outputs if entry.tensorIndex in main.outputs]
    _forget_weights(model, main, others)
    return bytes(convert_object_to_bytearray(model))


def _needed(operators: Sequence[Any], outputs: Iterable[int]) -> list[Any]:
    """In their order; an operator that answers nothing is there for its effect."""
    needed, kept = set(outputs), []
    for operator in reversed(operators):
        results = set(_indices(operator.outputs))
        if not results or results & needed:
            needed |= set(_indices(operator.inputs))
            kept.append(operator)
    return kept[::-1]


def _forget_weights(model: Any, main: Any, others: Sequence[Any]) -> None:
    """Empties the buffers of tensors that no operator of the main subgraph touches any more."""
    touched = {*_indices(main.inputs), *main.outputs}
    for operator in main.operators:
        touched |= {*_indices(operator.inputs), *_indices(operator.outputs)}
    idle = {tensor.buffer for place, tensor in enumerate(main.tensors) if place not in touched}
    used = {tensor.buffer for place, tensor in enumerate(main.tensors) if place in touched}
    used |= {tensor.buffer for graph in others for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for place in idle - used:
        model.buffers[place].data = None


def _indices(tensors: Any) -> Iterable[int]:
    """Places of tensors, where the flatbuffer holds any: a NumPy array, a list or nothing."""
    return () if tensors is None else (int(tensor) for tensor in tensors)
