"""Areas under curves: do the scores of a class rank its samples above all others?

Each class is held against the rest, and the mean is taken over the classes that have samples and are
not alone. Tied scores, which int8 outputs have many of, are one step of the curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgebench.metrics import quotient
from edgebench.metrics.whole import WholeMetric

RESAMPLES = 200
"""Enough for an interval's two digits (Efron and Tibshirani 1993), at the price of one sort a class."""


@dataclass(frozen=True)
class _Curve:
    """A class against the rest, at each distinct score of its samples, highest first: [scores, rows] each."""

    positives: np.ndarray
    above: np.ndarray
    """All samples that score higher."""
    reached: np.ndarray
    """All samples that score as high or higher."""
    samples: np.ndarray
    """All samples, [rows]."""


def _macro(area: Callable[[_Curve], np.ndarray]) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    def value(outputs: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
        kept = truth >= 0
        outputs, truth, counts = outputs[kept], truth[kept], np.ascontiguousarray(weights[:, kept].T)
        areas = np.array([area(_curve(outputs[:, c], truth == c, counts)) for c in np.unique(truth)])
        areas = areas.reshape(-1, len(weights))
        defined = np.isfinite(areas)
        return quotient(np.where(defined, areas, 0.0).sum(axis=0), defined.sum(axis=0))

    return value


def _curve(scores: np.ndarray, positive: np.ndarray, counts: np.ndarray) -> _Curve:
    """The curve for how often each sample counts, [samples, rows], one of them at least being positive.

    Only the scores of positives matter, so all between two of them are added up first.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, found = scores[order], positive[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    step = np.searchsorted(first, np.flatnonzero(found), side="right") - 1
    steps, starts = np.unique(step, return_index=True)
    begin, end = first[steps], np.append(first, len(order))[steps + 1]
    cuts = np.unique(np.concatenate([[0], begin, end[end < len(order)]]))
    sums = np.add.reduceat(counts[order], cuts, axis=0).cumsum(axis=0)
    before = np.concatenate([np.zeros_like(sums[:1]), sums])
    return _Curve(
        positives=np.add.reduceat(counts[order[found]], starts, axis=0),
        above=before[np.searchsorted(cuts, begin)],
        reached=before[np.searchsorted(cuts, end)],
        samples=sums[-1],
    )


def _roc(curve: _Curve) -> np.ndarray:
    found, positives = curve.positives.cumsum(axis=0), curve.positives.sum(axis=0)
    negatives = curve.samples - positives
    # Negatives that score higher, and half of those that score the same.
    higher = (curve.above + curve.reached + curve.positives) / 2 - found
    pairs = positives * negatives
    return quotient(pairs - (curve.positives * higher).sum(axis=0), pairs)


def _precision_recall(curve: _Curve) -> np.ndarray:
    positives = curve.positives.sum(axis=0)
    rises = curve.positives * np.nan_to_num(quotient(curve.positives.cumsum(axis=0), curve.reached))
    alone = positives == curve.samples
    return quotient(rises.sum(axis=0), np.where(alone, 0.0, positives))


AUC_ROC = WholeMetric("auc_roc", "expression", _macro(_roc), RESAMPLES)
"""Area under the receiver operating characteristic, in [0, 1], 0.5 by chance; Hanley and McNeil (1982).

The chance that a sample of the class scores higher than one of the others, ties counting half.
"""

AUC_PR = WholeMetric("auc_pr", "expression", _macro(_precision_recall), RESAMPLES)
"""Area under precision over recall, in [0, 1], the class's share by chance; Davis and Goadrich (2006).

Average precision, the sum of precision times rise in recall: steps, since straight lines between
points of this curve are too kind.
"""
