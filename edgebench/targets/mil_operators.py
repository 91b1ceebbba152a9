"""What each Core ML (MIL) operator means in ONNX: one table, one function a row.

Operators as specified in coremltools' MIL operator reference (iOS 17). A function appends ONNX nodes for
one operator to the graph; `NAMESAKES` holds those that ONNX has under another name and nothing else differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from edgebench.targets.mil_activations import ACTIVATIONS
from edgebench.targets.mil_values import Operator, ints, refuse, value_of

if TYPE_CHECKING:
    from edgebench.targets.mil_graph import Graph

NAMESAKES: Mapping[str, str] = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "real_div": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "erf": "Erf",
    "softplus": "Softplus",
    "softsign": "Softsign",
}


NO_END = 2**31 - 1
"""An index behind the last of any axis."""


def namesake(graph: Graph, op: Operator) -> None:
    names = ("x",) if op.inputs.get("y") is None else ("x", "y")
    graph.add(NAMESAKES[op.op_type], [graph.read(op.inputs[name]) for name in names], op.outputs[0])


def window_padding(op: Operator, spatial: int) -> dict[str, Any]:
    """`pad_type` and `pad` of convolutions and pools: MIL pairs them by axis, ONNX puts all beginnings first."""
    kind = str(value_of(op, "pad_type", "valid"))
    if kind in ("same", "same_lower"):
        return {"auto_pad": "SAME_UPPER" if kind == "same" else "SAME_LOWER"}
    if kind == "valid":
        return {"pads": [0] * (2 * spatial)}
    pairs = [int(p) for p in value_of(op, "pad")]
    return {"pads": pairs[0::2] + pairs[1::2]}


def conv(graph: Graph, op: Operator) -> None:
    spatial = len(op.inputs["weight"].shape) - 2
    names = [graph.read(op.inputs[name]) for name in ("x", "weight", "bias") if op.inputs.get(name) is not None]
    graph.add(
        "Conv",
        names,
        op.outputs[0],
        strides=ints(value_of(op, "strides", [1] * spatial)),
        dilations=ints(value_of(op, "dilations", [1] * spatial)),
        group=int(value_of(op, "groups", 1)),
        **window_padding(op, spatial),
    )


def pool(graph: Graph, op: Operator) -> None:
    kernel = ints(value_of(op, "kernel_sizes"))
    average = op.op_type == "avg_pool"
    extra = {"count_include_pad": int(not value_of(op, "exclude_padding_from_average", False))} if average else {}
    graph.add(
        "AveragePool" if average else "MaxPool",
        [graph.read(op.inputs["x"])],
        op.outputs[0],
        kernel_shape=kernel,
        strides=ints(value_of(op, "strides", [1] * len(kernel))),
        ceil_mode=int(value_of(op, "ceil_mode", False)),
        **window_padding(op, len(kernel)),
        **extra,
    )


def pad(graph: Graph, op: Operator) -> None:
    """MIL pads the last axes, one (before, after) pair each."""
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
    pairs = ints(value_of(op, "pad"))
    unpadded = [0] * (op.inputs["x"].rank - len(pairs) // 2)
    pads = graph.integers(unpadded + pairs[0::2] + unpadded + pairs[1::2])
    fill = graph.scalar(float(value_of(op, "constant_val", 0.0)))
    mode = modes[str(value_of(op, "mode", "constant"))]
    graph.add("Pad", [graph.read(op.inputs["x"]), pads, fill], op.outputs[0], mode=mode)


def batch_norm(graph: Graph, op: Operator) -> None:
    import numpy as np

    channels = op.inputs["mean"].shape[0]
    neutral = {"gamma": np.ones(channels, np.float32), "beta": np.zeros(channels, np.float32)}
    scale, shift = (graph.constant(value_of(op, name, neutral[name])) for name in ("gamma", "beta"))
    names = [graph.read(op.inputs["x"]), scale, shift, graph.read(op.inputs["mean"]), graph.read(op.inputs["variance"])]
    graph.add("BatchNormalization", names, op.outputs[0], epsilon=float(value_of(op, "epsilon", 1e-5)))


def linear(graph: Graph, op: Operator) -> None:
    """`x @ weight.T + bias`."""
    turned = graph.inner("Transpose", [graph.read(op.inputs["weight"])], perm=[1, 0])
    operands = [graph.read(op.inputs["x"]), turned]
    if op.inputs.get("bias") is None:
        graph.add("MatMul", operands, op.outputs[0])
    else:
        graph.add("Add", [graph.inner("MatMul", operands), graph.read(op.inputs["bias"])], op.outputs[0])


def matmul(graph: Graph, op: Operator) -> None:
    operands = []
    for name in ("x", "y"):
        operand = graph.read(op.inputs[name])
        if value_of(op, f"transpose_{name}", False):
            axes = list(range(op.inputs[name].rank))
            operand = graph.inner("Transpose", [operand], perm=[*axes[:-2], axes[-1], axes[-2]])
        operands.append(operand)
    graph.add("MatMul", operands, op.outputs[0])


def transpose(graph: Graph, op: Operator) -> None:
    graph.add("Transpose", [graph.read(op.inputs["x"])], op.outputs[0], perm=ints(value_of(op, "perm")))


def reshaped(graph: Graph, op: Operator) -> None:
    """reshape, squeeze and expand_dims: shapes are static, so the result's shape says it all."""
    shape = op.outputs[0].shape
    if not all(isinstance(size, int) for size in shape):
        raise refuse(op, "a shape known only at run time")
    graph.add("Reshape", [graph.read(op.inputs["x"]), graph.integers(shape)], op.outputs[0])


def concat(graph: Graph, op: Operator) -> None:
    if value_of(op, "interleave", False):
        raise refuse(op, "interleaving")
    graph.add("Concat", [graph.read(var) for var in op.inputs["values"]], op.outputs[0], axis=int(value_of(op, "axis")))


def slice_by_index(graph: Graph, op: Operator) -> None:
    """Python's slices, forward only; a masked begin or end is the axis' own, a squeezed axis keeps one index."""
    rank = op.inputs["x"].rank
    steps = ints(value_of(op, "stride", [1] * rank))
    if min(steps) < 1:
        raise refuse(op, "a backward stride")
    begin_open, end_open, one = (value_of(op, f"{name}_mask", [False] * rank) for name in ("begin", "end", "squeeze"))
    begins = [0 if free else begin for begin, free in zip(ints(value_of(op, "begin")), begin_open, strict=True)]
    ends = [NO_END if free else end for end, free in zip(ints(value_of(op, "end")), end_open, strict=True)]
    ends = [(begin + 1 or NO_END) if o else end for begin, end, o in zip(begins, ends, one, strict=True)]
    names = [graph.read(op.inputs["x"]), *(graph.integers(part) for part in (begins, ends, range(rank), steps))]
    kept = graph.inner("Slice", names)
    graph.add("Reshape", [kept, graph.integers(op.outputs[0].shape)], op.outputs[0])


def reduce_mean(graph: Graph, op: Operator) -> None:
    axes = value_of(op, "axes")
    extra = {} if axes is None else {"axes": ints(axes)}
    keep = int(value_of(op, "keep_dims", False))
    graph.add("ReduceMean", [graph.read(op.inputs["x"])], op.outputs[0], keepdims=keep, **extra)


def softmax(graph: Graph, op: Operator) -> None:
    graph.add("Softmax", [graph.read(op.inputs["x"])], op.outputs[0], axis=int(value_of(op, "axis", -1)))


def cast(graph: Graph, op: Operator) -> None:
    """Float types are all held as float32; the result's own type decides its rounding."""
    if str(value_of(op, "dtype")) not in ("fp16", "fp32"):
        raise refuse(op, f"the type {value_of(op, 'dtype')}")
    graph.add("Identity", [graph.read(op.inputs["x"])], op.outputs[0])


def constexpr_affine_dequantize(graph: Graph, op: Operator) -> None:
    """A stored int8 weight becomes the float constant that it stands for."""
    graph.fold(op.outputs[0], op.materialized_val_inference())


def scale_and_zero_point(graph: Graph, op: Operator, kind: str) -> list[str]:
    import numpy as np

    scale = np.asarray(value_of(op, "scale"), np.float32)
    zero = np.asarray(value_of(op, "zero_point", np.zeros_like(scale)), kind)
    return [graph.constant(scale), graph.constant(np.broadcast_to(zero, scale.shape))]


def quantize(graph: Graph, op: Operator) -> None:
    parameters = scale_and_zero_point(graph, op, str(value_of(op, "output_dtype")))
    names = [graph.read(op.inputs["input"]), *parameters]
    graph.add("QuantizeLinear", names, op.outputs[0], axis=int(value_of(op, "axis", 0)))


def dequantize(graph: Graph, op: Operator) -> None:
    kind = "uint8" if "uint8" in graph.type_name(op.inputs["input"]) else "int8"
    names = [graph.read(op.inputs["input"]), *scale_and_zero_point(graph, op, kind)]
    graph.add("DequantizeLinear", names, op.outputs[0], axis=int(value_of(op, "axis", 0)))


OPERATORS: Mapping[str, Callable[[Graph, Operator], None]] = {
    **dict.fromkeys(NAMESAKES, namesake),
    **ACTIVATIONS,
    "conv": conv,
    "max_pool": pool,
    "avg_pool": pool,
    "pad": pad,
    "batch_norm": batch_norm,
    "linear": linear,
    "matmul": matmul,
    "transpose": transpose,
    "reshape": reshaped,
    "squeeze": reshaped,
    "expand_dims": reshaped,
    "concat": concat,
    "slice_by_index": slice_by_index,
    "reduce_mean": reduce_mean,
    "softmax": softmax,
    "cast": cast,
    "constexpr_affine_dequantize": constexpr_affine_dequantize,
    "quantize": quantize,
    "dequantize": dequantize,
}
