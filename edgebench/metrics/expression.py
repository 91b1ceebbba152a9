"""Metrics of class scores: is the right name found, and how surely?

The predicted class is the one with the highest score; ties, which int8 outputs do have, go to the
first of the head's labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebench.metrics import Metric, mean, quotient
from edgebench.records.results import ClassScores

CLIP = 1e-7
"""Smallest probability that log-loss sees, as in Keras: an int8 softmax does answer exactly 0."""


TOP = 5


def predictions(outputs: np.ndarray) -> np.ndarray:
    """Predicted class of each sample, from scores or probabilities [samples, classes]."""
    return np.asarray(outputs.argmax(axis=1))


def _top_hits(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Ties go to the first of the labels here too: fewer than five classes come before the right one."""
    labelled = truth >= 0
    known = np.where(labelled, truth, 0)[:, None]
    right = np.take_along_axis(outputs, known, axis=1)
    earlier = np.arange(outputs.shape[1]) < known
    before = ((outputs > right) | ((outputs == right) & earlier)).sum(axis=1)
    return np.stack([(before < TOP) & labelled, labelled], axis=1, dtype=np.float64)


def _one_hot(ids: np.ndarray, classes: int) -> np.ndarray:
    """Float64 [samples, classes]; a row of zeros for -1."""
    return np.asarray(ids[:, None] == np.arange(classes), np.float64)


def _hits(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    labelled = truth >= 0
    return np.stack([(predictions(outputs) == truth) & labelled, labelled], axis=1, dtype=np.float64)


def _class_counts(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Found, called and present per class: [samples, 3 * classes]."""
    classes = outputs.shape[1]
    present = _one_hot(truth, classes)
    called = _one_hot(np.where(truth >= 0, predictions(outputs), -1), classes)
    return np.concatenate([present * called, called, present], axis=1)


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    """Mean of the classes' F1 = 2 found / (called + present).

    A class without a labelled sample says nothing about the model and is left out of the mean; one
    that has samples and is never found counts as 0.
    """
    found, called, present = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    supported = present > 0
    f1 = np.where(supported, quotient(2 * found, called + present), 0.0)
    return quotient(f1.sum(axis=-1), supported.sum(axis=-1))


def _losses(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Negative log-probability of the right class in nats, from scores made to sum to 1."""
    labelled = truth >= 0
    clipped = np.clip(outputs, CLIP, 1.0)
    right = clipped[np.arange(len(truth)), np.where(labelled, truth, 0)] / clipped.sum(axis=1)
    return np.stack([-np.log(right) * labelled, labelled.astype(np.float64)], axis=1)


def confusion(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Counts [truth, predicted] over the labelled samples, in the order of the head's labels."""
    return confusion_of(predictions(outputs), truth, classes=outputs.shape[1])


def confusion_of(called: np.ndarray, truth: np.ndarray, *, classes: int) -> np.ndarray:
    """Counts [truth, predicted] of called classes [samples] over the labelled samples."""
    labelled = truth >= 0
    pairs = truth[labelled] * classes + called[labelled]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def class_scores(matrix: np.ndarray, labels: Sequence[str]) -> tuple[ClassScores, ...]:
    """Sensitivity, precision and F1 of every class of a confusion matrix."""
    return tuple(
        ClassScores(
            label=label,
            support=int(present),
            sensitivity=_ratio(found, present),
            precision=_ratio(found, called),
            f1=_ratio(2 * found, called + present),
        )
        for label, found, called, present in zip(
            labels, matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1), strict=True
        )
    )


def _ratio(above: int, below: int) -> float | None:
    return float(above / below) if below else None


ACCURACY = Metric("accuracy", "expression", _hits, mean, evidence="hits")
MACRO_F1 = Metric("macro_f1", "expression", _class_counts, _macro_f1, evidence="counts")
LOG_LOSS = Metric("log_loss", "expression", _losses, mean)
TOP5_ACCURACY = Metric("top5_accuracy", "classes", _top_hits, mean, evidence="hits", fewest_outputs=TOP + 1)
