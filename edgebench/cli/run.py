"""`edgebench run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgebench.cli.many import run_on
from edgebench.cli.on_device import OnDeviceAccuracy, show_on_devices
from edgebench.cli.options import (
    ALL_RECIPES,
    AllowMissing,
    CalibrationCount,
    Data,
    Force,
    Formats,
    Limit,
    Only,
    Recipes,
    Seed,
    Tolerance,
    data_settings,
    thread_counts,
)
from edgebench.cli.session import Column, Session
from edgebench.cli.soak import SoakFor, power_cells, show_soaks, soak_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgebench.pipeline.jobs.blocks import Measured
    from edgebench.records.results import FrameRate, Latency, Soak

    Summaries = Mapping[tuple[str, int], Latency | FrameRate | Soak]

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

DetectWidth = Annotated[
    int | None,
    typer.Option(metavar="PX", help="With --frames: look for faces in frames made so wide. [default: as they are]"),
]

SomeModels = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", metavar="NAME", help="A model spec; repeat or separate by commas."),
]
Devices = Annotated[
    str, typer.Option("--device", metavar="NAMES", help="A device spec, or several with commas, all at once.")
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Begin on a device over SSH and come back; see `edgebench runs`.")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the device's last unfinished run as it was asked; only --model matters."),
]


def run(
    session: Session,
    model: SomeModels = None,
    device: Devices = "local",
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
    detect_width: DetectWidth = None,
    soak: SoakFor = None,
    calibration: CalibrationCount = 200,
    seed: Seed = 0,
    force: Force = False,
    detach: Detach = False,
    resume: Resume = False,
    on_device_accuracy: OnDeviceAccuracy = False,
) -> None:
    """Measure latency on a device: interleaved blocks, each a fresh process, every sample kept."""
    from edgebench.errors import UsageError
    from edgebench.pipeline.choice import Choice
    from edgebench.specs.bench import QUICK, BenchSettings

    if resume:
        _resume(session, device, model or ())
        return
    if not model:
        raise UsageError("--model is missing", subject="run", fix="name a model, or say --resume")
    settings = (QUICK if quick else BenchSettings()).model_copy(update={"seed": seed})
    if soak is not None:
        if rounds or frames is not None:
            other = "--rounds" if rounds else "--frames"
            raise UsageError("does not go with --soak, one block of each model's variants", subject=other)
        settings = soak_settings(soak, settings)
    elif rounds:
        settings = settings.model_copy(update={"rounds": rounds})
    choice = Choice.of(model, formats=formats, recipes=recipes, only=only or ())
    asked: dict[str, Any] = {
        "data": data_settings(
            data,
            calibration=calibration,
            seed=seed,
            limit=limit,
            tolerance=tolerance,
            allow_missing_classes=allow_missing_classes,
        ),
        "settings": settings,
        "threads": None if threads is None else thread_counts(threads),
        "force": force,
        "detach": detach,
    }
    if frames is not None:
        looking = {"detector": detector or "haar", "detect_width": detect_width}
        run_on(session, device, choice, _time_pipeline, show_found, {"frames": frames, **looking, **asked})
    elif detector is not None or detect_width is not None:
        option = "--detector" if detector is not None else "--detect-width"
        raise UsageError("goes with --frames", subject=option, fix="add --frames synthetic, DIR or VIDEO")
    else:
        run_on(session, device, choice, _measure, show_found, asked)
    if on_device_accuracy:
        show_on_devices(session, choice, device, asked["data"])


def _measure(*what: Any, **asked: Any) -> Measured:
    from edgebench.pipeline.measure import measure

    return measure(*what, **asked)


def _time_pipeline(*what: Any, **asked: Any) -> Measured:
    from edgebench.pipeline.time_pipeline import time_pipeline

    return time_pipeline(*what, **asked)


def _resume(session: Session, device: str, models: Sequence[str]) -> None:
    from edgebench.pipeline.runs import resume
    from edgebench.pipeline.workspace import names

    show_found(session, resume(session.workspace, device, names(models) if models else ()))


def show_found(session: Session, found: Measured) -> None:
    """Tables of what a job measured; of a job that goes on, how to come back to it."""
    from edgebench.records.pipeline_timing import PipelineJob
    from edgebench.records.soak import SoakJob

    if len(found.blocks) < found.job.blocks:
        job, device = found.job.job, found.job.device.name
        session.answer({"job": found.job, "not_measured": found.not_measured, "done": len(found.blocks)})
        session.say(f"job {job} goes on on {device}; `edgebench runs attach {job}` follows it and brings it home")
    elif isinstance(found.job, PipelineJob):
        _show_pipelines(session, found)
    elif isinstance(found.job, SoakJob):
        _show_soaks(session, found)
    else:
        _show_measured(session, found)


def _show_soaks(session: Session, measured: Measured) -> None:
    from edgebench.records.soak import SoakBlock
    from edgebench.soak import summarize_soaks

    blocks = [block for block in measured.blocks if isinstance(block, SoakBlock)]
    soaks = {} if measured.job.device.emulated else dict(sorted(summarize_soaks(blocks).items(), key=_place))
    _answer(session, measured, "soaks", soaks)
    if soaks:
        show_soaks(session, soaks)
    else:
        session.say(f"{len(blocks)} blocks ran through; an emulated device's times mean nothing")
    _doubts(session, measured, soaks)


def _show_measured(session: Session, measured: Measured) -> None:
    from edgebench.cli.answers import answers_there, show_answers
    from edgebench.latency import summarize

    emulated = measured.job.device.emulated
    answers = answers_there(session, measured)
    latencies = {} if emulated else summarize(measured.blocks)
    _answer(session, measured, "latencies", latencies, answers={name: each for name, (each, _) in answers.items()})
    if not emulated:
        _show(session, latencies)
    show_answers(session, answers, whole=emulated)
    _doubts(session, measured, latencies)


def _show_pipelines(session: Session, timed: Measured) -> None:
    from edgebench.cli.frame_rates import show_frame_rates
    from edgebench.frame_rate import summarize_frames

    rates = {} if timed.job.device.emulated else summarize_frames(timed.job, timed.blocks)
    _answer(session, timed, "frame_rates", rates)
    if rates:
        show_frame_rates(session, timed.job, dict(sorted(rates.items(), key=_place)))
    else:
        session.say(f"{len(timed.blocks)} blocks ran through; an emulated device's times mean nothing")
    _doubts(session, timed, rates)


def _answer(session: Session, found: Measured, name: str, summaries: Summaries, **others: Any) -> None:
    rows = [{"variant": variant, **summary.model_dump()} for (variant, _), summary in summaries.items()]
    session.answer({"job": found.job, "not_measured": found.not_measured, name: rows, **others})
    info = found.job.device
    virtual = " (emulated)" if info.emulated else " (virtual machine)" if info.virtualized else ""
    session.say(f"{info.name}: {info.processor}, {info.cores} cores{virtual}, {info.system}")


def _doubts(session: Session, found: Measured, summaries: Summaries) -> None:
    for variant, why in found.not_measured.items():
        session.say(f"{variant}: not measured, {why}")
    for (variant, _), summary in sorted(summaries.items()):
        for caveat in summary.caveats:
            session.detail(f"{variant}: {caveat.text}" + (f" ({caveat.fix})" if caveat.fix else ""))


def _show(session: Session, latencies: dict[tuple[str, int], Latency]) -> None:
    from edgebench.units import bytes_text, ms_text

    powered = any(latency.power for latency in latencies.values())
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
        *((Column("power", numeric=True, rank=10), Column("energy", numeric=True, rank=11)) if powered else ()),
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
                *(power_cells(latency.power) if powered else ()),
                ", ".join(caveat.kind for caveat in latency.caveats),
            )
        )
    for model, of_model in rows.items():
        session.table(columns, of_model, title=model)


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3g} to {high:.3g}"


def _place(item: tuple[tuple[str, int], object]) -> tuple[object, ...]:
    """Formats and recipes in the order of every other table."""
    from edgebench.specs.variant import FORMATS, RECIPES, Variant

    (name, threads), _ = item
    variant = Variant.parse(name)
    return variant.model, FORMATS.index(variant.format), RECIPES.index(variant.recipe), threads
