"""A Keras or TensorFlow model as the frozen TensorFlow function that all three converters take."""

from __future__ import annotations

import hashlib
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from edgebench.errors import ConversionError, ModelFileError

if TYPE_CHECKING:
    from edgebench.sources import Source


def frozen_function(source: Source, contract_shape: tuple[int, ...]) -> Any:
    """A concrete function from one float32 [1, ...] tensor to the model's outputs, its weights made constants.

    Freezing here costs half a second and saves each converter its own detour over a saved model on disk.

    Raises:
        ConversionError: it has several inputs.
        ModelFileError: its input does not match the contract.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model: Any = source.model
    check_input(model, contract_shape)
    signature = [tf.TensorSpec(contract_shape, tf.float32, name="input")]
    function = tf.function(lambda inputs: tf.nest.flatten(model(inputs, training=False)), input_signature=signature)
    return convert_variables_to_constants_v2(function.get_concrete_function())


def without_duplicates(graph: Any) -> Any:
    """The GraphDef in which all read the same one of nodes that compute the same.

    Whoever merges them later keeps any of them, and with it a name that differs from process to process.
    """
    nodes = {node.name: node for node in graph.node}
    order: TopologicalSorter[str] = TopologicalSorter(
        {name: {_node_of(each) for each in node.input} for name, node in nodes.items()}
    )
    order.prepare()
    first: dict[str, str] = {}
    kept: dict[str, str] = {}
    while order.is_active():
        ready = sorted(order.get_ready())
        for name in ready:
            node = nodes[name]
            node.input[:] = [each.replace(_node_of(each), kept[_node_of(each)], 1) for each in node.input]
            kept[name] = name if node.op == "Placeholder" else first.setdefault(_computed_by(node), name)
        order.done(*ready)
    return graph


def _node_of(tensor: str) -> str:
    """`^name` is awaited, not read; `name:1` is its second result."""
    return tensor.removeprefix("^").partition(":")[0]


def _computed_by(node: Any) -> str:
    digest = hashlib.sha256(repr((node.op, list(node.input))).encode())
    for name in sorted(node.attr):
        digest.update(name.encode() + node.attr[name].SerializeToString(deterministic=True))
    return digest.hexdigest()


def check_input(model: Any, contract_shape: tuple[int, ...]) -> None:
    if len(model.inputs) != 1:
        raise ConversionError(
            f"takes {len(model.inputs)} inputs, edgebench converts models with one", subject=model.name
        )
    shape = tuple(model.inputs[0].shape)
    fits = len(shape) == len(contract_shape) and all(
        size in (None, stated) for size, stated in zip(shape[1:], contract_shape[1:], strict=True)
    )
    if not fits or contract_shape[0] != 1:
        raise ModelFileError(
            f"takes inputs of shape {shape}, its contract states {contract_shape}",
            subject=model.name,
            fix="correct `input` in the model's spec",
        )
