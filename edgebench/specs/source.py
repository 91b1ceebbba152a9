"""Where a trained net comes from. A new kind is one class and one row in `SOURCES`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag

from edgebench.frozen import Frozen
from edgebench.specs import patterns

RANDOM_WEIGHTS = "random"
LEGACY_SUFFIXES = (".h5", ".hdf5")


class _Source(Frozen):
    file_key: ClassVar[str]
    is_folder: ClassVar[bool] = False

    @property
    def file(self) -> str | None:
        """Path of the file (or folder) that holds the trained weights; None where they are random."""
        stated: str = getattr(self, self.file_key)
        return stated


class ZooSource(_Source):
    """An architecture of the zoo with trained weights; `random` weights serve size and latency only."""

    file_key: ClassVar[str] = "weights"

    architecture: str
    options: dict[str, float | int | str | bool] = Field(default={}, description="arguments of the architecture")
    weights: str = Field(
        description="path of a .weights.h5 file (of a state dict, for a net of PyTorch) beside the spec, or `random`"
    )

    @property
    def file(self) -> str | None:
        return None if self.weights == RANDOM_WEIGHTS else self.weights


class KerasSource(_Source):
    """A whole trained model in one .keras or .h5 file."""

    file_key: ClassVar[str] = "keras"

    keras: str = Field(description="path of a .keras file, or of a legacy .h5 file, beside the spec")

    @property
    def framework(self) -> str:
        return "keras-h5" if self.keras.lower().endswith(LEGACY_SUFFIXES) else "keras"


class SavedModelSource(_Source):
    """A folder as TensorFlow's `saved_model.save` or Keras' `model.export` writes it."""

    file_key: ClassVar[str] = "saved_model"
    framework: ClassVar[str] = "tensorflow"
    is_folder: ClassVar[bool] = True

    saved_model: str = Field(description="path of a SavedModel folder beside the spec")
    signature: str = Field(default="serving_default", description="which of its signatures answers")


class OnnxSource(_Source):
    """A trained model in one .onnx file, with external data in its own folder at most."""

    file_key: ClassVar[str] = "onnx"
    framework: ClassVar[str] = "onnx"

    onnx: str = Field(description="path of a float .onnx file beside the spec")


class TfliteSource(_Source):
    """A trained model in one float .tflite file."""

    file_key: ClassVar[str] = "tflite"
    framework: ClassVar[str] = "tflite"

    tflite: str = Field(description="path of a float .tflite file beside the spec")


class TorchModule(Frozen):
    """A net that the user's own code builds, and its trained weights."""

    module: str = Field(
        pattern=patterns.FACTORY,
        description="`file.py:factory` beside the spec or `package.module:factory`: a function (or class) that returns "
        "the net; it is the user's own code, and runs whenever the model is loaded",
    )
    options: dict[str, float | int | str | bool] = Field(default={}, description="arguments of the factory")
    state_dict: str = Field(description="path of a state dict (.pth, .pt) beside the spec, or `random`")


class TorchSource(_Source):
    """A PyTorch module and its state dict."""

    file_key: ClassVar[str] = "torch.state_dict"
    framework: ClassVar[str] = "torch"

    torch: TorchModule

    @property
    def file(self) -> str | None:
        return None if self.torch.state_dict == RANDOM_WEIGHTS else self.torch.state_dict


class ExportedSource(_Source):
    """A PyTorch program in one .pt2 file, as torch.export.save writes it."""

    file_key: ClassVar[str] = "exported"
    framework: ClassVar[str] = "torch"

    exported: str = Field(description="path of a .pt2 file beside the spec")


SOURCES: dict[str, str] = {
    "architecture": "ZooSource",
    "keras": "KerasSource",
    "saved_model": "SavedModelSource",
    "onnx": "OnnxSource",
    "tflite": "TfliteSource",
    "torch": "TorchSource",
    "exported": "ExportedSource",
}
"""The key that tells a kind of source, and its class."""


def _tag(source: Any) -> str | None:
    """Which kind of source is meant, so that mistakes are explained for that kind alone."""
    if isinstance(source, Frozen):
        return type(source).__name__
    if not isinstance(source, dict):
        return "ZooSource"
    named = next((kind for key, kind in SOURCES.items() if key in source), None)
    return named or ("ZooSource" if {"weights", "options"} & source.keys() else None)


AnySource = Annotated[
    Annotated[ZooSource, Tag("ZooSource")]
    | Annotated[KerasSource, Tag("KerasSource")]
    | Annotated[SavedModelSource, Tag("SavedModelSource")]
    | Annotated[OnnxSource, Tag("OnnxSource")]
    | Annotated[TfliteSource, Tag("TfliteSource")]
    | Annotated[TorchSource, Tag("TorchSource")]
    | Annotated[ExportedSource, Tag("ExportedSource")],
    Discriminator(
        _tag,
        custom_error_type="unknown_source",
        custom_error_message=f"must have one of the keys {', '.join(SOURCES)}",
    ),
]
