"""Which images a verb uses: the embedded synthetic faces, or a folder of the user's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from edgebench.data import (
    Samples,
    calibration_samples,
    find_splits,
    load_samples,
    open_index,
    split_disjoint,
)
from edgebench.data.cache import forget_unfinished
from edgebench.errors import DataError
from edgebench.pipeline.children.workers import Report, Task, run_tasks
from edgebench.pipeline.images.labels import calibration_labels, refuse_missing_classes
from edgebench.pipeline.workspace import Workspace
from edgebench.records.dataset import unreadable_caveats
from edgebench.specs.data import SYNTHETIC, DataSettings
from edgebench.specs.model import ModelSpec

EMBEDDED: dict[str, Any] = {"layout": "2021", "training": 800, "validation": 2000, "seed": 1}
"""The embedded default. A larger set with the same seed begins with these images."""
WITH_BOXES = "2017"
"""The layout that states face boxes; its pictures are larger, so it is drawn only for models that crop by them."""


def data_folder(workspace: Workspace, data: str, *, crop: str = "none") -> Path:
    """The folder behind `--data`: the embedded faces, drawn on first use in a layout that holds `crop`, or a path."""
    if data == SYNTHETIC:
        drawn = EMBEDDED | ({"layout": WITH_BOXES} if crop == "face_box" else {})
        folder = workspace.store.folder("data") / "synthetic-{layout}-{training}-{validation}-{seed}".format(**drawn)
        if not folder.is_dir():  # it appears whole or not at all
            draw_faces(workspace, folder, **drawn)
        return folder
    if not Path(data).is_dir():
        raise DataError("no such folder", subject=data, fix=f"give a folder of labelled images, or {SYNTHETIC!r}")
    return Path(data)


def draw_faces(workspace: Workspace, folder: Path, **size: Any) -> None:
    """Writes a synthetic data set, from a child process, as a caller's script may have no `__main__` guard."""
    task = Task(
        "synthetic faces", "edgebench.pipeline.images.datasets:draw", {"folder": folder, "jobs": workspace.jobs, **size}
    )
    try:
        with workspace.progress.step("drawing synthetic faces") as step:
            (outcome,) = run_tasks(
                [task], jobs=1, log=workspace.log, on_report=lambda _, done, total, __: step.update(done, total)
            )
    except BaseException:  # the child was killed and could not clean up
        forget_unfinished(folder)
        raise
    if outcome.error:
        raise outcome.error


def draw(report: Report, *, folder: Path, **size: Any) -> None:
    from edgebench.data.synthetic import write_affectnet

    write_affectnet(folder, **size, progress=lambda done, total: report(done, total, ""))


def evaluation_samples(workspace: Workspace, spec: ModelSpec, data: DataSettings) -> Samples:
    """The validation part under the model's contract; where it also had to give the calibration
    images, because there is no training part, the rest of it.

    Raises:
        DataError: unreadable images above the tolerance, or a class of the model without any image.
    """
    folder, cache = data_folder(workspace, data.folder, crop=spec.input.crop), workspace.store.folder("cache")
    index = open_index(folder, "validation", cache=cache)
    select = None
    if "training" not in find_splits(folder):
        count, seed = data.calibration.count, data.calibration.seed
        labels = calibration_labels(spec, index.per_class(), allow_missing=data.allow_missing_classes)
        _, select = split_disjoint(index, count, seed, labels=labels)
    with workspace.progress.step("reading evaluation images") as step:
        samples = load_samples(
            index,
            spec.input,
            cache=cache,
            select=select,
            limit=data.limit,
            tolerance=data.tolerance,
            jobs=workspace.jobs,
            progress=step.update,
        )
    if not data.allow_missing_classes:
        refuse_missing_classes(spec, samples.info)
    _name_unreadable(workspace, samples, "evaluation")
    return samples


def calibration_set(workspace: Workspace, spec: ModelSpec, data: DataSettings, *, exclude: Collection[str]) -> Samples:
    """Balanced, seeded images for the int8 ranges, none of which is in `exclude`."""
    folder, cache = data_folder(workspace, data.folder, crop=spec.input.crop), workspace.store.folder("cache")
    disjoint = "training" not in find_splits(folder)
    index = open_index(folder, "validation" if disjoint else "training", cache=cache)
    with workspace.progress.step("reading calibration images") as step:
        samples = calibration_samples(
            folder,
            spec.input,
            cache=cache,
            count=data.calibration.count,
            seed=data.calibration.seed,
            exclude=exclude,
            disjoint=disjoint,
            labels=calibration_labels(spec, index.per_class(), allow_missing=data.allow_missing_classes),
            tolerance=data.tolerance,
            jobs=workspace.jobs,
            progress=step.update,
        )
    _name_unreadable(workspace, samples, "calibration")
    return samples


def training_samples(workspace: Workspace, spec: ModelSpec, data: str) -> Samples:
    folder, cache = data_folder(workspace, data, crop=spec.input.crop), workspace.store.folder("cache")
    index = open_index(folder, "training", cache=cache)
    with workspace.progress.step("reading training images") as step:
        return load_samples(index, spec.input, cache=cache, jobs=workspace.jobs, progress=step.update)


def images_path(samples: Samples) -> Path:
    """The .npy behind the memory-mapped images, for processes that map it themselves."""
    return Path(samples.images.filename)  # type: ignore[attr-defined]


def _name_unreadable(workspace: Workspace, samples: Samples, purpose: str) -> None:
    info = samples.info
    for caveat in unreadable_caveats(info.unreadable, read=info.samples, purpose=purpose):
        workspace.progress.note(f"{info.name}: {caveat.text}")
