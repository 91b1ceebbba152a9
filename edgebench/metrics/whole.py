"""Metrics that no sum over samples gives: what they rank, cut into cells or draw needs all samples at once.

They see how often each sample counts instead, so that a resample is a row of weights, and pair with the
additive metrics in the same bootstrap: equal seeds draw equal images. They cost more, so each states how
many resamples its interval is worth. A new one is one `WholeMetric` and one row in `WHOLE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.metrics import judging
from edgebench.registry import resolve
from edgebench.specs.model import Head
from edgebench.stats import bootstrap_weights

WHOLE = {
    "auc_roc": "edgebench.metrics.ranking:AUC_ROC",
    "auc_pr": "edgebench.metrics.ranking:AUC_PR",
    "calibration_error": "edgebench.metrics.calibration:CALIBRATION_ERROR",
    "normalized_accuracy": "edgebench.metrics.normalized:NORMALIZED_ACCURACY",
    "normalized_f1": "edgebench.metrics.normalized:NORMALIZED_F1",
    "cell_rmse_valence": "edgebench.metrics.cells:CELL_RMSE_VALENCE",
    "cell_rmse_arousal": "edgebench.metrics.cells:CELL_RMSE_AROUSAL",
}


@dataclass(frozen=True)
class WholeMetric:
    """One number about a head.

    Args:
        head: kind of head it judges; what judges expressions judges any classes.
        value: canonical outputs [samples, width], labels, and how often each sample counts
            [rows, samples], to [rows]; NaN where the metric is undefined.
        resamples: how many of the bootstrap's resamples make its interval; 0: it has none.
    """

    name: str
    head: Literal["expression", "valence_arousal"]
    value: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    resamples: int

    def of(self, outputs: np.ndarray, truth: np.ndarray) -> float | None:
        """The metric on all samples; None where it is undefined."""
        value = float(self.value(outputs, truth, np.ones((1, len(outputs))))[0])
        return value if np.isfinite(value) else None

    def draws(self, outputs: np.ndarray, truth: np.ndarray, *, seed: int = 0) -> np.ndarray:
        """The metric on each resample: [resamples]."""
        weights = bootstrap_weights(len(outputs), resamples=self.resamples, seed=seed)
        return np.concatenate([np.empty(0), *(self.value(outputs, truth, block) for block in weights)])


def whole_metrics_of(head: Head) -> Iterator[WholeMetric]:
    """Every one of a head, in the order of the registry."""
    for name in WHOLE:
        found: WholeMetric = resolve(WHOLE, name, kind="metric")
        if found.head in judging(head):
            yield found


def grouped_sums(weights: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct `groups` [samples], rising, and the weights of each: [groups], [rows, groups]."""
    distinct, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if not distinct.size:
        return distinct, np.empty((len(weights), 0))
    starts = np.concatenate([[0], counts.cumsum()[:-1]])
    return distinct, np.add.reduceat(weights[:, np.argsort(place, kind="stable")], starts, axis=1)
