"""Outputs of sources and artifacts for every image of a set, sharded over processes, exact in any sharding."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import EdgebenchError
from edgebench.pipeline.children.shards import PredictJob, predict_all
from edgebench.pipeline.children.workers import Report, Task, run_tasks
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.model import ModelSpec

if TYPE_CHECKING:
    import numpy as np

# Small enough that no process waits long for the last one, large enough to cost nothing.
SHARD = 100
BATCH = 32


@dataclass(frozen=True)
class Predicted:
    """One row's outputs, head name -> float32 [samples, width], or the error that prevented them."""

    key: str
    outputs: dict[str, np.ndarray]
    duration_s: float
    error: EdgebenchError | None = None


@dataclass(frozen=True)
class SourceRow:
    """`source_sha256` is the fingerprint that the key was made of."""

    key: str
    spec: ModelSpec
    source_sha256: str
    images: Path
    samples: int


@dataclass(frozen=True)
class ArtifactRow:
    """`heads` maps a head's name to the index among the runtime's outputs."""

    key: str
    variant: str
    runtime: str
    model: Path
    heads: Mapping[str, int]
    affine: dict[str, Any]
    images: Path
    samples: int


def predict_sources(workspace: Workspace, rows: Sequence[SourceRow]) -> Iterator[Predicted]:
    """Runs each source in its own framework, in a child process."""
    import numpy as np

    done: dict[str, int] = {}
    total = sum(row.samples for row in rows)
    with (
        tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work,
        workspace.progress.step("evaluating sources") as step,
    ):
        tasks = {
            row.spec.name: Task(
                f"{row.spec.name}.source",
                "edgebench.pipeline.children.predictions:predict_source",
                {
                    "spec": row.spec,
                    "source_sha256": row.source_sha256,
                    "images": row.images,
                    "out": Path(work) / f"{row.key}.npz",
                },
            )
            for row in rows
        }
        keys = {task.subject: row.key for task, row in zip(tasks.values(), rows, strict=True)}

        def on_report(task: Task, images: int, _: int, detail: str) -> None:
            done[task.subject] = images
            step.update(sum(done.values()), total, detail)

        for outcome in run_tasks(list(tasks.values()), jobs=workspace.jobs, log=workspace.log, on_report=on_report):
            key = keys[outcome.task.subject]
            if outcome.error:
                yield Predicted(key, {}, 0.0, outcome.error)
                continue
            with np.load(outcome.task.arguments["out"]) as arrays:
                yield Predicted(key, dict(arrays), outcome.value)


def predict_source(report: Report, *, spec: ModelSpec, source_sha256: str, images: Path, out: Path) -> float:
    """In the child: writes every head's outputs to `out` and returns the seconds it took."""
    import numpy as np

    from edgebench.inputs import PreparedInputs
    from edgebench.sources import load_source
    from edgebench.sources.activations import check_activations

    source = load_source(spec, known_as=source_sha256)
    started = time.monotonic()
    inputs = PreparedInputs(np.load(images, mmap_mode="r"), spec.input)
    parts = []
    for start in range(0, len(inputs), BATCH):
        parts.append(source.predict(inputs[start : start + BATCH]))
        report(min(start + BATCH, len(inputs)), len(inputs), f"{spec.name}.source")
    outputs = {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}
    check_activations(spec, outputs)
    np.savez(out, allow_pickle=False, **outputs)
    return time.monotonic() - started


def predict_artifacts(workspace: Workspace, rows: Sequence[ArtifactRow]) -> Iterator[Predicted]:
    """Runs each artifact through the agent; all shards of all rows share the processes."""
    import numpy as np

    shards = {row.key: ceil(row.samples / SHARD) for row in rows}
    jobs = [job for row in rows for job in _jobs(row, shards[row.key])]
    parts: dict[str, dict[int, list[np.ndarray]]] = {row.key: {} for row in rows}
    spent_s = dict.fromkeys(parts, 0.0)
    failed: set[str] = set()
    by_key = {row.key: row for row in rows}
    images = 0
    total = sum(row.samples for row in rows)
    with workspace.progress.step("evaluating") as step:
        for answer in predict_all(workspace, jobs):
            row = by_key[answer.job.key]
            images += answer.job.stop - answer.job.start
            step.update(images, total, row.variant)
            if answer.error:
                if row.key not in failed:
                    failed.add(row.key)
                    yield Predicted(row.key, {}, 0.0, answer.error)
                continue
            parts[row.key][answer.job.start] = answer.outputs
            spent_s[row.key] += answer.duration_s
            if len(parts[row.key]) == shards[row.key]:
                ordered = [part for _, part in sorted(parts.pop(row.key).items())]
                outputs = {head: np.concatenate([part[i] for part in ordered]) for head, i in row.heads.items()}
                yield Predicted(row.key, outputs, spent_s[row.key])


def _jobs(row: ArtifactRow, shards: int) -> list[PredictJob]:
    cuts = [round(row.samples * shard / shards) for shard in range(shards + 1)]
    return [
        PredictJob(row.key, row.variant, row.runtime, row.model, row.images, start, stop, row.affine)
        for start, stop in pairwise(cuts)
    ]
