"""The verbs as a typed Python library; the commands are a thin front to the same steward.

Every verb works in the current folder's store and spec folders unless told otherwise, caches what it
made, and raises EdgebenchError with a problem, a subject and a fix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edgebench.gate import GateRules
from edgebench.pipeline.check import check as _check
from edgebench.pipeline.check import write_baseline_of
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.doctor import LIMIT
from edgebench.pipeline.doctor import doctor as _doctor
from edgebench.pipeline.evaluate import evaluate as _evaluate
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.importing import FOLDER, Imported
from edgebench.pipeline.importing import import_model as _import_model
from edgebench.pipeline.jobs.blocks import Measured
from edgebench.pipeline.measure import measure as _measure
from edgebench.pipeline.on_device import LIMIT_S
from edgebench.pipeline.on_device import evaluate_on_device as _evaluate_on_device
from edgebench.pipeline.quantize import quantize as _quantize
from edgebench.pipeline.report import Page
from edgebench.pipeline.report import report as _report
from edgebench.pipeline.time_pipeline import time_pipeline as _time_pipeline
from edgebench.pipeline.train import train as _train
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.records.baseline import Baseline
from edgebench.records.diagnosis import Diagnosis
from edgebench.records.evaluation import Evaluation
from edgebench.records.finding import GateResult
from edgebench.records.on_device import OnDevice
from edgebench.records.results import Results
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import SYNTHETIC, DataSettings
from edgebench.specs.variant import RECIPES
from edgebench.training import History

Names = str | Sequence[str]
Data = DataSettings | Path | str
"""A folder, `synthetic`, or settings that also say how many images and which of them calibrate."""


def workspace(
    *,
    store: Path | str | None = None,
    models: Iterable[Path | str] = (),
    devices: Iterable[Path | str] = (),
    jobs: int | None = None,
) -> Workspace:
    """Where verbs work.

    Args:
        store: folder of results; `$EDGEBENCH_HOME`, else `.edgebench`.
        models: folders of model specs to search before `./model_specs` and the shipped ones.
        devices: folders of device specs, likewise.
        jobs: processes at once; one per core by default.
    """
    return Workspace.open(home=store, model_dirs=models, device_dirs=devices, jobs=jobs)


def import_model(
    file: Path | str, *, name: str | None = None, out: Path | str = FOLDER, within: Workspace | None = None
) -> Imported:
    """Writes a draft of the spec for a trained model; see `edgebench models import --help`."""
    return _import_model(within or workspace(), Path(file), name=name, out=Path(out))


def doctor(
    model: str,
    *,
    data: Path | str = SYNTHETIC,
    limit: int = LIMIT,
    seed: int = 0,
    tolerance: float = 0.0,
    resize: bool = False,
    within: Workspace | None = None,
) -> Diagnosis:
    """Tests a spec's colours, range, crop and labels against data; see `edgebench models doctor --help`."""
    return _doctor(
        within or workspace(), model, data=str(data), limit=limit, seed=seed, tolerance=tolerance, kernels=resize
    )


def quantize(
    model: Names,
    *,
    formats: Names | None = None,
    recipes: Names = RECIPES,
    only: Names = (),
    data: Data = SYNTHETIC,
    out: Path | None = None,
    force: bool = False,
    within: Workspace | None = None,
) -> tuple[Artifact, ...]:
    """Makes the variants of one or more models; see `edgebench quantize --help`."""
    return _quantize(
        within or workspace(),
        Choice.of(model, formats=formats, recipes=recipes, only=only),
        data=_settings(data),
        out=out,
        force=force,
    )


def evaluate(
    model: Names,
    *,
    formats: Names | None = None,
    recipes: Names = RECIPES,
    only: Names = (),
    data: Data = SYNTHETIC,
    force: bool = False,
    within: Workspace | None = None,
) -> tuple[Evaluation, ...]:
    """Runs every image through the source and its variants; see `edgebench evaluate --help`.

    The records hold per-image outputs; `results` turns them into scores and drift.
    """
    return _evaluate(
        within or workspace(),
        Choice.of(model, formats=formats, recipes=recipes, only=only),
        data=_settings(data),
        force=force,
    )


def run(
    model: Names,
    *,
    device: str = "local",
    formats: Names | None = None,
    recipes: Names = RECIPES,
    only: Names = (),
    data: Data = SYNTHETIC,
    settings: BenchSettings = BenchSettings(),
    threads: Sequence[int] | None = None,
    force: bool = False,
    detach: bool = False,
    within: Workspace | None = None,
) -> Measured:
    """Measures latency on a device in one interleaved job; see `edgebench run --help`.

    Args:
        detach: begin the job on a device over SSH and come back with the blocks that are there.
    """
    return _measure(
        within or workspace(),
        Choice.of(model, formats=formats, recipes=recipes, only=only),
        device=device,
        data=_settings(data),
        settings=settings,
        threads=threads,
        force=force,
        detach=detach,
    )


def evaluate_on_device(
    model: Names,
    *,
    device: str,
    formats: Names | None = None,
    recipes: Names = RECIPES,
    only: Names = (),
    data: Data = SYNTHETIC,
    limit_s: float = LIMIT_S,
    force: bool = False,
    within: Workspace | None = None,
) -> tuple[OnDevice, ...]:
    """Accuracy by a device's own answers, beside the host's; see `edgebench evaluate --help`."""
    return _evaluate_on_device(
        within or workspace(),
        Choice.of(model, formats=formats, recipes=recipes, only=only),
        device=device,
        data=_settings(data),
        limit_s=limit_s,
        force=force,
    )


def time_pipeline(
    model: Names,
    *,
    frames: Path | str = SYNTHETIC,
    detector: str = "haar",
    detect_width: int | None = None,
    device: str = "local",
    formats: Names | None = None,
    recipes: Names = RECIPES,
    only: Names = (),
    data: Data = SYNTHETIC,
    settings: BenchSettings = BenchSettings(),
    threads: Sequence[int] | None = None,
    force: bool = False,
    within: Workspace | None = None,
) -> Measured:
    """Measures frames a second behind a face detector, stage by stage; see `edgebench run --help`.

    Args:
        frames: a folder of pictures, a video file, or `synthetic`.
        detector: `haar`, `yunet=FILE`, `centerface=FILE`, or `none` for whole frames.
        detect_width: pixels to which wider frames are made for the search.
    """
    return _time_pipeline(
        within or workspace(),
        Choice.of(model, formats=formats, recipes=recipes, only=only),
        frames=str(frames),
        detector=detector,
        detect_width=detect_width,
        device=device,
        data=_settings(data),
        settings=settings,
        threads=threads,
        force=force,
    )


def results(
    model: Names = (), *, dataset: str | None = None, device: str | None = None, within: Workspace | None = None
) -> Results:
    """Everything the store holds about these models (default: all), joined and judged.

    Args:
        dataset: `DatasetInfo.id`; by default of the set that an evaluation was asked for last.
        device: by default the one measured on last.
    """
    return gather(within or workspace(), model, dataset=dataset, device=device)


def report(
    model: Names = (),
    *,
    device: str | None = None,
    out: Path | str = "reports",
    within: Workspace | None = None,
) -> tuple[Page, ...]:
    """Writes Pareto pages, tables and pictures; see `edgebench report --help`."""
    return _report(within or workspace(), model, device=device, out=Path(out))


def check(
    model: Names = (),
    *,
    baseline: Path | str | None = None,
    rules: GateRules = GateRules(),
    latency_device: str | None = None,
    data: Data = SYNTHETIC,
    within: Workspace | None = None,
) -> GateResult:
    """Holds what was asked for last against budgets and a baseline; see `edgebench check --help`."""
    return _check(
        within or workspace(),
        model,
        baseline=Path(baseline) if baseline else None,
        rules=rules,
        latency_device=latency_device,
        data=_settings(data),
    )


def baseline(
    model: Names = (), *, out: Path | str = "baseline.json", drop: bool = False, within: Workspace | None = None
) -> Baseline:
    """Writes what was asked for last as the baseline of later checks; see `edgebench baseline --help`."""
    return write_baseline_of(within or workspace(), model, Path(out), drop=drop).baseline


def train(
    model: str,
    *,
    data: Path | str = SYNTHETIC,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = True,
    out: Path | None = None,
    within: Workspace | None = None,
) -> tuple[History, Path]:
    """Trains a model of the zoo; returns its history and the weights file."""
    return _train(within or workspace(), model, data=str(data), epochs=epochs, seed=seed, resume=resume, out=out)


def _settings(data: Data) -> DataSettings:
    return data if isinstance(data, DataSettings) else DataSettings(folder=str(data))
