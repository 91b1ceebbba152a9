"""Trained models in. A source is loaded in the process that converts or scores it, nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgebench.digests import sha256_file, sha256_json
from edgebench.registry import resolve

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import ModelSpec

LOADERS = {  # by the kind of source that the spec states
    "ZooSource": "edgebench.sources.keras:from_zoo",
    "KerasSource": "edgebench.sources.keras:from_file",
}


class Source(Protocol):
    """A trained model in its own framework."""

    framework: str
    model: object
    """The framework's own model object, for the targets that convert it."""

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Head name -> float32 [batch, width], for float32 inputs in the contract's layout."""
        ...


def load_source(spec: ModelSpec, folder: Path | None = None) -> Source:
    """The trained model of a spec, checked against its contract and heads.

    Args:
        folder: what relative paths are relative to, in place of the folder of the file that states them.

    Raises:
        SpecError: the file is missing, or the architecture does not take what the spec asks for.
        ModelFileError: the file is damaged, of another format, or does not fit the spec.
    """
    source: Source = resolve(LOADERS, type(spec.source).__name__, kind="source")(spec, folder)
    return source


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
    from edgebench.sources.keras import RANDOM_SEED
    from edgebench.specs.model import KerasSource
    from edgebench.zoo import architecture

    source = spec.source
    if isinstance(source, KerasSource):
        return {"keras": sha256_file(spec.source_file(folder))}
    weights = RANDOM_SEED if spec.has_random_weights else sha256_file(spec.source_file(folder))
    revision = architecture(source.architecture).revision
    return {"architecture": source.architecture, "revision": revision, "options": source.options, "weights": weights}
