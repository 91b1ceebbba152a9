"""`edgebench run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgebench.cli.options import (
    ALL_RECIPES,
    AllowMissing,
    CalibrationCount,
    Data,
    Device,
    Force,
    Formats,
    Limit,
    Models,
    Only,
    Recipes,
    Seed,
    Tolerance,
    data_settings,
)
from edgebench.cli.session import Column, Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgebench.pipeline.measure import Measured
    from edgebench.pipeline.quantize import Choice
    from edgebench.pipeline.time_pipeline import TimedPipelines
    from edgebench.records.results import FrameRate, Latency

    Summaries = Mapping[tuple[str, int], Latency | FrameRate]

Frames = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE",
        help="Time whole frames, from the camera's to the answer: a folder of pictures, a video, or `synthetic`.",
    ),
]
Detector = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="With --frames: haar, yunet=FILE, centerface=FILE, or none for whole frames. [default: haar]",
    ),
]


def run(
    session: Session,
    model: Models,
    device: Device = "local",
    formats: Formats = None,
    recipes: Recipes = ALL_RECIPES,
    only: Only = None,
    data: Data = "synthetic",
    limit: Limit = None,
    tolerance: Tolerance = 0.0,
    allow_missing_classes: AllowMissing = False,
    threads: Annotated[str | None, typer.Option(metavar="LIST", help="Thread counts, such as 1,2.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, metavar="N", help="Blocks of each variant.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Short blocks, for a first look.")] = False,
    frames: Frames = None,
    detector: Detector = None,
    calibration: CalibrationCount = 200,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Measure latency on a device: interleaved blocks, each a fresh process, every sample kept."""
    from edgebench.errors import UsageError
    from edgebench.pipeline.quantize import Choice
    from edgebench.specs.bench import QUICK, BenchSettings

    settings = (QUICK if quick else BenchSettings()).model_copy(update={"seed": seed})
    if rounds:
        settings = settings.model_copy(update={"rounds": rounds})
    choice = Choice.of(model, formats=formats, recipes=recipes, only=only or ())
    asked = {
        "device": device,
        "data": data_settings(
            data,
            calibration=calibration,
            seed=seed,
            limit=limit,
            tolerance=tolerance,
            allow_missing_classes=allow_missing_classes,
        ),
        "settings": settings,
        "threads": None if threads is None else _thread_counts(threads),
        "force": force,
    }
    if frames is not None:
        _run_frames(session, choice, {"frames": frames, "detector": detector or "haar", **asked})
    elif detector is not None:
        raise UsageError("goes with --frames", subject="--detector", fix="add --frames synthetic, DIR or VIDEO")
    else:
        _run_invocations(session, choice, asked)


def _run_invocations(session: Session, choice: Choice, asked: dict[str, Any]) -> None:
    from edgebench.latency import summarize
    from edgebench.pipeline.measure import measure

    measured = measure(session.workspace, choice, **asked)
    latencies = summarize(measured.blocks)
    _answer(session, measured, "latencies", latencies)
    _show(session, latencies)
    _doubts(session, measured, latencies)


def _run_frames(session: Session, choice: Choice, asked: dict[str, Any]) -> None:
    from edgebench.cli.frame_rates import show_frame_rates
    from edgebench.frame_rate import summarize_frames
    from edgebench.pipeline.time_pipeline import time_pipeline

    timed = time_pipeline(session.workspace, choice, **asked)
    rates = summarize_frames(timed.job, timed.blocks)
    _answer(session, timed, "frame_rates", rates)
    show_frame_rates(session, timed.job, dict(sorted(rates.items(), key=_place)))
    _doubts(session, timed, rates)


def _answer(session: Session, found: Measured | TimedPipelines, name: str, summaries: Summaries) -> None:
    rows = [{"variant": variant, **summary.model_dump()} for (variant, _), summary in summaries.items()]
    session.answer({"job": found.job, "not_measured": found.not_measured, name: rows})
    info = found.job.device
    virtual = " (virtual machine)" if info.virtualized else ""
    session.say(f"{info.name}: {info.processor}, {info.cores} cores{virtual}, {info.system}")


def _doubts(session: Session, found: Measured | TimedPipelines, summaries: Summaries) -> None:
    for variant, why in found.not_measured.items():
        session.say(f"{variant}: not measured, {why}")
    for (variant, _), summary in sorted(summaries.items()):
        for caveat in summary.caveats:
            session.detail(f"{variant}: {caveat.text}" + (f" ({caveat.fix})" if caveat.fix else ""))


def _show(session: Session, latencies: dict[tuple[str, int], Latency]) -> None:
    from edgebench.units import bytes_text, ms_text

    columns = (
        Column("variant"),
        Column("threads", numeric=True, rank=1),
        Column("median", numeric=True),
        Column("95 % interval", numeric=True, rank=4),
        Column("p90 at most", numeric=True, rank=5),
        Column("p99 at most", numeric=True, rank=8),
        Column("fps", numeric=True, rank=2),
        Column("to fp32", numeric=True),
        Column("load", numeric=True, rank=6),
        Column("first", numeric=True, rank=7),
        Column("peak memory", numeric=True, rank=9),
        Column("caveats", rank=3),
    )
    rows: dict[str, list[tuple[str, ...]]] = {}
    for (variant, threads), latency in sorted(latencies.items(), key=_place):
        model, _, kind = variant.rpartition(".")
        rows.setdefault(model, []).append(
            (
                kind,
                str(threads),
                ms_text(latency.median_ms.value),
                _span(latency.median_ms.low, latency.median_ms.high),
                ms_text(latency.p90_ms),
                ms_text(latency.p99_ms),
                f"{latency.fps:.1f}",
                f"{latency.ratio_to_fp32.value:.2f}" if latency.ratio_to_fp32 else "",
                ms_text(latency.load_ms),
                ms_text(latency.first_ms),
                bytes_text(latency.peak_rss_bytes),
                ", ".join(caveat.kind for caveat in latency.caveats),
            )
        )
    for model, of_model in rows.items():
        session.table(columns, of_model, title=model)


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3g} to {high:.3g}"


def _thread_counts(text: str) -> tuple[int, ...]:
    from edgebench.errors import UsageError

    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
        raise UsageError(
            "not a list of different thread counts, each 1 or more", subject=repr(text), fix="write numbers such as 1,2"
        )
    return counts


def _place(item: tuple[tuple[str, int], object]) -> tuple[object, ...]:
    """Formats and recipes in the order of every other table."""
    from edgebench.specs.variant import FORMATS, RECIPES, Variant

    (name, threads), _ = item
    variant = Variant.parse(name)
    return variant.model, FORMATS.index(variant.format), RECIPES.index(variant.recipe), threads
