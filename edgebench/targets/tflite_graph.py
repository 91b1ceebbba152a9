"""A .tflite file as its flatbuffer says it, and run with every intermediate tensor kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

    from edgebench.records.artifact import Precision

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TensorFlow Lite flatbuffer."""


@dataclass(frozen=True)
class TfliteOperator:
    """One operator: its tensors by index, `None` standing for an optional input that is absent."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class TfliteGraph:
    """The main subgraph of a verified file.

    Raises:
        ModelFileError: the file lacks the identifier of TensorFlow Lite. Damage inside raises what the
            parser raises: construct it under `border.reading`.
    """

    def __init__(self, file: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.data = file.read_bytes()
        if self.data[4:8] != IDENTIFIER:
            raise ModelFileError("not a TensorFlow Lite file", subject=str(file))
        self.interpreter = _interpreter(self.data)  # verifies the flatbuffer, which the Python parser does not
        model = schema.ModelT.InitFromPackedBuf(self.data, 0)
        graph = model.subgraphs[0]
        names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
        codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
        self.operators = [
            TfliteOperator(codes[op.opcodeIndex], tuple(i for i in op.inputs if i >= 0), tuple(op.outputs))
            for op in graph.operators
        ]
        self.tensors = graph.tensors
        self.inputs = tuple(graph.inputs)
        # A buffer's bytes lie in the flatbuffer, or behind it with their place stated.
        self._filled = {i for i, buffer in enumerate(model.buffers) if buffer.size or _holds(buffer.data)}
        self._int8 = schema.TensorType.INT8
        self._floats: dict[Precision, int] = {"fp32": schema.TensorType.FLOAT32, "fp16": schema.TensorType.FLOAT16}

    def name(self, tensor: int) -> str:
        return str(self.tensors[tensor].name.decode())

    def is_constant(self, tensor: int) -> bool:
        return self.tensors[tensor].buffer in self._filled

    def precision(self, operator: TfliteOperator) -> Precision:
        """int8 when everything it computes from and to is; float when any of it is."""
        activations = [i for i in operator.inputs if not self.is_constant(i)]
        types = {self.tensors[i].type for i in [*activations, *operator.outputs]}
        if types == {self._int8}:
            return "int8"
        return next((name for name, type_ in self._floats.items() if type_ in types), "other")

    def constant(self, tensor: int) -> np.ndarray:
        self.interpreter.allocate_tensors()
        values: np.ndarray = self.interpreter.get_tensor(tensor)
        return values

    def run(self, sample: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """The input and then every float operator result for one float32 sample, in order of execution."""
        import numpy as np

        self.interpreter.allocate_tensors()
        detail = self.interpreter.get_input_details()[0]
        scale, zero_point = detail["quantization"]
        given = sample if scale == 0 else np.clip(np.round(sample / scale) + zero_point, -128, 127)
        self.interpreter.set_tensor(detail["index"], given.astype(detail["dtype"]))
        self.interpreter.invoke()
        for tensor in [*self.inputs, *(i for op in self.operators for i in op.outputs)]:
            values = self.interpreter.get_tensor(tensor)
            if np.issubdtype(values.dtype, np.floating):
                yield self.name(tensor), values


def _holds(data: np.ndarray | None) -> bool:
    return data is not None and len(data) > 0


def _interpreter(data: bytes) -> Any:
    """One thread, and no delegate: a delegate leaves the tensors inside it unwritten, and reading them crashes."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=data,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
