"""The bytes of a variant and where they came from."""

from __future__ import annotations

from typing import Literal, get_args

from edgebench.frozen import Frozen
from edgebench.records.caveat import Caveat
from edgebench.specs.data import DataSettings

Precision = Literal["int8", "fp16", "fp32", "other"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class Operators(Frozen):
    """How many operators of the executable graph compute in which precision.

    `by_type` counts every operator by its name, `by_precision` by its name and then by what it computes in: `int8`,
    `fp16`, `fp32` or `other`, such as shapes; empty in records older than it. `int8` counts those whose activations
    are int8; `compute` and `compute_int8` count only convolutions and matrix products.
    """

    total: int
    int8: int
    float: int
    compute: int
    compute_int8: int
    by_type: dict[str, int]
    by_precision: dict[str, dict[Precision, int]] = {}


class Runnable(Frozen):
    """What the agent loads to run a variant.

    `reference` marks a translation that stands in for a runtime absent here: right for accuracy,
    meaningless for latency.
    """

    runtime: Literal["litert", "onnxruntime", "coreml"]
    blob: str
    file_name: str
    reference: bool = False


class Calibration(Frozen):
    """The samples whose activations set the int8 ranges."""

    dataset: str
    samples_id: str
    contents: str
    """Blob: a JSON list of the images' content hashes, so that any evaluation can prove it shares none."""
    samples: int
    per_class: dict[str, int]
    seed: int
    unreadable: tuple[str, ...] = ()
    """Pictures that were drawn and left out, each with its reason."""


class Artifact(Frozen):
    variant: str
    model: str
    format: str
    recipe: str
    blob: str
    """sha256 of the file, or of the deterministic archive of a package directory."""
    file_name: str
    size_bytes: int
    """What ships: the file, or the sum of a package's files."""
    runnable: tuple[Runnable, ...]
    """Ways to run it, best first; the agent takes the first whose runtime the device has."""
    outputs: dict[str, int]
    """Head name -> index in the runtime's list of outputs."""
    operators: Operators
    parity: float | None
    """Largest absolute difference to the source's outputs over real samples."""
    source_sha256: str
    contract_sha256: str
    data: DataSettings
    """How it was asked for, the user's path left out."""
    calibration: Calibration | None
    tools: dict[str, str]
    duration_s: float
    caveats: tuple[Caveat, ...] = ()
