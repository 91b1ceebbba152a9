"""Skew-normalized metrics: what a model scores where all classes are equally frequent.

Vadlejch (2021), after Jeni et al. (2013): the mean over trials, each of as many samples of every class.
Samples of a class differ only in what was predicted, so a trial is a multivariate hypergeometric draw
from each row of the confusion matrix, and the matrix alone tells the result.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgebench.metrics.whole import WholeMetric, grouped_sums

TRIALS = 200
PER_CLASS = 500
SEED = 0


def skew_normalized(
    matrix: np.ndarray, *, trials: int = TRIALS, per_class: int = PER_CLASS, seed: int = SEED
) -> tuple[float, float]:
    """Accuracy and macro F1, both in [0, 1], of counts [truth, predicted].

    A trial draws `per_class` samples of each class without replacement, or as many as the smallest
    class has; classes without samples are left out. NaN where no class has any.
    """
    present = matrix.sum(axis=1)
    supported = np.flatnonzero(present)
    if not supported.size:
        return np.nan, np.nan
    size = min(per_class, int(present[supported].min()))
    random = np.random.default_rng(seed)
    hits, called = [], np.zeros((trials, len(matrix)), np.int64)
    for c in supported:  # one class at a time: the draws of a thousand are 1.6 GB
        drawn = random.multivariate_hypergeometric(matrix[c], size, trials, method="marginals")
        hits.append(drawn[:, c].copy())
        called += drawn
    found = np.stack(hits).T
    f1 = 2 * found / (called[:, supported] + size)
    return float(found.mean() / size), float(f1.mean())


def _normalized(outputs: np.ndarray, truth: np.ndarray, weights: np.ndarray, *, which: int) -> np.ndarray:
    classes, kept = outputs.shape[1], truth >= 0
    codes, sums = grouped_sums(weights[:, kept], truth[kept] * classes + outputs[kept].argmax(axis=1))
    matrices = np.zeros((len(weights), classes * classes), np.int64)
    matrices[:, codes] = sums
    return np.array([skew_normalized(matrix.reshape(classes, classes))[which] for matrix in matrices])


NORMALIZED_ACCURACY = WholeMetric("normalized_accuracy", "expression", partial(_normalized, which=0), 0)
"""Expected to be macro recall, from which it differs by the trials' noise; the interval is that one's."""

NORMALIZED_F1 = WholeMetric("normalized_f1", "expression", partial(_normalized, which=1), 0)
"""Without an interval: it is a mean over draws already."""
