"""`edgebench quantize`: every wanted variant as an artifact that was loaded and run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from edgebench.data import Samples
from edgebench.digests import sha256_json
from edgebench.errors import EdgebenchError, raise_all
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.children.conversion import Order
from edgebench.pipeline.children.workers import Task, run_tasks
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.images.datasets import calibration_set, evaluation_samples, images_path
from edgebench.pipeline.opening import refuse_unfit
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact, Calibration
from edgebench.registry import resolve
from edgebench.sources import fingerprint, framework, size_bytes
from edgebench.specs.data import DataSettings
from edgebench.specs.model import ModelSpec
from edgebench.specs.variant import Variant
from edgebench.store.packages import holds
from edgebench.targets import TARGETS
from edgebench.targets.reach import left_out

# Part of every artifact's key: raise it when the same inputs shall give other bytes, or another account of them.
REVISION = 3
LARGE_BYTES = 100_000_000
"""Converters hold a net up to eight times over: of larger ones, one is converted at a time."""


def quantize(
    workspace: Workspace,
    choice: Choice,
    *,
    data: DataSettings = DataSettings(),
    out: Path | None = None,
    force: bool = False,
) -> tuple[Artifact, ...]:
    """Makes what is missing and returns the artifact of every chosen variant.

    Files are written to `out`, by default `artifacts/` in the store. A variant that fails does not
    stop the others: they are kept, then the first failure is raised with the rest as its notes.
    """
    specs = [workspace.model(model) for model in choice.models]
    choice.check(specs)
    if choice.formats is None:
        _tell_left_out(workspace, specs)
    refuse_unfit(workspace, specs)
    prepared = [_Prepared.of(workspace, spec, choice, data) for spec in specs]
    workspace.store.ask(Artifact, [key for each in prepared for key in each.keys.values()])
    failures = _make_missing(workspace, prepared, force=force)
    keys = [key for each in prepared for key in each.keys.values()]
    for artifact in filter(None, [workspace.store.find(Artifact, key) for key in keys]):
        export(workspace, artifact, out or workspace.store.folder("artifacts"))
    raise_all(failures)
    return tuple(workspace.store.get(Artifact, key) for key in keys)


@dataclass(frozen=True)
class _Prepared:
    """A model with the identity of everything its artifacts depend on."""

    spec: ModelSpec
    images: Path
    calibration: Calibration
    data: DataSettings
    source_sha256: str
    keys: dict[Variant, str]

    @classmethod
    def of(cls, workspace: Workspace, spec: ModelSpec, choice: Choice, data: DataSettings) -> _Prepared:
        variants = choice.variants(spec)
        source_sha256 = fingerprint(spec)
        # Whatever part of the evaluation set is asked for, none of it calibrates.
        whole = data.model_copy(update={"limit": None, "allow_missing_classes": True})
        evaluation = evaluation_samples(workspace, spec, whole)
        samples = calibration_set(workspace, spec, data, exclude=evaluation.content)
        calibration = _calibration_record(workspace, samples, data.calibration.seed)
        shared = {
            "revision": REVISION,
            "source": source_sha256,
            "contract": spec.input.sha256,
            "heads": [head.model_dump(mode="json") for head in spec.heads],
            # The first calibration images are also the probes of every variant.
            "samples": calibration.samples_id,
        }
        keys = {
            variant: sha256_json({**shared, "variant": variant.id, "tools": _tools(variant.format, spec)})
            for variant in variants
        }
        return cls(spec, images_path(samples), calibration, data.without_path(), source_sha256, keys)

    def orders(self, missing: Iterable[Variant], *, again: bool) -> list[Order]:
        return [
            Order(
                spec=self.spec,
                format=format_,
                variants=tuple((variant, self.keys[variant]) for variant in group),
                images=self.images,
                calibration=self.calibration,
                data=self.data,
                source_sha256=self.source_sha256,
                contract_sha256=self.spec.input.sha256,
                again=again,
            )
            for format_, group in groupby(missing, key=lambda variant: variant.format)
        ]


def _tell_left_out(workspace: Workspace, specs: Sequence[ModelSpec]) -> None:
    for spec in specs:
        for format_, reason in left_out(spec).items():
            workspace.progress.note(f"{spec.name}: {format_} is left out: {reason}")


def _tools(format_: str, spec: ModelSpec) -> dict[str, str]:
    tools: dict[str, str] = resolve(TARGETS, format_, kind="format")().tools(framework(spec))
    return tools


def _calibration_record(workspace: Workspace, samples: Samples, seed: int) -> Calibration:
    contents = json.dumps(sorted(samples.content)).encode()
    return Calibration(
        dataset=samples.info.name,
        samples_id=samples.info.id,
        contents=workspace.store.blobs.put_bytes(contents),
        samples=samples.info.samples,
        per_class=samples.info.per_class,
        seed=seed,
        unreadable=samples.info.unreadable,
    )


def _make_missing(workspace: Workspace, prepared: Sequence[_Prepared], *, force: bool) -> list[EdgebenchError]:
    """What failed."""
    orders = [
        order
        for each in prepared
        for order in each.orders(
            [v for v, key in each.keys.items() if force or workspace.store.find(Artifact, key) is None], again=force
        )
    ]
    if not orders:
        return []
    total = sum(len(order.variants) for order in orders)
    made: dict[str, int] = {}
    tasks = [
        Task(
            f"{order.spec.name}.{order.format} of {order.spec.source.file or 'random weights'}",
            "edgebench.pipeline.children.conversion:make",
            {"home": workspace.store.home, "database": workspace.store.database.url, "order": order},
        )
        for order in orders
    ]
    # A net may be in several orders, which would be at work together.
    jobs = 1 if any(size_bytes(order.spec) > LARGE_BYTES for order in orders) else workspace.jobs
    with workspace.progress.step("making artifacts") as step:

        def on_report(task: Task, done: int, _: int, detail: str) -> None:
            made[task.subject] = done
            step.update(sum(made.values()), total, detail)

        outcomes = list(run_tasks(tasks, jobs=jobs, log=workspace.log, on_report=on_report))
    return [outcome.error for outcome in outcomes if outcome.error]


def export(workspace: Workspace, artifact: Artifact, folder: Path) -> Path:
    """The artifact as a file (or package) named by its variant, its record beside it; what is there already is kept."""
    target = folder / artifact.file_name
    manifest = folder / f"{artifact.file_name}.json"
    body = artifact.model_dump_json(indent=2).encode()
    with as_store_errors(target):
        if not holds(target, artifact.blob):
            workspace.store.blobs.export(artifact.blob, target)
    with as_store_errors(manifest):
        if not (manifest.is_file() and manifest.read_bytes() == body):
            with replacing(manifest) as part:
                part.write_bytes(body)
    return target
