"""What a net does to its pixels before anything else: arithmetic with constants, found in its graph and tried."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from edgebench.sources.onnx import session_of
from edgebench.sources.tflite import keeping_interpreter

if TYPE_CHECKING:
    import numpy as np

    Begin = Callable[[np.ndarray], np.ndarray]
    """An image -> what the arithmetic at the net's start makes of it."""

ARITHMETIC = frozenset({"add", "addv2", "sub", "rsub", "mul", "div", "realdiv"})
LOOKING = frozenset({"shape", "symsize", "asserttensormetadata"})
"""They take a tensor and leave it as it is."""
PASSING = frozenset(
    {"cast", "identity", "alias", "clone", "contiguous", "to", "transpose", "permute"}
    | {"stridedslice", "reversev2", "flip"}  # of the colours
)
RANGES = ((0, 255), (0, 1), (-1, 1))
"""What pixels may come as."""
SMALL, WIDE = (0.5, 8.0), (200.0, 256.0)
"""What trained layers expect: numbers of about one, with ImageNet's deviations up to 4.4; or pixels less their mean."""
NEAR_ZERO = 0.05
LOPSIDED = 2.0


class Operator(NamedTuple):
    """An operator of a graph, in its own framework's words."""

    kind: str
    inputs: Sequence[Hashable]
    output: Hashable


def end_of_arithmetic(operators: Iterable[Operator], image: Hashable) -> Any:
    """The last result on the one way from the image that arithmetic with constants makes; the image if there is none.

    Args:
        operators: of the whole graph, in order of execution.
        image: the graph's input.
    """
    takers: dict[Hashable, list[tuple[str, Hashable]]] = {}
    for operator in operators:
        kind = operator.kind.replace("_", "").lower()
        for name in operator.inputs if kind not in LOOKING else ():
            takers.setdefault(name, []).append((kind, operator.output))
    at, end = image, image
    while len(takers.get(at, ())) == 1:
        ((kind, at),) = takers[at]
        if kind in ARITHMETIC:
            end = at
        elif kind not in PASSING:
            break
    return end


def range_of(low: float, high: float) -> tuple[float, float] | None:
    """The one of RANGES of which the net makes numbers that trained layers expect; None where several or none fit.

    Args:
        low: what the net makes of a pixel 0, and high: of a pixel 1.
    """
    found = [(a, b) for a, b in RANGES if _expected(*sorted((low + a * (high - low), low + b * (high - low))))]
    return found[0] if len(found) == 1 else None


def _expected(low: float, high: float) -> bool:
    sides = sorted((-low, high))
    from_zero, balanced = abs(low) <= NEAR_ZERO * high, 0 < sides[1] <= LOPSIDED * sides[0]
    return (from_zero or balanced) and (SMALL[0] <= sides[1] <= SMALL[1] or WIDE[0] <= high - low <= WIDE[1])


def beginning(operators: Iterable[Operator], image: Hashable, value: Callable[[Any, np.ndarray], np.ndarray]) -> Begin:
    """What the arithmetic at the start of a graph makes of an image.

    Args:
        value: a result's name and an image -> the result.
    """
    end = end_of_arithmetic(operators, image)
    return lambda x: x if end == image else value(end, x)


def of_tensorflow(function: Any) -> Begin:
    """Of a concrete function of one image."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(function)
    (image,) = (tensor.name for tensor in frozen.inputs)
    found = frozen.graph.get_operations()
    operators = [Operator(op.type, [i.name for i in op.inputs], op.outputs[0].name) for op in found if op.outputs]

    def value(end: Any, x: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        result = frozen.prune(image, frozen.graph.get_tensor_by_name(end))(tf.constant(x))
        return result.numpy()  # type: ignore[no-any-return]

    return beginning(operators, image, value)


def of_torch(net: Any) -> Begin:
    """Of a graph module of one image."""
    nodes = list(net.graph.nodes)
    (image,) = (node for node in nodes if node.op == "placeholder")
    # `aten.mul.Tensor` is of the kind mul.
    operators = [Operator(str(node.target).split(".")[-2:][0], _results(node.args), node) for node in nodes]

    def value(end: Any, x: np.ndarray) -> np.ndarray:
        import torch

        running = torch.fx.Interpreter(net, garbage_collect_values=False)
        with torch.inference_mode():
            running.run(torch.from_numpy(x))
        return running.env[end].numpy()  # type: ignore[no-any-return]

    return beginning(operators, image, value)


def _results(arguments: Iterable[Any]) -> list[Any]:
    """Those among an operator's arguments that are results of others, each as often as it is given."""
    flat = [item for each in arguments for item in (each if isinstance(each, list | tuple) else [each])]
    return [item for item in flat if hasattr(item, "op")]


def of_onnx(model: Any) -> Begin:
    """Of a checked model of one image."""
    operators = [Operator(node.op_type, list(node.input), node.output[0]) for node in model.graph.node if node.output]

    def value(end: Any, x: np.ndarray) -> np.ndarray:
        part = type(model)()
        part.CopyFrom(model)
        del part.graph.output[:]
        part.graph.output.add().name = end
        (result,) = session_of(part).run([end], {model.graph.input[0].name: x})
        return result  # type: ignore[no-any-return]

    return beginning(operators, model.graph.input[0].name, value)


def of_tflite(data: bytes) -> Begin:
    """Of a verified file of one image."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    kinds = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    graph = model.subgraphs[0]
    operators = [Operator(kinds[op.opcodeIndex], list(op.inputs), op.outputs[0]) for op in graph.operators]
    image = graph.inputs[0]

    def value(end: Any, x: np.ndarray) -> np.ndarray:
        interpreter = keeping_interpreter(data)
        interpreter.allocate_tensors()
        interpreter.set_tensor(image, x)
        interpreter.invoke()
        return interpreter.get_tensor(end)  # type: ignore[no-any-return]

    return beginning(operators, image, value)
