"""What Core ML's (MIL) activations mean in ONNX, one function each; those that differ in name alone are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi
from typing import TYPE_CHECKING

from edgebench.targets.mil_values import Operator, refuse, value_of

if TYPE_CHECKING:
    from edgebench.targets.mil_graph import Graph


def relu6(graph: Graph, op: Operator) -> None:
    limits = [graph.scalar(0.0), graph.scalar(6.0)]
    graph.add("Clip", [graph.read(op.inputs["x"]), *limits], op.outputs[0])


def leaky_relu(graph: Graph, op: Operator) -> None:
    alpha = float(value_of(op, "alpha", 0.01))
    graph.add("LeakyRelu", [graph.read(op.inputs["x"])], op.outputs[0], alpha=alpha)


def silu(graph: Graph, op: Operator) -> None:
    x = graph.read(op.inputs["x"])
    graph.add("Mul", [x, graph.inner("Sigmoid", [x])], op.outputs[0])


def clip(graph: Graph, op: Operator) -> None:
    limits = [graph.scalar(float(value_of(op, name))) for name in ("alpha", "beta")]
    graph.add("Clip", [graph.read(op.inputs["x"]), *limits], op.outputs[0])


def elu(graph: Graph, op: Operator) -> None:
    graph.add("Elu", [graph.read(op.inputs["x"])], op.outputs[0], alpha=float(value_of(op, "alpha", 1.0)))


def sigmoid_hard(graph: Graph, op: Operator) -> None:
    """A line of slope `alpha` through `beta`, held in [0, 1]."""
    line = {name: float(value_of(op, name, default)) for name, default in (("alpha", 0.2), ("beta", 0.5))}
    graph.add("HardSigmoid", [graph.read(op.inputs["x"])], op.outputs[0], **line)


def thresholded_relu(graph: Graph, op: Operator) -> None:
    """What is below `alpha` becomes 0; ONNX' namesake takes alpha itself to 0 too."""
    x = graph.read(op.inputs["x"])
    kept = graph.inner("GreaterOrEqual", [x, graph.scalar(float(value_of(op, "alpha", 1.0)))])
    graph.add("Where", [kept, x, graph.scalar(0.0)], op.outputs[0])


def prelu(graph: Graph, op: Operator) -> None:
    """One slope per channel, which is the second axis."""
    slopes = value_of(op, "alpha")
    slope = graph.constant(slopes.reshape(-1, *[1] * (op.inputs["x"].rank - 2)))
    graph.add("PRelu", [graph.read(op.inputs["x"]), slope], op.outputs[0])


def gelu(graph: Graph, op: Operator) -> None:
    """Hendrycks and Gimpel 2016 (arXiv 1606.08415): x times the normal distribution's share below it."""
    x = graph.read(op.inputs["x"])
    mode = str(value_of(op, "mode", "EXACT"))
    if mode == "SIGMOID_APPROXIMATION":
        share = graph.inner("Sigmoid", [graph.inner("Mul", [x, graph.scalar(1.702)])])
    elif mode in ("EXACT", "TANH_APPROXIMATION"):
        curve = graph.inner("Erf", [scaled(graph, x, 2**-0.5)]) if mode == "EXACT" else _tanh(graph, x)
        share = scaled(graph, graph.inner("Add", [curve, graph.scalar(1.0)]), 0.5)
    else:
        raise refuse(op, f"the mode {mode}")
    graph.add("Mul", [x, share], op.outputs[0])


def _tanh(graph: Graph, x: str) -> str:
    """tanh(sqrt(2 / pi) (x + 0.044715 x^3)), near to erf(x / sqrt(2))."""
    cubed = graph.inner("Mul", [graph.inner("Mul", [x, x]), x])
    inner = graph.inner("Add", [x, scaled(graph, cubed, 0.044715)])
    return graph.inner("Tanh", [scaled(graph, inner, (2 / pi) ** 0.5)])


def scaled(graph: Graph, x: str, factor: float) -> str:
    return graph.inner("Mul", [x, graph.scalar(factor)])


ACTIVATIONS: Mapping[str, Callable[[Graph, Operator], None]] = {
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "silu": silu,
    "clip": clip,
    "elu": elu,
    "sigmoid_hard": sigmoid_hard,
    "thresholded_relu": thresholded_relu,
    "prelu": prelu,
    "gelu": gelu,
}
