"""What the raw blocks of one pipeline job amount to: how many frames a second an application will see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from edgebench.conditions import block_caveats, conditions
from edgebench.records.caveat import Caveat
from edgebench.records.pipeline_timing import STAGES, PipelineBlock, PipelineJob
from edgebench.records.results import Estimate, FrameRate
from edgebench.specs.variant import model_of
from edgebench.stats import CONFIDENCE, median_interval

MOSTLY = 0.5
"""A detector that takes more than this share of a frame decides the rate."""


def summarize_frames(
    job: PipelineJob, blocks: Sequence[PipelineBlock], *, confidence: float = CONFIDENCE
) -> dict[tuple[str, int], FrameRate]:
    """Frame rate of each (variant, threads) over its blocks in the job."""
    series: dict[tuple[str, int], list[PipelineBlock]] = defaultdict(list)
    for block in sorted(blocks, key=lambda block: block.round):
        series[block.variant, block.threads].append(block)
    return {name: _frame_rate(job, own, confidence) for name, own in series.items()}


def _frame_rate(job: PipelineJob, blocks: Sequence[PipelineBlock], confidence: float) -> FrameRate:
    first = blocks[0]
    means_ms = np.array([np.mean(block.latencies_ns) for block in blocks]) / 1e6
    low, high = median_interval(means_ms, confidence=confidence) or (None, None)
    frame_ms = Estimate(value=float(np.median(means_ms)), low=low, high=high, confidence=confidence)
    stages_ms = {
        stage: float(np.median([np.mean(block.stages_ns[stage]) for block in blocks])) / 1e6
        for stage in STAGES
        if all(stage in block.stages_ns for block in blocks)
    }
    return FrameRate(
        job=first.job,
        threads=first.threads,
        runtime=first.runtime,
        runtime_version=first.runtime_version,
        detector=job.detector,
        detector_version=first.detector_version,
        detector_settings=first.detector_settings,
        frames=job.frames,
        frame_size=first.frame_size,
        widest_frame_size=None if first.widest_frame_size == first.frame_size else first.widest_frame_size,
        frame_ms=frame_ms,
        fps=1000 / frame_ms.value,
        stages_ms=stages_ms,
        faces=first.faces,
        with_face_ms=_with_face_ms(blocks),
        resize=first.resize,
        timed_frames=sum(len(block.latencies_ns) for block in blocks),
        peak_rss_bytes=max(block.peak_rss_bytes for block in blocks),
        conditions=conditions(blocks),
        caveats=(*_caveats(job, first, stages_ms, frame_ms.value), *block_caveats(blocks)),
    )


def _with_face_ms(blocks: Sequence[PipelineBlock]) -> float | None:
    """Median over blocks of the mean frame that the model saw."""
    means_ns = []
    for block in blocks:
        totals_ns, inferred_ns = np.array(block.latencies_ns), block.stages_ns.get("infer")
        if inferred_ns is None:
            return None
        means_ns.append(totals_ns[np.array(inferred_ns) > 0].mean())
    return float(np.median(means_ns)) / 1e6


def _caveats(job: PipelineJob, block: PipelineBlock, stages_ms: dict[str, float], frame_ms: float) -> Iterator[Caveat]:
    if job.frames.synthetic:
        text = "the frames are drawings: a detector's time depends on what is in a picture"
        yield Caveat(kind="synthetic-frames", text=text, fix="name a folder of pictures or a video of your own")
    if without := block.faces.count(0):
        text = f"no face was found in {without} of {len(block.faces)} frames, which the model was not shown"
        yield Caveat(kind="frames-without-face", text=text, fix="see the time of a frame with a face")
    share = stages_ms.get("detect", 0.0) / frame_ms
    if share > MOSTLY:
        text = f"the search for faces takes {100 * share:.0f} % of a frame: a faster variant gains the rest at most"
        fix = "search less often, in smaller frames (--detect-width 640), or with another detector"
        yield Caveat(kind="detector-bound", text=text, fix=fix)
    crop = job.crops.get(model_of(block.variant), "face_box")
    if crop != "face_box" and job.detector.name != "none":
        states = {"none": "takes whole pictures", "landmarks": "crops by landmarks"}[crop]
        text = f"its contract {states}; here the detector's box is cropped"
        yield Caveat(kind="other-crop", text=text)
    if not block.resize.startswith("Pillow"):
        text = f"resized by {block.resize}, not by what made the evaluation's images"
        yield Caveat(kind="other-resize", text=text, fix="install Pillow on the device")
