"""The real images that a timed path cycles through: the first of the evaluation's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.digests import sha256_bytes, sha256_json
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.images.datasets import evaluation_samples
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import DataSettings
from edgebench.specs.model import ModelSpec


@dataclass(frozen=True)
class FirstImages:
    """Preprocessed images of one model, so that the answers of the timed path can be held against the evaluation's.

    Args:
        file: uint8 [count, height, width, channels] as .npy.
        affine: how the model is fed with them.
        identity: sha256 of both.
        dataset: id of the data set that they are of.
    """

    file: Path
    count: int
    affine: dict[str, Any]
    identity: str
    dataset: str

    @property
    def remote(self) -> str:
        return f"inputs/{self.file.name}"


def first_images(workspace: Workspace, spec: ModelSpec, data: DataSettings, *, count: int, folder: Path) -> FirstImages:
    """At most `count` of them, kept in `folder`."""
    import numpy as np

    samples = evaluation_samples(workspace, spec, data.model_copy(update={"allow_missing_classes": True}))
    images = np.ascontiguousarray(samples.images[:count])
    identity = sha256_json([sha256_bytes(images.tobytes()), list(images.shape), spec.input.affine()])
    file = folder / f"{spec.name}-{identity[:16]}.npy"
    with as_store_errors(file), replacing(file) as part:
        np.save(part, images)
    return FirstImages(file, len(images), spec.input.affine(), identity, samples.info.id)
