"""Architectures of the zoo as sources, each loaded as its framework does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.registry import resolve
from edgebench.zoo import architecture

if TYPE_CHECKING:
    from edgebench.sources import Source
    from edgebench.specs.model import ModelSpec

LOADERS = {  # by the architecture's framework
    "keras": "edgebench.sources.keras:from_zoo",
    "torch": "edgebench.sources.torch_module:from_zoo",
}


def from_zoo(spec: ModelSpec, folder: Path | None) -> Source:
    """Builds the architecture and loads its weights; raises as its loader does."""
    source: Any = spec.source
    loaded: Source = resolve(LOADERS, architecture(source.architecture).framework, kind="framework")(spec, folder)
    return loaded
