"""Valence and arousal by place: errors where faces are rare weigh as much as where they crowd.

The square of labels, [-1, 1] twice, is cut into 71 x 71 cells (Vadlejch 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from edgebench.metrics import quotient
from edgebench.metrics.whole import WholeMetric, grouped_sums
from edgebench.records.results import AffectErrors

CELLS = 71
DIGITS = 4
"""Of an error in a record: more than a colour can show."""


@dataclass(frozen=True)
class HeatMap:
    """Root mean square error in each cell, NaN where no label lies, and labels counted.

    All are [CELLS, CELLS], valence along the first axis, arousal along the second, both rising.
    """

    valence: np.ndarray
    arousal: np.ndarray
    counts: np.ndarray


def heat_map(outputs: np.ndarray, truth: np.ndarray) -> HeatMap:
    """Errors of answers [samples, 2] by their labels; a label needs both axes, all in [-1, 1]."""
    ones = np.ones((1, len(outputs)))
    counts = np.zeros((CELLS, CELLS), np.int64)
    errors = np.full((2, CELLS, CELLS), np.nan)
    for axis in (0, 1):
        cells, roots, sums = _errors(outputs, truth, ones, axis)
        errors[axis].ravel()[cells] = roots[0]
        counts.ravel()[cells] = sums[0]
    return HeatMap(valence=errors[0], arousal=errors[1], counts=counts)


def affect_errors(found: HeatMap) -> AffectErrors | None:
    """The cells that hold a label, as a record; None where none does."""
    places = np.nonzero(found.counts)
    if not places[0].size:
        return None
    return AffectErrors(
        cells=CELLS,
        valence=tuple(places[0].tolist()),
        arousal=tuple(places[1].tolist()),
        labels=tuple(found.counts[places].tolist()),
        valence_rmse=tuple(found.valence[places].round(DIGITS).tolist()),
        arousal_rmse=tuple(found.arousal[places].round(DIGITS).tolist()),
    )


def _errors(
    outputs: np.ndarray, truth: np.ndarray, weights: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells with a label [cells], and their errors and counts [rows, cells] (NaN: not drawn)."""
    kept = ~np.isnan(truth).any(axis=1)
    outputs, truth, weights = outputs[kept], truth[kept], weights[:, kept]
    places = np.clip(np.floor((truth + 1) / 2 * CELLS), 0, CELLS - 1).astype(np.int64)
    squares = (outputs[:, axis] - truth[:, axis]) ** 2
    cells, counts = grouped_sums(weights, places[:, 0] * CELLS + places[:, 1])
    _, sums = grouped_sums(weights * squares, places[:, 0] * CELLS + places[:, 1])
    return cells, np.sqrt(quotient(sums, counts)), counts


def _mean_error(outputs: np.ndarray, truth: np.ndarray, weights: np.ndarray, *, axis: int) -> np.ndarray:
    _, roots, counts = _errors(outputs, truth, weights, axis)
    return quotient(np.nan_to_num(roots).sum(axis=1), (counts > 0).sum(axis=1))


CELL_RMSE_VALENCE = WholeMetric("cell_rmse_valence", "valence_arousal", partial(_mean_error, axis=0), 0)
CELL_RMSE_AROUSAL = WholeMetric("cell_rmse_arousal", "valence_arousal", partial(_mean_error, axis=1), 0)
"""Cell-normalized RMSE, in [0, 2]: mean over the non-empty cells of the cell's root mean square error.

Without an interval: a cell of few labels holds fewer distinct ones in a resample, whose root mean then
lies low, and percentiles of such draws may not even hold the value.
"""
