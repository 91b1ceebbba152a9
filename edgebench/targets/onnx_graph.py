"""ONNX models read, checked, renamed, and run with every intermediate tensor kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import onnx

COMPUTE = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
ACTIVATIONS = frozenset({"Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish"})
"""What runtimes compute within the operator before it, on its way to QuantizeLinear."""
COUNTER = re.compile(r"__\d+")


def read(file: Path) -> onnx.ModelProto:
    """A checked model. What the parser and the checker raise passes through: call it under `border.reading`."""
    import onnx

    model = onnx.load_model_from_string(file.read_bytes())
    onnx.checker.check_model(model)
    return model


def write(model: onnx.ModelProto, out: Path) -> None:
    """Equal models become equal bytes: who produced them, when and in which session does not show."""
    model.producer_name, model.producer_version, model.doc_string = "edgebench", "", ""
    model.graph.name, model.graph.doc_string = "main", ""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    out.write_bytes(model.SerializeToString(deterministic=True))


def canonical_names(model: onnx.ModelProto) -> None:
    """Makes names depend on the graph alone.

    tf2onnx puts a session-wide counter into them, and of two equal constants keeps either one's name: results
    get counters of this model, constants the name of the node that reads them first.
    """
    graph = model.graph
    known: dict[str, str] = {}
    for node in graph.node:
        node.name = COUNTER.sub(lambda match: known.setdefault(match.group(), f"__{len(known)}"), node.name)
    constants = {tensor.name for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in constants:
                renamed.setdefault(name, f"{node.name}/{index}")
    kept = {value.name for value in graph.output}
    renamed |= {
        name: f"{node.name}:{i}" for node in graph.node for i, name in enumerate(node.output) if name not in kept
    }
    rename(model, renamed)
    ordered = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(ordered)
    del graph.value_info[:]


def rename(model: onnx.ModelProto, names: Mapping[str, str]) -> None:
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for tensor in model.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)


def session(model: onnx.ModelProto) -> Any:
    """An onnxruntime session on one thread, silent below errors."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Probe:
    """A model that answers every tensor of `names` besides its outputs.

    Args:
        names: tensors to answer, in the order wanted; by default every result, in order of execution.
    """

    def __init__(self, model: onnx.ModelProto, names: Sequence[str] | None = None) -> None:
        import onnx

        self.inputs = [value.name for value in model.graph.input]
        results = [name for node in model.graph.node for name in node.output if name]
        self.names = [name for name in (results if names is None else names) if name not in self.inputs]
        exposed = onnx.ModelProto()
        exposed.CopyFrom(model)
        outputs = {value.name for value in model.graph.output}
        exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.names if name not in outputs)
        self._session = session(exposed)

    def run(self, sample: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """The input and then each named tensor, for one float32 sample."""
        yield self.inputs[0], sample
        yield from zip(self.names, self._session.run(self.names, {self.inputs[0]: sample}), strict=True)


def first_nonfinite(model: onnx.ModelProto, sample: np.ndarray, names: Sequence[str] | None = None) -> str | None:
    """Name of the first tensor that holds NaN or infinity on `sample`."""
    import numpy as np

    for name, values in Probe(model, names).run(sample):
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            return name
    return None


def operators(model: onnx.ModelProto) -> Iterator[tuple[str, bool]]:
    """(operator type, computes in int8) of every node, judged by the quantize/dequantize nodes around it."""
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output}
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    constants = {tensor.name for tensor in graph.initializer}

    def dequantized(name: str) -> bool:
        return name in producers and producers[name].op_type == "DequantizeLinear"

    def goes_to_int8(name: str) -> bool:
        readers = consumers.get(name, [])
        if len(readers) == 1 and readers[0].op_type in ACTIVATIONS:
            return goes_to_int8(readers[0].output[0])
        return any(reader.op_type == "QuantizeLinear" for reader in readers)

    def comes_from_int8(node: onnx.NodeProto) -> bool:
        if node.op_type in ACTIVATIONS and not dequantized(node.input[0]):
            before = producers.get(node.input[0])
            return before is not None and before.op_type != "QuantizeLinear" and comes_from_int8(before)
        data = [name for name in node.input if name and (node.op_type in COMPUTE or name not in constants)]
        return bool(data) and all(dequantized(name) for name in data)

    for node in graph.node:
        yield node.op_type, comes_from_int8(node) and all(goes_to_int8(name) for name in node.output)
