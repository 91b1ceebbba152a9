"""A model file opened without a spec: which kind it is, what it takes, and a way to ask it.

Refusals are those of the loaders: what holds code, is damaged or is no model is not opened here either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import ModelFileError
from edgebench.registry import resolve
from edgebench.sources import onnx, refuse_empty, tflite
from edgebench.sources.border import translated
from edgebench.sources.contract import Shape
from edgebench.sources.keras import load_archive, named_outputs
from edgebench.sources.keras_file import HDF5, ZIP
from edgebench.sources.legacy_keras import load_legacy
from edgebench.sources.rescaling import of_onnx, of_tensorflow, of_tflite, of_torch
from edgebench.sources.saved_model import load_folder, only_signature
from edgebench.sources.torch_archive import KINDS, kind_of, refuse_kind

if TYPE_CHECKING:
    import numpy as np

    from edgebench.sources.rescaling import Begin
    from edgebench.specs.source import TorchModule

OPENERS = {  # by the key of `source` that states the kind
    "keras": "edgebench.sources.opening:open_keras",
    "saved_model": "edgebench.sources.opening:open_saved_model",
    "onnx": "edgebench.sources.opening:open_onnx",
    "tflite": "edgebench.sources.opening:open_tflite",
    "exported": "edgebench.sources.opening:open_exported",
    "torch": "edgebench.sources.opening:open_torch",
}
EXPORTED, SAVED = KINDS["archive_format"], KINDS["data.pkl"]
READ = "a .keras, .h5, .onnx, .tflite, .pt2 or .pth file, or a SavedModel folder"
SIGNATURE = "serving_default"
QUANTIZED = re.compile("^QLinear|Integer$|^(De|Dynamic)?QuantizeLinear$")


@dataclass(frozen=True)
class Opened:
    """A model in its own framework.

    Attributes:
        inputs: shape, its batch first and free sizes None, and dtype of each.
        ask: an input of the stated dtype -> name and value of every output.
        beginning: finds the arithmetic at the net's start.
        layout: "nchw" where the framework's images have their channels first.
        quantized: whether it computes in whole numbers inside.
        signature: which one of a SavedModel's answers.
    """

    inputs: tuple[tuple[Shape, str], ...]
    ask: Callable[[np.ndarray], list[tuple[str, np.ndarray]]]
    beginning: Callable[[], Begin]
    layout: str = "nhwc"
    quantized: bool = False
    signature: str = ""


def recognize(path: Path) -> str:
    """The key of `source` for a file or folder, by its content; ONNX, which has no mark, by its name.

    Raises:
        ModelFileError: it is nothing that can be imported, with the way to what can.
    """
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return "saved_model"
        raise ModelFileError("holds no saved_model.pb", subject=str(path), fix=f"name {READ}")
    refuse_empty(path)
    with path.open("rb") as file:
        head = file.read(8)
    if head == HDF5:
        return "keras"
    if head[4:8] == tflite.IDENTIFIER:
        return "tflite"
    if head[:4] == ZIP:
        return _of_archive(path)
    if path.suffix.lower() in (".pth", ".pt", ".bin"):
        return "torch"
    if path.suffix.lower() == ".onnx":
        return "onnx"
    if path.suffix.lower() in (".keras", ".h5", ".tflite", ".pt2"):
        raise ModelFileError(f"is no {path.suffix} file", subject=str(path), fix="fetch or save it again")
    raise ModelFileError("is no model that can be imported", subject=str(path), fix=f"name {READ}")


def open_model(
    path: Path,
    kind: str,
    *,
    module: TorchModule | None = None,
    size: tuple[int, int] | None = None,
    signature: str | None = None,
) -> Opened:
    """Opens what `recognize` recognized.

    Args:
        module: what builds the net of a state dict, with absolute paths.
        size: height and width of the images of such a net, where they are known.
        signature: which one of a SavedModel's answers; by default `serving_default`, or its only one.

    Raises:
        SpecError: there is no such factory.
        ModelFileError: it is damaged, holds code, or is a state dict without its net.
    """
    opener = resolve(OPENERS, kind, kind="model file")
    if module is not None and kind != "torch":
        raise ModelFileError("holds its net itself", subject=str(path), fix="leave out --factory")
    if signature is not None and kind != "saved_model":
        raise ModelFileError("has no signatures", subject=str(path), fix="leave out --signature")
    options = {"torch": (module, size), "saved_model": (signature,)}.get(kind, ())
    opened: Opened = opener(path, *options)
    return opened


def _of_archive(path: Path) -> str:
    kind = kind_of(path)
    if kind == EXPORTED:
        return "exported"
    if kind == SAVED:
        return "torch"
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
        fix="add --factory FILE.py:NAME, the function or class that builds the net, or export the net with "
        "torch.export to a .pt2 file",
    )


def open_keras(path: Path) -> Opened:
    if path.suffix.lower() in (".h5", ".hdf5"):
        model, keras = load_legacy(path)
    else:
        model, keras = load_archive(path)
    inputs = getattr(model, "inputs", None) or []
    given = tuple((tuple(tensor.shape), str(getattr(tensor.dtype, "name", tensor.dtype))) for tensor in inputs)
    names = list(named_outputs(model, keras)) if len(inputs) == 1 else []

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        answer = model(x, training=False)
        values = list(answer.values()) if isinstance(answer, dict) else _listed(answer)
        return [(name, value.numpy()) for name, value in zip(names, values, strict=True)]

    def beginning() -> Begin:
        import tensorflow as tf

        function = tf.function(lambda image: model(image, training=False))
        return of_tensorflow(function.get_concrete_function(tf.TensorSpec(given[0][0], tf.float32)))

    return Opened(given, ask, beginning)


def _listed(answer: Any) -> list[Any]:
    return list(answer) if isinstance(answer, list | tuple) else [answer]


def open_saved_model(path: Path, signature: str | None = None) -> Opened:
    name = signature or only_signature(path) or SIGNATURE
    loaded = load_folder(path, name)
    function = loaded.signatures[name]
    given = function.structured_input_signature[1]
    inputs = tuple(
        (tuple(tensor.shape) if tensor.shape.rank is not None else (), tensor.dtype.name) for tensor in given.values()
    )

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        import tensorflow as tf

        answer = loaded.signatures[name](**{next(iter(given)): tf.constant(x)})  # keeps the variables
        return [(name, value.numpy()) for name, value in sorted(answer.items())]

    return Opened(inputs, ask, partial(of_tensorflow, function), signature=name)


def open_onnx(path: Path) -> Opened:
    with translated(path, "cannot be read as an ONNX model", fix="export or fetch it again"):
        model = onnx.read_model(path)
        inputs = tuple(onnx.described(model))
        session = onnx.session_of(model)
    names = [value.name for value in model.graph.output]

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        return list(zip(names, session.run(names, {session.get_inputs()[0].name: x}), strict=True))

    quantized = any(QUANTIZED.search(node.op_type) for node in model.graph.node)
    return Opened(inputs, ask, partial(of_onnx, model), layout="nchw", quantized=quantized)


def open_tflite(path: Path) -> Opened:
    with translated(path, tflite.NOT_RUN, fix=tflite.CONVERT_AGAIN):
        data = path.read_bytes()
        interpreter = tflite.interpreter_of(data)
        inputs = tuple(tflite.described(interpreter))
        interpreter.allocate_tensors()
        quantized = any(len(tensor["quantization_parameters"]["scales"]) for tensor in interpreter.get_tensor_details())

    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        return [
            (tensor["name"], interpreter.get_tensor(tensor["index"])) for tensor in interpreter.get_output_details()
        ]

    return Opened(inputs, ask, partial(of_tflite, data), quantized=quantized)


def open_exported(path: Path) -> Opened:
    open_program = resolve({"pt2": "edgebench.sources.torch_exported:open_program"}, "pt2", kind="reader")
    inputs, net = open_program(path)
    return Opened(tuple(inputs), _asking(net), partial(of_torch, net), layout="nchw")


def open_torch(path: Path, module: TorchModule | None, size: tuple[int, int] | None) -> Opened:
    if module is None:
        raise _weights_alone(path)
    open_net = resolve({"net": "edgebench.sources.torch_trial:open_net"}, "net", kind="reader")
    inputs, net = open_net(path, module, size)
    return Opened(tuple(inputs), _asking(net), lambda: lambda x: x, layout="nchw")


def _asking(net: Any) -> Callable[[np.ndarray], list[tuple[str, np.ndarray]]]:
    def ask(x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        import torch

        from edgebench.sources.torch_model import named_outputs

        with torch.inference_mode():
            return [(name, tensor.numpy()) for name, tensor in named_outputs(net(torch.from_numpy(x)))]

    return ask
