"""Trained models in. A source is loaded in the process that converts or scores it, nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgebench.digests import sha256_file, sha256_json
from edgebench.errors import ModelFileError
from edgebench.registry import resolve
from edgebench.specs.source import ZooSource
from edgebench.zoo import architecture

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import ModelSpec

LOADERS = {  # by the kind of source that the spec states
    "ZooSource": "edgebench.sources.zoo:from_zoo",
    "KerasSource": "edgebench.sources.keras:from_file",
    "SavedModelSource": "edgebench.sources.saved_model:from_folder",
    "OnnxSource": "edgebench.sources.onnx:from_file",
    "TfliteSource": "edgebench.sources.tflite:from_file",
    "TorchSource": "edgebench.sources.torch_module:from_factory",
    "ExportedSource": "edgebench.sources.torch_exported:from_file",
}

CONTENTS = {  # kinds whose content is more than one file or folder
    "ZooSource": "edgebench.sources.keras:zoo_content",
    "OnnxSource": "edgebench.sources.onnx:content",
    "TorchSource": "edgebench.sources.torch_factory:content",
}

PACKAGES = {  # by framework: those whose versions decide a source's answers
    "keras": ("tensorflow", "keras"),
    "keras-h5": ("tensorflow", "keras", "tf-keras"),
    "tensorflow": ("tensorflow",),
    "onnx": ("onnxruntime",),
    "tflite": ("ai-edge-litert",),
    "torch": ("torch",),
}


class Source(Protocol):
    """A trained model in its own framework."""

    framework: str
    """As `framework` tells it of the spec: by this name, targets choose how to convert it."""
    model: object
    """What the targets' converters for this framework take: the outputs of the heads alone."""
    left_out: tuple[str, ...]
    """Name and width of what the net answers beside its heads."""

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Head name -> float32 [batch, width], for float32 inputs in the contract's layout.

        A sample's answer does not depend on the others, nor on how many there are.
        """
        ...


class Searchable(Source, Protocol):
    """A source that can be searched for NaN; one whose file is of a target's format is searched by that target."""

    def first_nonfinite(self, sample: np.ndarray) -> str | None:
        """Name of the first layer whose output on `sample`, float32 [1, ...], holds NaN or infinity."""
        ...


def framework(spec: ModelSpec) -> str:
    """The framework of the source that `load_source` would give."""
    source = spec.source
    return architecture(source.architecture).framework if isinstance(source, ZooSource) else source.framework


def packages(spec: ModelSpec) -> tuple[str, ...]:
    """Installed packages whose versions decide what the source answers."""
    return PACKAGES[framework(spec)]


def size_bytes(spec: ModelSpec, folder: Path | None = None) -> int:
    """About how much the source's weights take; 0 where they are random and not known to be many."""
    if spec.has_random_weights:
        return architecture(spec.source.architecture).weights_bytes if isinstance(spec.source, ZooSource) else 0
    path = spec.source_file(folder)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def load_source(spec: ModelSpec, folder: Path | None = None, *, known_as: str | None = None) -> Source:
    """The trained model of a spec, checked against its contract and heads.

    Args:
        folder: what relative paths are relative to, in place of the folder of the file that states them.
        known_as: the `fingerprint` under which the results will be kept.

    Raises:
        SpecError: the file is missing, or the architecture does not take what the spec asks for.
        ModelFileError: the file is damaged, of another format, does not fit the spec, or is no longer the one
            whose fingerprint was taken.
    """
    if not spec.has_random_weights:
        refuse_empty(spec.source_file(folder))
    source: Source = resolve(LOADERS, type(spec.source).__name__, kind="source")(spec, folder)
    # Asked after loading, so that whatever replaced the file before that is seen.
    if known_as is not None and fingerprint(spec, folder) != known_as:
        subject = spec.name if spec.has_random_weights else str(spec.source_file(folder))
        raise ModelFileError("changed while it was in use", subject=subject, fix="run again")
    return source


def refuse_empty(path: Path) -> None:
    """Every reader says it in words of its own."""
    if path.is_file() and not path.stat().st_size:
        raise ModelFileError("is empty", subject=str(path), fix="fetch or save it again")


def fingerprint(spec: ModelSpec, folder: Path | None = None) -> str:
    """Identity of the model that `load_source` would give, without importing its framework: a sha256.

    Raises:
        SpecError: the file is missing.
        UnknownName: no such architecture.
    """
    identity: dict[str, Any] = {
        "source": _content(spec, folder),
        "input": [*spec.input.size, spec.input.channels, spec.input.layout],
        "heads": [head.model_dump(mode="json", exclude={"labels"}) | {"width": head.width} for head in spec.heads],
    }
    return sha256_json(identity)


def _content(spec: ModelSpec, folder: Path | None) -> dict[str, Any]:
    kind = type(spec.source).__name__
    if kind in CONTENTS:
        content: dict[str, Any] = resolve(CONTENTS, kind, kind="source")(spec, folder)
        return content
    return spec.source.model_dump(mode="json") | {spec.source.file_key: _sha256(spec.source_file(folder))}


def _sha256(path: Path) -> str:
    """Of a file's content; of a folder, of every file's name in it and content."""
    if path.is_file():
        return sha256_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return sha256_json({file.relative_to(path).as_posix(): sha256_file(file) for file in files})
