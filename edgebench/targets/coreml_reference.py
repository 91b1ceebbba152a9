"""Core ML programs run anywhere: the MIL program of an .mlpackage translated to ONNX, operator by operator.

Core ML itself predicts on macOS only. The translation answers what the program says: every result of a
float16 operator is rounded to float16 (accumulation inside one operator is float32), int8 weights are the
constants they stand for, and quantize/dequantize are ONNX's. It is right for accuracy and says nothing
about latency.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import UnknownOperator
from edgebench.targets.coreml_package import load_program, main_function
from edgebench.targets.mil_graph import Graph
from edgebench.targets.mil_operators import OPERATORS

if TYPE_CHECKING:
    import onnx

OPSET = 17
IR_VERSION = 8
"""The first that holds opset 17: older runtimes on small boards read it too."""


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
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, var.shape) for name, var in function.inputs.items()
    ]
    outputs = [helper.make_tensor_value_info(var.name, TensorProto.FLOAT, var.shape) for var in function.outputs]
    empty = helper.make_graph([], "coreml_reference", inputs, outputs)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(empty, opset_imports=opsets, ir_version=IR_VERSION, producer_name="edgebench")
    graph = Graph(model.graph)
    for op in running(function):
        translate_operator(graph, op)
    return model


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
