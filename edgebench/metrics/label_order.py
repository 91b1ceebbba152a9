"""In which order do a model's outputs fit the labels? Found on one half of the images, proven on the other."""

from __future__ import annotations

import numpy as np

from edgebench.metrics.expression import confusion

_KEPT = 1e-3
"""Weight of the stated order, for labels that the images do not decide."""


def best_order(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For each label, the output that answers it most often: the assignment of the confusion matrix (Kuhn 1955).

    Args:
        outputs: scores [samples, classes].
        truth: int64 [samples]; -1 where there is none.

    Returns:
        int64 [classes], each output once.
    """
    from scipy.optimize import linear_sum_assignment

    matrix = confusion(outputs, truth).astype(np.float64)
    classes = len(matrix)
    _, order = linear_sum_assignment(matrix + _KEPT / classes * np.eye(classes), maximize=True)
    return np.asarray(order)


def reordered(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Scores in the order that fits best, each half of the images in the order found on the other half.

    So an order that fits by chance gains nothing. The halves take turns within each class.
    """
    places = np.empty(len(truth), np.int64)
    places[np.argsort(truth, kind="stable")] = np.arange(len(truth))
    halves = places % 2 == 0
    answers = np.empty_like(outputs)
    for half in (halves, ~halves):
        answers[half] = outputs[half][:, best_order(outputs[~half], truth[~half])]
    return answers


def labels_in_order(labels: tuple[str, ...], order: np.ndarray) -> tuple[str, ...]:
    """The labels as a spec states them, by output, for an order of `best_order`."""
    found = list(labels)
    for label, output in zip(labels, order.tolist(), strict=True):
        found[output] = label
    return tuple(found)
