"""`edgebench models doctor`: the source model under every plausible contract, on the same images."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.data import Index, Samples, find_splits, load_samples, open_index
from edgebench.errors import DataError, UsageError
from edgebench.pipeline.children.contract_search import geometry, unflipped
from edgebench.pipeline.children.workers import Task, run_tasks
from edgebench.pipeline.images.datasets import data_folder, images_path
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import SYNTHETIC
from edgebench.specs.model import ClassHead, Head, InputContract, ModelSpec
from edgebench.specs.plausible import crops

if TYPE_CHECKING:
    import numpy as np

    from edgebench.records.diagnosis import Diagnosis

LIMIT = 1000
"""Images by default: differences of two points in accuracy are told from chance."""
MOST = 0.5


@dataclass(frozen=True)
class _Question:
    """What the images are asked: a head, with labels that the data set has, and its truth."""

    head: Head
    known: bool
    truth: np.ndarray


def doctor(
    workspace: Workspace,
    model: str,
    *,
    data: str = SYNTHETIC,
    limit: int = LIMIT,
    seed: int = 0,
    tolerance: float = 0.0,
    kernels: bool = False,
) -> Diagnosis:
    """Which contract, and which order of labels, the data support.

    Orders of colours and affine steps are tried first, then crops under the best of them, then the first again
    where another crop won.

    Args:
        limit: at most so many images, balanced over the classes.
        tolerance: share of the images that may be unreadable.
        kernels: try every way to resize as well.

    Raises:
        UsageError: the model's weights are random.
        DataError: no image has a label for a head of the model.
        ModelFileError: the source cannot be loaded, or breaks the shape that its spec states.
        NonFiniteOutput: it answers nothing that could be scored under the contract that the spec states.
    """
    from edgebench.diagnosis import Case, diagnose

    spec = workspace.model(model)
    if spec.has_random_weights:
        raise UsageError("its weights are random, so no contract is right", subject=spec.name, fix="train it first")
    folder = data_folder(workspace, data, crop=spec.input.crop)
    split = next(split for split in ("validation", "training") if split in find_splits(folder))
    index = open_index(folder, split, cache=workspace.store.folder("cache"))
    sets = _decoded(workspace, spec, index, limit=limit, seed=seed, tolerance=tolerance, kernels=kernels)
    samples = next(iter(sets.values()))
    question = _question(spec, samples)
    contracts, answers = _asked(workspace, spec, sets, question)
    stated = next(head for head in spec.heads if head.name == question.head.name)
    return diagnose(
        Case(
            model=spec.name,
            dataset=samples.info,
            head=question.head,
            stated_labels=stated.labels if isinstance(stated, ClassHead) else (),
            known=question.known,
            truth=question.truth,
            contracts=contracts,
            answers=answers,
            margin=spec.budgets.max_accuracy_loss,
        )
    )


def _decoded(
    workspace: Workspace, spec: ModelSpec, index: Index, *, limit: int, seed: int, tolerance: float, kernels: bool
) -> dict[str, Samples]:
    """The same images under each geometry, the stated one first; a crop that some of them lack is left out."""
    boxes, landmarks = index.face_box is not None, index.landmarks is not None
    wanted: dict[str, InputContract] = {}
    for contract in crops(spec.input, boxes=boxes, landmarks=landmarks, kernels=kernels):
        wanted.setdefault(geometry(contract), unflipped(contract))
    chosen = comparable(spec, index, limit=limit, seed=seed)
    found: dict[str, Samples] = {}
    with workspace.progress.step("reading images") as step:
        for key, contract in wanted.items():
            try:
                samples = load_samples(
                    index,
                    contract,
                    cache=workspace.store.folder("cache"),
                    select=chosen,
                    tolerance=tolerance,
                    jobs=workspace.jobs,
                    progress=step.update,
                )
            except DataError as exc:
                if not found:
                    raise
                workspace.progress.note(f"{contract.crop} is left out: {exc.problem}")
                continue
            if not found or samples.content == next(iter(found.values())).content:
                found[key] = samples
            else:
                workspace.progress.note(f"{contract.crop} is left out: some of the images cannot be cropped so")
    return found


def comparable(spec: ModelSpec, index: Index, *, limit: int, seed: int) -> np.ndarray:
    """Positions of images with labels for the model, balanced over the classes.

    Where most of them have a box, or landmarks, the others are passed over, so that crops are compared on all.

    Raises:
        DataError: there is none.
    """
    import numpy as np

    from edgebench.data.selection import balanced
    from edgebench.metrics.labels import place_labels

    useful = np.isfinite(index.values).any(axis=1) if index.values.shape[1] else np.zeros(len(index), bool)
    if (head := spec.class_head) is not None and (index.classes >= 0).any():
        places = np.array([*place_labels(index.labels, head), -1])
        useful = index.classes >= 0
        if places.max() >= 0:
            useful &= places[index.classes] >= 0
    for edges in (index.face_box, index.landmarks):
        if edges is not None and useful.any():
            there = np.isfinite(edges.reshape(len(index), -1)).all(axis=1)
            useful &= there if there[useful].mean() > MOST else True
    positions = np.flatnonzero(useful)
    if not len(positions):
        kinds = " or ".join(head.kind.replace("_", "/") for head in spec.heads)
        raise DataError(
            f"none of its {len(index)} images has a label for {spec.name}",
            subject=index.name,
            fix=f"give images labelled with {kinds}",
        )
    return np.asarray(positions[balanced(index.classes[positions], limit, seed)])


def _question(spec: ModelSpec, samples: Samples) -> _Question:
    """The model's classes where the images have any, else its numbers.

    Labels of which none is a class of the set are replaced by the set's own, as many as the head has.
    """
    from edgebench.metrics.labels import align_labels, place_labels, truth_for
    from edgebench.metrics.sampling import judged_by

    head = spec.class_head
    if head is not None and (samples.classes >= 0).any():
        known = max(place_labels(samples.labels, head)) >= 0
        present = tuple(label for label, count in samples.info.per_class.items() if count)
        if not known and len(present) == head.width:
            head = head.model_copy(update={"labels": present})
        return _Question(head, known, align_labels(samples.classes, samples.labels, head))
    numbers = [each for each in spec.heads if not isinstance(each, ClassHead)]
    truth = truth_for(
        numbers,
        classes=samples.classes,
        labels=samples.labels,
        values=samples.values,
        value_names=samples.value_names,
    )
    judged = judged_by(numbers, truth)
    if not judged:
        raise DataError(f"no image has a label for {spec.name}", subject=samples.info.name, fix="give labelled images")
    return _Question(judged[0], True, truth[judged[0].kind])


def _asked(
    workspace: Workspace, spec: ModelSpec, sets: dict[str, Samples], question: _Question
) -> tuple[list[InputContract], list[np.ndarray]]:
    import numpy as np

    with (
        tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work,
        workspace.progress.step("asking the source") as step,
    ):
        out = Path(work) / "answers.npy"
        arguments = {
            "spec": spec,
            "images": {key: images_path(samples) for key, samples in sets.items()},
            "options": [
                contract
                for contract in crops(spec.input, boxes=True, landmarks=True, kernels=True)
                if geometry(contract) in sets
            ],
            "head": question.head,
            "truth": question.truth,
            "out": out,
        }
        task = Task(f"{spec.name}.source", "edgebench.pipeline.children.contract_search:answer", arguments)
        (outcome,) = run_tasks(
            [task],
            jobs=1,
            log=workspace.log,
            on_report=lambda _, done, total, detail: step.update(done, total, detail),
        )
        if outcome.error:
            raise outcome.error
        return outcome.value, list(np.load(out))
