"""Metrics of a regression head, target by target, in the data set's own units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from edgebench.metrics import Metric, mean
from edgebench.metrics.moments import ccc, distances, mean_ccc, moments, pcc, root_mean, several_moments, squares
from edgebench.specs.model import RegressionHead

Statistics = Callable[[np.ndarray, np.ndarray], np.ndarray]


def regression_metrics(head: RegressionHead) -> Iterator[Metric]:
    """RMSE, MAE, PCC and CCC of each target, named as `rmse_age`, and `ccc_mean`, by which drift is judged.

    Concordance has no unit, so that one margin means the same for every target and beside accuracy; an RMSE in
    millimetres would need a margin in millimetres.
    """
    for axis, target in enumerate(head.targets):
        yield Metric(f"rmse_{target}", "regression", partial(squares, axis=axis), root_mean)
        yield Metric(f"mae_{target}", "regression", partial(distances, axis=axis), mean)
        yield Metric(f"pcc_{target}", "regression", _scaled(partial(moments, axis=axis)), pcc)
        yield Metric(f"ccc_{target}", "regression", _scaled(partial(moments, axis=axis)), ccc)
    yield Metric("ccc_mean", "regression", _scaled(several_moments), mean_ccc)


def _scaled(statistics: Statistics) -> Statistics:
    """The statistics of answers and labels on the scale of the labels, which no correlation depends on.

    Sums of squares of years, such as 2024, would leave no digits for their variance.
    """

    def of(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        there = ~np.isnan(truth)
        count = np.maximum(there.sum(axis=0), 1)
        middle = np.where(there, truth, 0.0).sum(axis=0, dtype=np.float64) / count
        spread = np.sqrt((np.where(there, truth - middle, 0.0) ** 2).sum(axis=0) / count)
        scale = np.where(spread > 0, spread, 1.0)
        return statistics((outputs - middle) / scale, (truth - middle) / scale)

    return of
