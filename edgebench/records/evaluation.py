"""One variant's answers to every image of one data set."""

from __future__ import annotations

from edgebench.frozen import Frozen
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import DatasetInfo
from edgebench.specs.data import DataSettings


class Evaluation(Frozen):
    """Per-sample outputs, so that any metric and any paired comparison can be computed later.

    `outputs` names a blob: an .npz with one float32 array [samples, width] per head.
    `truth` names a blob: an .npz with `classes` int [samples] (-1: no label; numbers into `dataset.labels`), `values`
    float [samples, columns] (NaN: no label; of `dataset.value_names`) and `content` (sha256 of each image file), in
    the same order. Blobs of before columns had names call them `expression` and `valence_arousal`.
    """

    variant: str
    model: str
    dataset: DatasetInfo
    artifact: str
    """sha256 of the artifact's blob, or the source's fingerprint for the source row."""
    contract_sha256: str
    data: DataSettings
    """How it was asked for, the user's path left out."""
    outputs: str
    truth: str
    runtime: str
    reference: bool = False
    host: dict[str, str]
    """Runtime versions, processor and its vector features: what bit-exactness depends on."""
    duration_s: float
    caveats: tuple[Caveat, ...] = ()
