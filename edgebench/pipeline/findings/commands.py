"""For every number the command that makes it again, from what its record says it was asked for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from edgebench.records.artifact import Artifact
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import DeviceInfo, MeasurementJob
from edgebench.records.pipeline_timing import PipelineJob
from edgebench.records.soak import SoakJob
from edgebench.specs.bench import QUICK, BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.specs.variant import FORMATS, RECIPES, model_of

QUANTITY: dict[type[MeasurementJob], str] = {PipelineJob: "frame rate", SoakJob: "sustained latency"}


def commands_of(
    model: str, artifact: Artifact | None, evaluation: Evaluation | None, jobs: Sequence[MeasurementJob]
) -> dict[str, str]:
    """Keys size, accuracy, latency, frame rate, sustained latency: what was found. A user's own folder is DIR."""
    only = ["--only", artifact.variant] if artifact else []
    commands = {}
    if artifact:
        commands["size"] = _line("quantize", "--model", model, *only, *_data(artifact.data, evaluates=False))
    if evaluation:
        commands["accuracy"] = _line("evaluate", "--model", model, *only, *_data(evaluation.data))
    for job in jobs:
        commands[QUANTITY.get(type(job), "latency")] = _measurement(job)
    return commands


def report_command(models: Sequence[str], device: DeviceInfo | None) -> str:
    return _line("report", *_each("--model", models), *(["--device", device.name] if device else []))


def _data(data: DataSettings, *, evaluates: bool = True) -> list[str]:
    """The options by which the settings differ from the defaults."""
    plain = DataSettings()
    options = ["--data", data.folder]
    if data.calibration.count != plain.calibration.count:
        options += ["--calibration", str(data.calibration.count)]
    if data.calibration.seed != plain.calibration.seed:
        options += ["--seed", str(data.calibration.seed)]
    if data.limit is not None and evaluates:
        options += ["--limit", str(data.limit)]
    if data.tolerance:
        options += ["--tolerance", f"{data.tolerance:g}"]
    return options + (["--allow-missing-classes"] if data.allow_missing_classes else [])


def _measurement(job: MeasurementJob) -> str:
    models = list(dict.fromkeys(model_of(variant) for variant in job.variants))
    formats = [name for name in FORMATS if any(f".{name}-" in variant for variant in job.variants)]
    every = {f"{model}.{format_}-{recipe}" for model in models for format_ in formats for recipe in RECIPES}
    chosen = ["--formats", ",".join(formats)] if every == set(job.variants) else _each("--only", job.variants)
    device = ["--device", job.device.name]
    frames = _frames(job) if isinstance(job, PipelineJob) else []
    frames += ["--soak", f"{job.settings['soak_s']:g}s"] if isinstance(job, SoakJob) else []
    return _line("run", *device, *_each("--model", models), *chosen, *frames, *_data(job.data), *_settings(job))


def _frames(job: PipelineJob) -> list[str]:
    named = {"raw": job.frames.name, "folder": "DIR", "video": "VIDEO"}[job.frames.kind]
    looking = job.detector
    width = [] if looking.width is None else ["--detect-width", str(looking.width)]
    return ["--frames", named, "--detector", looking.name + ("=FILE" if looking.sha256 else ""), *width]


def _settings(job: MeasurementJob) -> list[str]:
    asked = BenchSettings.model_validate({name: job.settings[name] for name in BenchSettings.model_fields})
    base = QUICK if asked.measure_s == QUICK.measure_s else BenchSettings()
    options = ["--quick"] if base is QUICK else []
    if asked.rounds != base.rounds and not isinstance(job, SoakJob):
        options += ["--rounds", str(asked.rounds)]
    threads = job.settings["threads"]
    return options + (["--threads", ",".join(map(str, threads))] if list(threads) != [1] else [])


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _line(*words: str) -> str:
    return shlex.join(["edgebench", *words])
