"""What this machine answers to a job's images, for other machines' answers to be held against."""

from __future__ import annotations

from edgebench.frozen import Frozen


class HostAnswers(Frozen):
    """One artifact's answers to the images that blocks cycle through."""

    variant: str
    artifact: str
    inputs: str
    """sha256 of the images and of how the model is fed with them."""
    answers: str
    """Blob: float32, output after output, image after image."""
    runtime: str
    runtime_version: str
    path: str
    """What really executed, in the runtime's words."""
    reference: bool
    """By a translation that stands in for the device's runtime."""
    processor: str
    features: tuple[str, ...]
