"""Core ML programs run anywhere: the MIL program of an .mlpackage translated to ONNX, operator by operator.

Core ML itself predicts on macOS only. The translation answers what the program says: every result of a
float16 operator is rounded to float16 (accumulation inside one operator is float32), int8 weights are the
constants they stand for, and quantize/dequantize are ONNX's. It is right for accuracy and says nothing
about latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import UnknownOperator
from edgebench.targets.coreml_package import load_program, main_function
from edgebench.targets.mil_operators import OPERATORS

if TYPE_CHECKING:
    import onnx

OPSET = 17
IR_VERSION = 8
"""The first that holds opset 17: older runtimes on small boards read it too."""


class Graph:
    """ONNX nodes under construction. Every float value is held as float32, whatever its type in MIL."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def read(self, var: Any) -> str:
        """The ONNX name of a MIL value; constants become initializers when first read."""
        if var.val is not None and var.name not in self.initializers:
            self.fold(var, var.val)
        return str(var.name)

    def fold(self, var: Any, value: Any) -> None:
        self.constant(value, name=var.name)

    def constant(self, value: Any, *, name: str = "") -> str:
        import numpy as np
        from onnx import numpy_helper

        array = np.ascontiguousarray(value)
        if np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float32)
        name = name or f"constant.{len(self.initializers)}"
        self.initializers[name] = numpy_helper.from_array(array.reshape(np.shape(value)), name)
        return name

    def scalar(self, value: float) -> str:
        return self.constant(float(value))

    def integers(self, values: Sequence[int]) -> str:
        import numpy as np

        return self.constant(np.array(values, np.int64))

    def inner(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A step inside one MIL operator: its result is not rounded."""
        name = f"inner.{len(self.nodes)}"
        self._node(op_type, inputs, name, attributes)
        return name

    def add(self, op_type: str, inputs: Sequence[str], output: Any, **attributes: Any) -> None:
        """The node that answers `output`, followed by the rounding that its MIL type asks for."""
        if self.type_name(output) != "fp16":
            self._node(op_type, inputs, output.name, attributes)
            return
        exact = f"{output.name}.exact"
        self._node(op_type, inputs, exact, attributes)
        self._node("Cast", [exact], f"{output.name}.fp16", {"to": 10})
        self._node("Cast", [f"{output.name}.fp16"], output.name, {"to": 1})

    def _node(self, op_type: str, inputs: Sequence[str], output: str, attributes: dict[str, Any]) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(op_type, list(inputs), [output], name=f"make.{output}", **attributes))

    @staticmethod
    def type_name(var: Any) -> str:
        """MIL's own name of a value's type: fp16, fp32, int8, ..."""
        from coremltools.converters.mil.mil import types

        return str(types.builtin_to_string(var.dtype))


def translate(package: Path) -> onnx.ModelProto:
    """The program of a saved .mlpackage as an ONNX model with float32 inputs and outputs of the same names.

    Raises:
        UnknownOperator: an operator has no row in `mil_operators.OPERATORS`.
        ModelFileError: the package cannot be read.
    """
    return translate_program(load_program(package))


def translate_program(program: Any) -> onnx.ModelProto:
    from onnx import TensorProto, helper

    function = main_function(program)
    for name, var in function.inputs.items():
        if Graph.type_name(var) != "fp32":
            raise UnknownOperator(f"the reference takes float32 inputs, not {Graph.type_name(var)}", subject=name)
    graph = Graph()
    for op in running(function):
        translate_operator(graph, op)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, var.shape) for name, var in function.inputs.items()
    ]
    outputs = [helper.make_tensor_value_info(var.name, TensorProto.FLOAT, var.shape) for var in function.outputs]
    made = helper.make_graph(graph.nodes, "coreml_reference", inputs, outputs, list(graph.initializers.values()))
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="edgebench")


def running(function: Any) -> list[Any]:
    """The operators left to translate: constants, and what is computed from constants alone, are values already."""
    return [op for op in function.operations if any(var.val is None for var in op.outputs)]


def translate_operator(graph: Graph, op: Any) -> None:
    if op.op_type not in OPERATORS:
        raise UnknownOperator(
            f"the Core ML reference has no translation for operator {op.op_type!r}",
            subject=op.outputs[0].name,
            fix="add a row to OPERATORS in edgebench/targets/mil_operators.py, or evaluate on macOS",
        )
    OPERATORS[op.op_type](graph, op)


def float_tensors(program: Any) -> list[str]:
    """Names of every float value that the program computes, in order of execution, with its inputs first."""
    function = main_function(program)
    computed = [
        var.name
        for op in running(function)
        if not op.op_type.startswith("constexpr_")
        for var in op.outputs
        if Graph.type_name(var) in ("fp16", "fp32")
    ]
    return [*function.inputs, *computed]
