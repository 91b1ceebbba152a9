"""What a device itself answered to the images of an evaluation. Its own kind of record: never one of the host's."""

from __future__ import annotations

from edgebench.frozen import Frozen
from edgebench.records.dataset import DatasetInfo
from edgebench.records.measurement import DeviceInfo
from edgebench.records.results import Drift, Scores


class DeviceEvaluation(Frozen):
    """One artifact on one device.

    `outputs` names a blob: an .npz with one float32 array [images, width] per head, and `places`, the images' rows in
    the data set.
    """

    variant: str
    model: str
    artifact: str
    contract_sha256: str
    device: DeviceInfo
    dataset: DatasetInfo
    images: int
    outputs: str
    runtime: str
    runtime_version: str
    path: str
    """What really executed, in the runtime's words."""
    duration_s: float
    """Of the processes there."""


class OnDevice(Frozen):
    """A variant judged by a device's own answers, and these beside the host's to the very same images.

    `drift` is the device's answers against the host's: `flips` counts images that the two answer differently.
    """

    variant: str
    device: str
    emulated: bool
    images: int
    of: int
    """Images of the whole set."""
    scores: Scores
    drift: Drift
    largest_difference: float
