"""ONNX models read, checked, renamed, and run with every intermediate tensor kept."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import onnx

    from edgebench.records.artifact import Precision

FLOAT_COMPUTE = ("Conv", "ConvTranspose", "MatMul", "Gemm", "FusedConv", "FusedMatMul", "FusedGemm")
INT8_COMPUTE = ("QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger")
COMPUTE = frozenset({*FLOAT_COMPUTE, *INT8_COMPUTE})
INT8 = ("QLinear", *INT8_COMPUTE)
"""How the names of onnxruntime's int8 operators begin."""
PRECISIONS: Mapping[int, Precision] = {1: "fp32", 10: "fp16", 2: "int8", 3: "int8"}
"""By ONNX' numbers of element types: floats, and unsigned and signed bytes."""
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


def canonical(model: onnx.ModelProto) -> None:
    """Makes the order of the nodes and all names depend on what is computed alone.

    tf2onnx orders by names, puts a session-wide counter into those it makes up, and of two equal constants keeps either
    one's: what it made up gets counters of this model, results and constants get the name of their node.
    """
    graph = model.graph
    ordered = _in_order(model)
    del graph.node[:]
    graph.node.extend(ordered)
    known: dict[str, int] = {}
    for node in graph.node:
        if COUNTER.search(node.name):
            known[node.op_type] = number = known.get(node.op_type, -1) + 1
            node.name = f"{node.op_type}__{number}"
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
    tensors = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    del graph.value_info[:]


def _in_order(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that the outputs need, each after those that it needs itself, in the order of its inputs."""
    nodes = list(model.graph.node)
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    done: dict[int, None] = {}
    open_ones = [makers[value.name] for value in reversed(model.graph.output) if value.name in makers]
    while open_ones:
        needed = (makers[name] for name in _read_by(nodes[open_ones[-1]]) if name in makers)
        if (first := next((index for index in needed if index not in done), None)) is None:
            done[open_ones.pop()] = None
        else:
            open_ones.append(first)
    return [nodes[index] for index in done]


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads: its inputs, and what graphs inside it take from outside."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _read_by(inner)


def opset(model: onnx.ModelProto) -> int:
    """Version of the standard operators a model is written in."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)


def rename(model: onnx.ModelProto, names: Mapping[str, str]) -> None:
    for tensor in model.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    _rename_in(model.graph, names)


def _rename_in(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """A graph inside another may read what is outside; no name is used twice."""
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            _rename_in(attribute.g, names)


def session(model: onnx.ModelProto) -> Any:
    """An onnxruntime session on one thread, silent below errors."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        return _loaded(model, Path(folder), options)


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
        declared = len(model.graph.output)
        outputs = {value.name for value in model.graph.output}
        # Exposed for as long as the session takes to read it: a copy would hold a large net twice.
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.names if name not in outputs)
        try:
            self._session = session(model)
        finally:
            del model.graph.output[declared:]

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


def operators(model: onnx.ModelProto) -> Iterator[tuple[str, Precision]]:
    """(operator type, what it computes in) of every node that onnxruntime executes.

    What is written between quantize and dequantize nodes is only a wish: the runtime's own fusions decide.
    """
    ran = executed(model)
    types = _element_types(ran)
    for node in ran.graph.node:
        if node.op_type.startswith(INT8):
            yield node.op_type, "int8"
        else:
            found = {PRECISIONS.get(types.get(name, 0)) for name in (*node.output, *node.input)}
            # Pooling or reshaping bytes is int8; a shape beside them, an int64, does not change that.
            yield node.op_type, next((kind for kind in dict.fromkeys(PRECISIONS.values()) if kind in found), "other")


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Tensor -> ONNX' number of its element type. The runtime's own operators are taken to answer what they read."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        types[value.name] = int(value.type.tensor_type.elem_type)
    for node in graph.node:
        read = next((types[name] for name in node.input if name in types), 0)
        for name in node.output:
            types.setdefault(name, read)
    return types


def executed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model after onnxruntime's optimizations, those for one processor's memory layout left out.

    Large weights are left out too.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(Path(folder) / "executed.onnx")
        options.log_severity_level = 3
        # Large weights stay on disk: a net of 500 MB would be held four times over.
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights")
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "65536")
        _loaded(model, Path(folder), options)
        return onnx.load(options.optimized_model_filepath, load_external_data=False)


def _loaded(model: onnx.ModelProto, folder: Path, options: Any) -> Any:
    """By way of a file: handed over as bytes, a large net would be held once more for as long as it is read."""
    import onnxruntime

    file = folder / "net.onnx"
    file.write_bytes(model.SerializeToString())
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
