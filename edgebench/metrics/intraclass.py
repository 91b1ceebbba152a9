"""Intraclass correlation of valence and arousal, as the affect literature writes it."""

from __future__ import annotations

from functools import partial

import numpy as np

from edgebench.metrics import Metric, quotient

CONSTANT = 1e-12
"""A variance below this is rounding."""


def _moments(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    """Of answers x and labels y: n, x, y, xx, yy, xy."""
    there = ~np.isnan(truth[:, axis])
    x, y = outputs[:, axis] * there, np.where(there, truth[:, axis], 0.0)
    return np.column_stack([there, x, y, x * x, y * y, x * y])


def _icc(sums: np.ndarray) -> np.ndarray:
    """ICC = 2 cov / (var_x + var_y), in [-1, 1]; Ulloa (2019).

    Unlike concordance it forgives a shift of all answers, unlike Pearson's correlation no change of
    scale. Undefined where answers and labels are both constant.
    """
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    x, y = quotient(x, n), quotient(y, n)
    spread = quotient(xx + yy, n) - x**2 - y**2
    double = 2 * (quotient(xy, n) - x * y)
    return np.asarray(np.clip(quotient(double, np.where(spread < CONSTANT, 0.0, spread)), -1.0, 1.0))


ICC_VALENCE = Metric("icc_valence", "valence_arousal", partial(_moments, axis=0), _icc)
ICC_AROUSAL = Metric("icc_arousal", "valence_arousal", partial(_moments, axis=1), _icc)
