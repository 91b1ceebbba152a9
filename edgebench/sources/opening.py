"""A model file opened without a spec: which kind it is, what it takes, and a way to ask it.

Refusals are those of the loaders: what holds code, is damaged or is no model is not opened here either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import ModelFileError
from edgebench.registry import resolve
from edgebench.sources import onnx, tflite
from edgebench.sources.border import translated
from edgebench.sources.contract import Shape
from edgebench.sources.keras import load_archive, named_outputs
from edgebench.sources.keras_file import HDF5, ZIP
from edgebench.sources.legacy_keras import load_legacy
from edgebench.sources.saved_model import load_folder
from edgebench.sources.torch_archive import KINDS, kind_of, refuse_kind

if TYPE_CHECKING:
    import numpy as np

OPENERS = {  # by the key of `source` that states the kind
    "keras": "edgebench.sources.opening:open_keras",
    "saved_model": "edgebench.sources.opening:open_saved_model",
    "onnx": "edgebench.sources.opening:open_onnx",
    "tflite": "edgebench.sources.opening:open_tflite",
    "exported": "edgebench.sources.opening:open_exported",
}
EXPORTED, SAVED = KINDS["archive_format"], KINDS["data.pkl"]
READ = "a .keras, .h5, .onnx, .tflite or .pt2 file, or a SavedModel folder"
SIGNATURE = "serving_default"
QUANTIZED = re.compile("^QLinear|Integer$|^(De|Dynamic)?QuantizeLinear$")


@dataclass(frozen=True)
class Opened:
    """A model in its own framework.

    Attributes:
        inputs: shape, its batch first and free sizes None, and dtype of each.
        ask: an input of the stated dtype -> name and value of every output.
        gains: factors by which layers inside multiply the pixels before the first layer with weights.
        layout: "nchw" where the framework's images have their channels first.
        quantized: whether it computes in whole numbers inside, although it takes floats.
    """

    inputs: tuple[tuple[Shape, str], ...]
    ask: Callable[[np.ndarray], list[tuple[str, np.ndarray]]]
    gains: tuple[float, ...] = ()
    layout: str = "nhwc"
    quantized: bool = False


def recognize(path: Path) -> str:
    """The key of `source` for a file or folder, by its content; ONNX, which has no mark, by its name.

    Raises:
        ModelFileError: it is nothing that can be imported, with the way to what can.
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return "saved_model"
        raise ModelFileError("holds no saved_model.pb", subject=str(path), fix=f"name {READ}")
    with path.open("rb") as file:
        head = file.read(8)
    if head == HDF5:
        return "keras"
    if head[4:8] == tflite.IDENTIFIER:
        return "tflite"
    if head[:4] == ZIP:
        return _of_archive(path)
    if path.suffix.lower() in (".pth", ".pt", ".bin"):
        raise _weights_alone(path)
    if path.suffix.lower() == ".onnx":
        return "onnx"
    if path.suffix.lower() in (".keras", ".h5", ".tflite", ".pt2"):
        raise ModelFileError(f"is no {path.suffix} file", subject=str(path), fix="fetch or save it again")
    raise ModelFileError("is no model that can be imported", subject=str(path), fix=f"name {READ}")


def open_model(path: Path, kind: str) -> Opened:
    """Opens what `recognize` recognized.

    Raises:
        ModelFileError: it is damaged, or holds code.
    """
    opened: Opened = resolve(OPENERS, kind, kind="model file")(path)
    return opened


def _of_archive(path: Path) -> str:
    kind = kind_of(path)
    if kind == EXPORTED:
        return "exported"
    if kind == SAVED:
        raise _weights_alone(path)
    if kind is None:
        return "keras"
    raise refuse_kind(path, kind)


def _weights_alone(path: Path) -> ModelFileError:
    """What a state dict lacks, and what it says of the net it belongs to."""
    read_state = resolve({"state": "edgebench.sources.torch_module:read_state"}, "state", kind="reader")
    state = read_state(path)
    weights = [(name, tuple(tensor.shape)) for name, tensor in state.items() if tensor.ndim > 1]
    ends = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in [*weights[:1], *weights[1:][-1:]])
    return ModelFileError(
        f"is a state dict of {len(state)} tensors ({ends}): weights without their net and the size of its input",
        subject=str(path),
        fix="write a spec with `source: {torch: {module: 'net.py:Net', state_dict: "
        f"{path.name}"
        + "}}`, where net.py beside it builds the net, or export the net with torch.export to a .pt2 file",
    )


def open_keras(path: Path) -> Opened:
    if path.suffix.lower() in (".h5", ".hdf5"):
        model, keras = load_legacy(path)
    else:
        model, keras = load_archive(path)
    inputs = getattr(model, "inputs", None) or []
    given = tuple((tuple(tensor.shape), str(getattr(tensor.dtype, "name", tensor.dtype))) for tensor in inputs)
    names = list(named_outputs(model, keras)) if inputs else []

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        answer = model(x, training=False)
        values = list(answer.values()) if isinstance(answer, dict) else _listed(answer)
        return [(name, value.numpy()) for name, value in zip(names, values, strict=True)]

    return Opened(given, ask, gains=tuple(_gains(model)))


def _listed(answer: Any) -> list[Any]:
    return list(answer) if isinstance(answer, list | tuple) else [answer]


def _gains(model: Any) -> Iterable[float]:
    import numpy as np

    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Rescaling":
            yield float(np.mean(layer.scale))
        elif kind == "Normalization":
            yield float(np.mean(1 / np.sqrt(np.maximum(np.asarray(layer.variance, np.float64), 1e-12))))
        elif layer.weights:
            return


def open_saved_model(path: Path) -> Opened:
    loaded = load_folder(path, SIGNATURE)
    function = loaded.signatures[SIGNATURE]
    given = function.structured_input_signature[1]
    inputs = tuple(
        (tuple(tensor.shape) if tensor.shape.rank is not None else (), tensor.dtype.name) for tensor in given.values()
    )

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        import tensorflow as tf

        answer = loaded.signatures[SIGNATURE](**{next(iter(given)): tf.constant(x)})  # keeps the variables
        return [(name, value.numpy()) for name, value in sorted(answer.items())]

    return Opened(inputs, ask)


def open_onnx(path: Path) -> Opened:
    with translated(path, "cannot be read as an ONNX model", fix="export or fetch it again"):
        model = onnx.read_model(path)
        inputs = tuple(onnx.described(model))
        session = onnx.session_of(model)
    names = [value.name for value in model.graph.output]

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        return list(zip(names, session.run(names, {session.get_inputs()[0].name: x}), strict=True))

    quantized = any(QUANTIZED.search(node.op_type) for node in model.graph.node)
    return Opened(inputs, ask, gains=tuple(_onnx_gains(model)), layout="nchw", quantized=quantized)


def _onnx_gains(model: Any) -> Iterable[float]:
    """Of the operators between the image and the first with weights."""
    import numpy as np
    from onnx import numpy_helper

    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    at = model.graph.input[0].name if model.graph.input else ""
    for node in model.graph.node:  # in topological order
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        if at not in node.input:
            continue
        others = [constants[name] for name in node.input if name in constants]
        if node.op_type not in ("Mul", "Div", "Sub", "Add", "Cast", "Transpose", "Identity"):
            return
        if node.op_type in ("Mul", "Div") and others:
            factor = float(np.mean(np.abs(others[0].astype(np.float64))))
            yield factor if node.op_type == "Mul" else 1 / factor if factor else 1.0
        at = node.output[0]


def open_tflite(path: Path) -> Opened:
    with translated(path, tflite.NOT_RUN, fix=tflite.CONVERT_AGAIN):
        interpreter = tflite.interpreter_of(path.read_bytes())
        inputs = tuple(tflite.described(interpreter))
        interpreter.allocate_tensors()

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        return [
            (tensor["name"], interpreter.get_tensor(tensor["index"])) for tensor in interpreter.get_output_details()
        ]

    return Opened(inputs, ask)


def open_exported(path: Path) -> Opened:
    open_program = resolve({"pt2": "edgebench.sources.torch_exported:open_program"}, "pt2", kind="reader")
    inputs, net = open_program(path)

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        import torch

        from edgebench.sources.torch_model import named_outputs

        with torch.inference_mode():
            return [(name, tensor.numpy()) for name, tensor in named_outputs(net(torch.from_numpy(x)))]

    return Opened(tuple(inputs), ask, layout="nchw")
