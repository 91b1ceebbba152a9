"""ONNX files as sources: float, one input, answered by onnxruntime sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.digests import sha256_file
from edgebench.errors import ModelFileError
from edgebench.sources.batches import answer_in_batches
from edgebench.sources.border import translated
from edgebench.sources.contract import (
    Shape,
    check_inputs,
    contract_shape,
    finite_or_refused,
    outputs_left_out,
    outputs_of_heads,
)
from edgebench.sources.onnx_outputs import keep_outputs

if TYPE_CHECKING:
    import numpy as np
    import onnx

    from edgebench.specs.model import Head, InputContract, ModelSpec


class OnnxModel:
    """An ONNX model that fits its spec.

    Args:
        model: whole, its one input of batch 1.
        answers: names of its outputs, in the order of `heads`.
    """

    framework = "onnx"

    def __init__(
        self, model: onnx.ModelProto, heads: Sequence[Head], answers: Sequence[str], *, left_out: tuple[str, ...] = ()
    ) -> None:
        self.model = model
        self.left_out = left_out
        self.heads = tuple(heads)
        self._answers = list(answers)
        self._session = session_of(model)

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        return answer_in_batches(lambda batch: _run(self._session, self._answers, batch), inputs, self.heads, batch=1)


def from_file(spec: ModelSpec, folder: Path | None) -> OnnxModel:
    """Loads an .onnx file and the external data beside it.

    Raises:
        SpecError: the file is missing.
        ModelFileError: it is damaged, reaches for files elsewhere, or breaks the contract.
    """
    path = spec.source_file(folder)
    with translated(path, "cannot be read as an ONNX model", fix="export or fetch it again"):
        model = read_model(path)
    _check_input(model, spec.input, path)
    finite_or_refused({tensor.name: _array(tensor) for tensor in model.graph.initializer}, path)
    with translated(path, "onnxruntime does not run it", fix="export it again for one sample of the spec's input size"):
        _fix_input(model, (1, *contract_shape(spec.input)))
        shapes = _answered(model, (1, *contract_shape(spec.input)))
    places = outputs_of_heads(shapes, spec.heads, path)
    answers, left_out = [shapes[place][0] for place in places], outputs_left_out(shapes, places)
    if left_out:
        keep_outputs(model, answers)
    return OnnxModel(model, spec.heads, answers, left_out=left_out)


def content(spec: ModelSpec, folder: Path | None) -> dict[str, Any]:
    """The file's hash, and that of each file beside it whose name it holds: its external data are among them."""
    path = spec.source_file(folder)
    data = path.read_bytes()
    beside = (file for file in sorted(path.parent.iterdir()) if file != path and file.name.encode() in data)
    return {"onnx": sha256_file(path), "data": {file.name: sha256_file(file) for file in beside if file.is_file()}}


def read_model(path: Path) -> onnx.ModelProto:
    """The whole model, external data included; its inputs are those that are no weights."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_model

    model = onnx.load_model_from_string(path.read_bytes())
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _check_place(tensor, path)
    load_external_data_for_model(model, str(path.parent))
    onnx.checker.check_model(model)
    # Old files list their weights as inputs too.
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every constant of a graph and of the graphs inside its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _check_place(tensor: onnx.TensorProto, path: Path) -> None:
    """Refuses external data anywhere but in a plain file beside the model."""
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    file = path.parent / location
    if not location or location != Path(location).name or location == ".." or file.is_symlink():
        raise ModelFileError(
            f"keeps {tensor.name} in {location!r}, outside its folder",
            subject=str(path),
            fix="save it as one file (onnx.save), or with its data in a plain file beside it",
        )
    if not file.is_file():
        raise ModelFileError(
            f"keeps {tensor.name} in {location!r}, which is not there", subject=str(path), fix="put it beside the model"
        )


def _check_input(model: onnx.ModelProto, contract: InputContract, path: Path) -> None:
    check_inputs(
        described(model),
        contract,
        path,
        fix="export it with one image as its only input",
        free_size=False,
    )
    if (batch := _shape(model.graph.input[0])[0]) not in (1, None):
        raise ModelFileError(
            f"takes batches of {batch} only", subject=str(path), fix="export it for one sample, or with a free batch"
        )


def described(model: onnx.ModelProto) -> list[tuple[Shape, str]]:
    """Shape and dtype of every input."""
    return [(_shape(value), _dtype(value)) for value in model.graph.input]


def _shape(value: onnx.ValueInfoProto) -> Shape:
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in value.type.tensor_type.shape.dim]


def _dtype(value: onnx.ValueInfoProto) -> str:
    import onnx

    kind = value.type.tensor_type.elem_type
    return "float32" if kind == onnx.TensorProto.FLOAT else onnx.TensorProto.DataType.Name(kind).lower()


def _array(tensor: onnx.TensorProto) -> np.ndarray:
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


def _fix_input(model: onnx.ModelProto, shape: Sequence[int]) -> None:
    """Makes the one input of that shape; every shape behind it is inferred again."""
    for dimension, size in zip(model.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        dimension.Clear()
        dimension.dim_value = size
    for output in model.graph.output:
        for dimension in output.type.tensor_type.shape.dim[:1]:
            dimension.Clear()
            dimension.dim_value = shape[0]
    del model.graph.value_info[:]


def _answered(model: onnx.ModelProto, shape: Sequence[int]) -> list[tuple[str, Shape]]:
    """Name and shape of every output, as it answers."""
    import numpy as np

    names = [value.name for value in model.graph.output]
    answers = _run(session_of(model), names, np.zeros(shape, np.float32))
    return [(name, answer.shape) for name, answer in zip(names, answers, strict=True)]


def session_of(model: onnx.ModelProto) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _run(session: Any, names: Sequence[str], batch: np.ndarray) -> list[np.ndarray]:
    answers: list[np.ndarray] = session.run(list(names), {session.get_inputs()[0].name: batch})
    return answers
