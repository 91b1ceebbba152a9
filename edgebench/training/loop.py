"""Epochs of shuffled, augmented batches through both losses, and the scores after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgebench.digests import sha256_bytes, sha256_file, sha256_json
from edgebench.errors import DataError, NonFiniteOutput, UsageError
from edgebench.inputs import PreparedInputs
from edgebench.specs.model import ClassHead, ModelSpec
from edgebench.specs.source import ZooSource
from edgebench.training import checkpoint
from edgebench.training.augment import augment
from edgebench.training.history import Epoch, History
from edgebench.training.losses import class_weights
from edgebench.training.step import Trainer
from edgebench.zoo import architecture

if TYPE_CHECKING:
    import numpy as np

WEIGHTS_FILE = "weights.weights.h5"
HISTORY_FILE = "history.json"
IDENTIFYING_IMAGES = 16
"""A few images, evenly spread, stand for all of them where a training is recognized."""

Progress = Callable[[int, int, str], None]
"""Called as (steps done, steps in all, what is being done)."""


class Samples(Protocol):
    """Labelled images under the model's contract.

    `images` is uint8 [samples, height, width, channels], `classes` int64 [samples], numbers into
    `labels` with -1 for no label, `values` float32 [samples, columns] of `value_names` with NaN for no label.
    """

    @property
    def images(self) -> np.ndarray: ...
    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def classes(self) -> np.ndarray: ...
    @property
    def value_names(self) -> Sequence[str]: ...
    @property
    def values(self) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class _Aligned:
    """Samples with classes in the order of the model's labels, and its targets in the range of its answers."""

    images: np.ndarray
    classes: np.ndarray
    values: np.ndarray


def train(
    spec: ModelSpec,
    samples: Samples,
    validation: Samples,
    *,
    folder: Path,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = True,
    progress: Progress | None = None,
) -> History:
    """Trains an architecture of the zoo from random weights by the recipe of `spec.training`.

    After every epoch the folder holds a checkpoint and `history.json`; after the last one
    `weights.weights.h5`, which are the weights of that last epoch, not the best by validation: choosing by
    the images that later judge the model would flatter it. The samples that do not fill a batch are left
    out of an epoch, other ones each time. An interrupted training that is called again with the same
    arguments goes on after its last finished epoch and ends in the weights it would have had.

    Args:
        epochs: instead of the recipe's; more than a finished training had goes on from there.
        resume: continue from the folder's checkpoint; False starts again and replaces it.

    Raises:
        UsageError: as `check_request`, or the folder holds another training, or one of more epochs.
        UnknownName: the samples have classes, and none of them is one of the model.
        DataError: no samples, a head or a class of the model without one, a label outside `labels`, or images that
            do not fit the contract.
        NonFiniteOutput: the loss became NaN or infinite.
        ModelFileError: the checkpoint is damaged.
        StoreError: the folder cannot be written.
    """
    check_request(spec, epochs=epochs, seed=seed)
    epochs = spec.training.epochs if epochs is None else epochs
    _check(spec, samples, "training samples")
    _check(spec, validation, "validation samples")
    aligned, held_out = _aligned(spec, samples), _aligned(spec, validation)
    _refuse_unlabelled(spec, aligned)
    history = _begin(spec, aligned, held_out, seed)
    trainer = Trainer(spec, _weights(spec, aligned), seed)
    if resume:
        found = checkpoint.load(folder, trainer.model, trainer.optimizer)
        history = _resumed(found, history, folder, epochs=epochs)
    steps = max(1, len(aligned.images) // spec.training.batch_size)
    for epoch in range(len(history.epochs), epochs):
        report = _reporter(progress, epoch, epochs, steps)
        done = _epoch(trainer, aligned, held_out, epoch=epoch, seed=seed, report=report)
        history = history.model_copy(update={"epochs": (*history.epochs, done), "weights_sha256": ""})
        checkpoint.save(folder, trainer.model, trainer.optimizer, history)
        checkpoint.write_text(folder / HISTORY_FILE, history.model_dump_json(indent=2))
    return _finish(trainer, history, folder)


def check_request(spec: ModelSpec, *, epochs: int | None = None, seed: int = 0) -> None:
    """Refuses what cannot be trained whatever the images.

    Raises:
        UsageError: the model is not from the zoo, less than one epoch, or a negative seed.
    """
    if not isinstance(spec.source, ZooSource) or architecture(spec.source.architecture).framework != "keras":
        raise UsageError(
            "only an architecture of the zoo in Keras can be trained",
            subject=spec.name,
            fix="state such an `architecture` under `source` in its spec, or train it elsewhere and state its weights",
        )
    if epochs is not None and epochs < 1:
        raise UsageError(f"{epochs} epochs train nothing", subject=spec.name, fix="ask for 1 or more")
    if seed < 0:
        raise UsageError(f"seed {seed} is negative", subject=spec.name, fix="give 0 or more")


def _epoch(
    trainer: Trainer,
    samples: _Aligned,
    validation: _Aligned,
    *,
    epoch: int,
    seed: int,
    report: Callable[[int, float], None],
) -> Epoch:
    import numpy as np

    started = time.monotonic()
    trainer.start_epoch(epoch)
    losses = []
    for step, (images, rows) in enumerate(_batches(samples, trainer.spec, np.random.default_rng([seed, epoch]))):
        losses.append(trainer.step(images, samples.classes[rows], samples.values[rows]))
        if not np.isfinite(losses[-1]["loss"]):
            raise NonFiniteOutput(
                f"the loss became {losses[-1]['loss']} in epoch {epoch + 1}, step {step + 1}",
                subject=trainer.spec.name,
                fix="lower training.learning_rate, or look at the images and labels",
            )
        report(step + 1, losses[-1]["loss"])
    means = {name: float(np.mean([loss[name] for loss in losses])) for name in losses[0]}
    return Epoch(
        epoch=epoch + 1,
        learning_rate=trainer.learning_rate(epoch),
        loss=means["loss"],
        loss_expression=means.get("classes"),
        loss_valence_arousal=means.get("values"),
        validation=_scores(trainer, validation),
        duration_s=round(time.monotonic() - started, 3),
    )


def _batches(samples: _Aligned, spec: ModelSpec, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Inputs and the rows they came from, in an order and in views that the generator's seed decides."""
    size = min(spec.training.batch_size, len(samples.images))
    order = rng.permutation(len(samples.images))
    for start in range(0, len(order) - size + 1, size):
        rows = order[start : start + size]
        views = augment(samples.images[rows], spec.training, rng)
        yield PreparedInputs(views, spec.input)[:], rows


def _scores(trainer: Trainer, validation: _Aligned) -> dict[str, float]:
    """Accuracy, and root mean squared error of each target, over labelled samples."""
    import numpy as np

    answers = trainer.predict(PreparedInputs(validation.images, trainer.spec.input))
    scores = {}
    for head in trainer.spec.heads:
        if isinstance(head, ClassHead):
            labelled = validation.classes >= 0
            right = answers[head.name].argmax(axis=1) == validation.classes
            scores["accuracy"] = float(right[labelled].mean()) if labelled.any() else None
        else:
            for column, target in enumerate(head.targets):
                error = answers[head.name][:, column] - validation.values[:, column]
                error = error[np.isfinite(error)]
                scores[f"rmse_{target}"] = float(np.sqrt((error**2).mean())) if len(error) else None
    return {name: value for name, value in scores.items() if value is not None}


def _begin(spec: ModelSpec, samples: _Aligned, validation: _Aligned, seed: int) -> History:
    assert isinstance(spec.source, ZooSource)  # held by check_request
    decides = {
        "architecture": spec.source.architecture,
        "options": spec.source.options,
        "revision": architecture(spec.source.architecture).revision,
        "input": spec.input.model_dump(mode="json"),
        "heads": [head.model_dump(mode="json") for head in spec.heads],
        "training": spec.training.model_dump(mode="json", exclude={"epochs"}),
        "seed": seed,
        "labels": [sha256_bytes(samples.classes.tobytes()), sha256_bytes(samples.values.tobytes())],
        "images": sha256_bytes(samples.images[:: 1 + len(samples.images) // IDENTIFYING_IMAGES].tobytes()),
    }
    return History(
        model=spec.name,
        identity=sha256_json(decides),
        seed=seed,
        samples=len(samples.images),
        validation_samples=len(validation.images),
        training=spec.training,
        weights=WEIGHTS_FILE,
    )


def _resumed(found: History | None, new: History, folder: Path, *, epochs: int) -> History:
    if found is None:
        return new
    if found.identity != new.identity:
        raise UsageError(
            f"holds a training of {found.model} with other settings, samples or seed",
            subject=str(folder),
            fix="start again (--restart), or train in another folder",
        )
    if len(found.epochs) > epochs:
        raise UsageError(
            f"holds this training after {len(found.epochs)} epochs, {epochs} were asked for",
            subject=str(folder),
            fix=f"ask for {len(found.epochs)} or more, or start again (--restart), which replaces it",
        )
    return found


def _finish(trainer: Trainer, history: History, folder: Path) -> History:
    checkpoint.write_weights(folder / WEIGHTS_FILE, trainer.model.save_weights)
    history = history.model_copy(update={"weights_sha256": sha256_file(folder / WEIGHTS_FILE)})
    checkpoint.write_text(folder / HISTORY_FILE, history.model_dump_json(indent=2))
    return history


def _weights(spec: ModelSpec, samples: _Aligned) -> np.ndarray | None:
    head = spec.class_head
    if head is None:
        return None
    weights = class_weights(samples.classes, head.labels)
    return weights if spec.training.class_weights else weights * 0 + 1


def _check(spec: ModelSpec, samples: Samples, subject: str) -> None:
    shape = (*spec.input.size, spec.input.channels)
    if samples.images.shape[1:] != shape:
        raise DataError(
            f"images are {samples.images.shape[1:]}, the model takes {shape}", subject=subject, fix="prepare them again"
        )
    if not len(samples.images):
        raise DataError("there are none", subject=subject)


def _refuse_unlabelled(spec: ModelSpec, samples: _Aligned) -> None:
    """A head without a label would keep its initial weights and be sold as trained."""
    import numpy as np

    classes, numbers = (samples.classes >= 0).any(), np.isfinite(samples.values).any(axis=0).all()
    if without := [head.name for head in spec.heads if not (classes if isinstance(head, ClassHead) else numbers)]:
        raise DataError(
            f"none has a label for {', '.join(without)}",
            subject="training samples",
            fix="train on a labelled data set, or leave that head out of the spec",
        )


def _aligned(spec: ModelSpec, samples: Samples) -> _Aligned:
    from edgebench.metrics.labels import align_labels, align_values

    classes, values = samples.classes, samples.values
    for head in spec.heads:
        if isinstance(head, ClassHead):
            classes = align_labels(classes, samples.labels, head)
        else:
            values = align_values(values, samples.value_names, head.targets)
        if head.kind == "valence_arousal":
            low, high = head.range
            values = (values * (high - low) + (low + high)) / 2
    return _Aligned(samples.images, classes, values)


def _reporter(progress: Progress | None, epoch: int, epochs: int, steps: int) -> Callable[[int, float], None]:
    def report(step: int, loss: float) -> None:
        if progress is not None:
            progress(epoch * steps + step, epochs * steps, f"epoch {epoch + 1}/{epochs}, loss {loss:.3f}")

    return report
