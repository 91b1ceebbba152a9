"""The ONNX graph that a MIL program is translated into, as the rows of `mil_operators` build it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx


class Graph:
    """ONNX nodes under construction. Every float value is held as float32, whatever its type in MIL.

    Args:
        made: takes the nodes and constants as they are made: collected beside it, a large net's weights would be
            held twice.
    """

    def __init__(self, made: onnx.GraphProto) -> None:
        self.nodes = made.node
        self.initializers = made.initializer
        self._constants: set[str] = set()

    def read(self, var: Any) -> str:
        """The ONNX name of a MIL value; constants become initializers when first read."""
        if var.val is not None and var.name not in self._constants:
            self.fold(var, var.val)
        return str(var.name)

    def fold(self, var: Any, value: Any) -> None:
        self.constant(value, name=var.name)

    def constant(self, value: Any, *, name: str = "") -> str:
        import numpy as np
        from onnx import helper

        array = np.ascontiguousarray(value)
        if np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float32, copy=False)
        name = name or f"constant.{len(self.initializers)}"
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.initializers.add(name=name, dims=np.shape(value), data_type=kind, raw_data=array.tobytes())
        self._constants.add(name)
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
