"""An ONNX model with some of its outputs alone, and nothing of the net that only the others needed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx


def keep_outputs(model: onnx.ModelProto, names: Collection[str]) -> None:
    """Removes the other outputs, the nodes that nothing else reads, and their weights."""
    graph, needed = model.graph, set(names)
    _keep(graph.output, lambda value: value.name in needed)
    for place in reversed(range(len(graph.node))):
        node = graph.node[place]
        if needed.intersection(node.output):
            needed |= _read_by(node)
        else:
            del graph.node[place]
    _keep(graph.initializer, lambda tensor: tensor.name in needed)
    _keep(graph.sparse_initializer, lambda tensor: tensor.values.name in needed)


def _keep(items: Any, wanted: Callable[[Any], bool]) -> None:
    for place in reversed(range(len(items))):
        if not wanted(items[place]):
            del items[place]


def _read_by(node: onnx.NodeProto) -> set[str]:
    """Names that a node reads, those inside its bodies included: they see the graph around them."""
    bodies = [body for attribute in node.attribute for body in (attribute.g, *attribute.graphs)]
    inside = {name for body in bodies for each in body.node for name in _read_by(each)}
    read = {*node.input, *inside, *(value.name for body in bodies for value in body.output)}
    return read - {""}  # an optional input that is absent
