"""Frames a second in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgebench.cli.session import Column, Session
from edgebench.units import NOT_MEASURED, fps_text, ms_text

if TYPE_CHECKING:
    from edgebench.records.pipeline_timing import PipelineJob
    from edgebench.records.results import FrameRate


def show_frame_rates(session: Session, job: PipelineJob, rates: Mapping[tuple[str, int], FrameRate]) -> None:
    """What was timed, then a table for each model: every stage's mean share of a frame, and what they add up to."""
    first = next(iter(rates.values()))
    found = f", a face in {len(first.faces) - first.faces.count(0)} of {len(first.faces)}" if first.faces else ""
    session.say(
        f"{job.frames.name}: frames of {first.size_text}, {job.detector.text} {first.detector_version}".rstrip() + found
    )
    stages = list(dict.fromkeys(stage for rate in rates.values() for stage in rate.stages_ms))
    columns = (
        Column("variant"),
        Column("threads", numeric=True, rank=1),
        *(Column(stage, numeric=True, rank=3) for stage in stages),
        Column("frame", numeric=True),
        Column("with a face", numeric=True, rank=2),
        Column("fps", numeric=True),
        Column("caveats", rank=4),
    )
    rows: dict[str, list[tuple[str, ...]]] = {}
    for (variant, threads), rate in rates.items():
        model, _, kind = variant.rpartition(".")
        cells = (
            kind,
            str(threads),
            *(ms_text(rate.stages_ms[stage]) if stage in rate.stages_ms else "" for stage in stages),
            ms_text(rate.frame_ms.value),
            NOT_MEASURED if rate.with_face_ms is None else ms_text(rate.with_face_ms),
            fps_text(rate.fps),
            ", ".join(caveat.kind for caveat in rate.caveats),
        )
        rows.setdefault(model, []).append(cells)
    for model, of_model in rows.items():
        session.table(columns, of_model, title=model)
