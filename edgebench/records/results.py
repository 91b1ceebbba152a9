"""Everything a report, a gate or a script needs, joined: the content of results.json.

A quantity that was not measured is None here and "not measured" on every page.
"""

from __future__ import annotations

from typing import Any, Literal

from edgebench.frozen import Frozen
from edgebench.records.artifact import Calibration, Operators
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import DatasetInfo
from edgebench.records.measurement import DeviceInfo
from edgebench.records.pipeline_timing import FaceDetector, Frames

# Results file history:
#   1 - first version
#   2 - frame rates of variants behind a face detector
#   3 - errors of a source model's valence and arousal by the place of the label
#   4 - what variants answered on the device; emulated devices; power; how speed lasts
SCHEMA = 4

Verdict = Literal["pass", "fail", "inconclusive"]

CRITERIA = ("accuracy", "ccc_mean")
"""Metrics a model is judged by: the first of these that it has. Higher is better in each."""


class Estimate(Frozen):
    """A number and its interval at `confidence`."""

    value: float
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95


class ClassScores(Frozen):
    """One expression: how often it was found (sensitivity) and how often a call of it was right (precision).

    None where the denominator is zero.
    """

    label: str
    support: int
    sensitivity: float | None
    precision: float | None
    f1: float | None


class AffectErrors(Frozen):
    """Errors of valence and arousal by the place of the label, in cells of the square of labels, [-1, 1] twice.

    All columns go together, one entry for each cell that holds a label with both (see `metrics.cells`).
    """

    cells: int
    """Along either side of the square."""
    valence: tuple[int, ...]
    """Place of the cell, rising from -1."""
    arousal: tuple[int, ...]
    labels: tuple[int, ...]
    valence_rmse: tuple[float, ...]
    arousal_rmse: tuple[float, ...]


class Scores(Frozen):
    """A variant against the labels. `metrics` is keyed by metric name, such as `accuracy` or `ccc_valence`."""

    samples: int
    metrics: dict[str, Estimate]
    classes: tuple[ClassScores, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """confusion[truth][predicted], in the order of `classes`."""
    affect_errors: AffectErrors | None = None
    """Of a source model alone: a variant's differ too little from them for a picture to tell."""


class Drift(Frozen):
    """A variant against its source model, image by image.

    `lost` counts images the source got right and the variant wrong, `gained` the reverse;
    `p_value` is the exact McNemar test on them; `flips` counts changed predictions, right or wrong.
    `deltas` holds variant minus source for each metric, with paired intervals; one that the images cannot bound
    has none (see `drift.judge`).
    """

    reference: str
    samples: int
    lost: int
    gained: int
    p_value: float
    flips: int
    flips_by_class: dict[str, int]
    deltas: dict[str, Estimate]
    margin: float
    verdict: Verdict
    reason: str


class BlockLatency(Frozen):
    """One block as the report draws it: quantiles of its raw samples, in milliseconds."""

    round: int
    position: int
    invocations: int
    load_ms: float
    first_ms: float
    quantiles_ms: dict[str, float]
    """Keys min, p5, p25, p50, p75, p95, max."""
    device: str = ""
    """Which board of a pool it was."""
    vetoes: tuple[str, ...] = ()
    disturbed: tuple[str, ...] = ()


class PowerUse(Frozen):
    """What the device takes while it infers, with what it takes at rest: medians over blocks."""

    meter: str
    """What measured it (see `records.measurement.Power`)."""
    mean_w: float
    inference_j: float


class Latency(Frozen):
    """A variant on a device at a thread count, over all blocks of one interleaved job.

    `median_ms` is the median of block medians; its interval is Student's over the blocks, on logarithms.
    """

    job: str
    threads: int
    runtime: str
    runtime_version: str
    median_ms: Estimate
    p90_ms: float | None
    """An upper bound, not an estimate: the 90th percentile is at most this, with 99 % confidence (MLPerf's early
    stopping). It needs 64 invocations; None with fewer."""
    p99_ms: float | None
    """The same of the 99th percentile, which needs 662 invocations."""
    fps: float
    load_ms: float
    first_ms: float
    peak_rss_bytes: int
    invocations: int
    ratio_to_fp32: Estimate | None
    """Over the fp32 variant of the same format, paired by round; None where that was not in the job."""
    power: PowerUse | None = None
    """None where the device cannot measure it."""
    conditions: dict[str, str]
    blocks: tuple[BlockLatency, ...]
    caveats: tuple[Caveat, ...] = ()


class FrameRate(Frozen):
    """A variant behind a detector on a device: how many frames a second an application sees.

    Times are means over frames, since only these add up and only these tell a rate; of several blocks the median,
    `frame_ms` with Student's interval over the blocks' logarithms.
    """

    job: str
    threads: int
    runtime: str
    runtime_version: str
    detector: FaceDetector
    detector_version: str
    detector_settings: dict[str, Any]
    frames: Frames
    frame_size: tuple[int, int]
    """Width and height in pixels, of the narrowest frame."""
    widest_frame_size: tuple[int, int] | None = None
    """None where all frames are of one size."""
    frame_ms: Estimate
    fps: float
    stages_ms: dict[str, float]
    faces: tuple[int, ...]
    """Found in each frame; empty without a detector."""
    with_face_ms: float | None
    """Mean of the frames that the model saw; None where it saw none."""
    without_face: Literal["skipped"] = "skipped"
    """A frame without a face is not shown to the model."""
    resize: str
    timed_frames: int
    peak_rss_bytes: int
    conditions: dict[str, str]
    caveats: tuple[Caveat, ...] = ()

    @property
    def size_text(self) -> str:
        sizes = (self.frame_size, self.widest_frame_size) if self.widest_frame_size else (self.frame_size,)
        return " to ".join(f"{width} x {height}" for width, height in sizes)


class Soak(Frozen):
    """How a variant's speed lasts on a device: one long block from the start temperature on.

    `burst_ms` is the median over the first seconds' medians, `sustained_ms` over those of the last.
    """

    job: str
    threads: int
    runtime: str
    runtime_version: str
    duration_s: float
    burst_s: float
    sustained_s: float
    burst_ms: float
    sustained_ms: float
    ratio: float
    """Sustained over burst."""
    invocations: int
    at_s: tuple[float, ...]
    """Seconds of the block, a few joined to one where there are many; all columns go together."""
    median_ms: tuple[float, ...]
    p90_ms: tuple[float, ...]
    temperature_c: tuple[float | None, ...]
    frequency_mhz: tuple[float | None, ...]
    power: PowerUse | None = None
    """After the last second."""
    conditions: dict[str, str]
    caveats: tuple[Caveat, ...] = ()


class DeviceAnswers(Frozen):
    """What a variant answered on a device, beside what the evaluation, or this machine, answers to the same images.

    The proof that what was timed computes what was judged.
    """

    job: str
    emulated: bool = False
    """The device is; then this is all there is to say of it, and no latency."""
    runtime: str
    runtime_version: str
    path: str
    """What really executed, in the runtime's words."""
    blocks: int
    images: int
    held_against: Literal["evaluation", "host", "nothing"]
    exact: bool | None = None
    """Bit for bit the same; None where there is nothing to hold them against."""
    largest_difference: float | None = None
    """Absolute, over all outputs; None where only the hashes are known."""
    allowed_difference: float | None = None
    same: bool | None = None
    """Within what is allowed."""


class VariantResult(Frozen):
    variant: str
    model: str
    format: str
    recipe: str
    """`source`/`source` for the trained model in its own framework."""
    sha256: str
    size_bytes: int | None
    size_ratio_to_fp32: float | None
    operators: Operators | None
    parity: float | None
    calibration: Calibration | None
    scores: Scores | None
    drift: Drift | None
    latency: tuple[Latency, ...]
    """One per thread count, lowest first."""
    frame_rates: tuple[FrameRate, ...] = ()
    """One per run over whole frames (its frames and its detector) and thread count, what was asked for last at the
    end."""
    soaks: tuple[Soak, ...] = ()
    """One per thread count, of the run asked for last."""
    reference_executed: bool = False
    answers: DeviceAnswers | None = None
    """None where it was not run on the device."""
    on_front: bool = False
    front_probability: float | None = None
    """Share of resamples (images and blocks drawn together) in which no variant is faster and more accurate."""
    on_front_with_size: bool = False
    front_probability_with_size: float | None = None
    """The same with size as a third objective: no variant is as fast, as accurate and as small, and better in one."""
    caveats: tuple[Caveat, ...] = ()
    commands: dict[str, str] = {}
    """What reproduces its numbers: keys size, accuracy, latency."""


class Results(Frozen):
    schema_version: int = SCHEMA
    edgebench: str
    title: str
    dataset: DatasetInfo | None
    device: DeviceInfo | None
    beside: tuple[str, ...] = ()
    """Other devices that a page above this one shows side by side with it."""
    measured_at: str | None
    settings: dict[str, float | int | str] = {}
    variants: tuple[VariantResult, ...]
    caveats: tuple[Caveat, ...] = ()
    command: str
