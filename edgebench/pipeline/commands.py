"""For every number the command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from edgebench.pipeline.datasets import EMBEDDED
from edgebench.records.artifact import Artifact
from edgebench.records.dataset import DatasetInfo
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import DeviceInfo, MeasurementJob
from edgebench.specs.bench import QUICK, BenchSettings
from edgebench.specs.data import SYNTHETIC


def commands_of(
    model: str, artifact: Artifact | None, evaluation: Evaluation | None, job: MeasurementJob | None
) -> dict[str, str]:
    """Keys size, accuracy and latency, for what was found."""
    only = ["--only", artifact.variant] if artifact else []
    commands = {}
    data = _data(evaluation.dataset) if evaluation else []
    if artifact:
        commands["size"] = _line("quantize", "--model", model, *only, *data)
    if evaluation:
        commands["accuracy"] = _line("evaluate", "--model", model, *only, *data, *_limit(evaluation.dataset))
    if job:
        models = dict.fromkeys(variant.rpartition(".")[0] for variant in job.variants)
        names = [part for name in models for part in ("--model", name)]
        commands["latency"] = _line("run", "--device", job.device.name, *names, *data, *_settings(job))
    return commands


def report_command(models: Sequence[str], device: DeviceInfo | None) -> str:
    chosen = [part for name in models for part in ("--model", name)]
    return _line("report", *chosen, *(["--device", device.name] if device else []))


def _data(dataset: DatasetInfo) -> list[str]:
    embedded = dataset.synthetic and dataset.name.startswith(f"synthetic faces (seed {EMBEDDED['seed']})")
    return ["--data", SYNTHETIC if embedded else "DIR"]


def _limit(dataset: DatasetInfo) -> list[str]:
    return ["--limit", str(dataset.samples)] if " of " in dataset.name else []


def _settings(job: MeasurementJob) -> list[str]:
    """The options by which the job's settings differ from the defaults."""
    asked = {name: job.settings[name] for name in BenchSettings.model_fields}
    quick = asked["rounds"] == QUICK.rounds and asked["measure_s"] == QUICK.measure_s
    threads = job.settings["threads"]
    options = ["--quick"] if quick else ["--rounds", str(asked["rounds"])] if asked["rounds"] != 5 else []
    return options + (["--threads", ",".join(map(str, threads))] if list(threads) != [1] else [])


def _line(*words: str) -> str:
    return shlex.join(["edgebench", *words])
