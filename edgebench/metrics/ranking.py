"""Areas under curves: do the scores of a class rank its samples above all others?

Each class is held against the rest, and the mean is taken over the classes that have samples and are
not alone. Tied scores, which int8 outputs have many of, are one step of the curve.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgebench.metrics import quotient
from edgebench.metrics.whole import WholeMetric, grouped_sums

RESAMPLES = 200
"""Enough for an interval's two digits (Efron and Tibshirani 1993), at the price of one sort a class."""


def _macro(
    area: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    def value(outputs: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
        kept = truth >= 0
        outputs, truth, weights = outputs[kept], truth[kept], weights[:, kept]
        areas = np.stack([area(*_steps(scores, truth == c, weights)) for c, scores in enumerate(outputs.T)])
        defined = np.isfinite(areas)
        return quotient(np.where(defined, areas, 0.0).sum(axis=0), defined.sum(axis=0))

    return value


def _steps(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positives and negatives at each distinct score, highest first: two [rows, scores]."""
    _, positives = grouped_sums(weights * positive, -scores)
    _, negatives = grouped_sums(weights * ~positive, -scores)
    return positives, negatives


def _roc(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    above = positives.cumsum(axis=1) - positives / 2
    return quotient((negatives * above).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))


def _precision_recall(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    found, called = positives.cumsum(axis=1), (positives + negatives).cumsum(axis=1)
    rises = positives * np.nan_to_num(quotient(found, called))
    alone = negatives.sum(axis=1) == 0
    return quotient(rises.sum(axis=1), np.where(alone, 0.0, positives.sum(axis=1)))


AUC_ROC = WholeMetric("auc_roc", "expression", _macro(_roc), RESAMPLES)
"""Area under the receiver operating characteristic, in [0, 1], 0.5 by chance; Hanley and McNeil (1982).

The chance that a sample of the class scores higher than one of the others, ties counting half.
"""

AUC_PR = WholeMetric("auc_pr", "expression", _macro(_precision_recall), RESAMPLES)
"""Area under precision over recall, in [0, 1], the class's share by chance; Davis and Goadrich (2006).

Average precision, the sum of precision times rise in recall: steps, since straight lines between
points of this curve are too kind.
"""
