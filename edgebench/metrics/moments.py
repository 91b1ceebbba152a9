"""Sums that the metrics of numbers are made of, and their values.

The moments of answers x and labels y, summed in plain order, are n, x, y, xx, yy, xy. `axis` is a column.
"""

from __future__ import annotations

import numpy as np

from edgebench.metrics import mean, quotient

CONSTANT = 1e-12
"""A variance below this is rounding: a deviation of a millionth of the scale counts as none."""


def labelled(outputs: np.ndarray, truth: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers and labels of one axis, both 0 where the label is missing, and 1 where it is there."""
    there = ~np.isnan(truth[:, axis])
    return outputs[:, axis] * there, np.where(there, truth[:, axis], 0.0), there.astype(np.float64)


def moments(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    x, y, there = labelled(outputs, truth, axis)
    return np.stack([there, x, y, x * x, y * y, x * y], axis=1)


def central(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Variance of answers, of labels, their covariance (over n) and the difference of means."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    mean_x, mean_y = quotient(x, n), quotient(y, n)
    variance_x = quotient(xx, n) - mean_x**2
    variance_y = quotient(yy, n) - mean_y**2
    return variance_x, variance_y, quotient(xy, n) - mean_x * mean_y, mean_x - mean_y


def ccc(sums: np.ndarray) -> np.ndarray:
    """Concordance correlation, 2 cov / (var_x + var_y + (mean_x - mean_y)^2); Lin (1989), over n.

    Constant answers to varying labels have no concordance: 0. Undefined where both are one constant.
    """
    variance_x, variance_y, covariance, shift = central(sums)
    spread = variance_x + variance_y + shift**2
    constant = (variance_x < CONSTANT) | (variance_y < CONSTANT)
    return quotient(np.where(constant, 0.0, 2 * covariance), np.where(spread < CONSTANT, 0.0, spread))


def pcc(sums: np.ndarray) -> np.ndarray:
    """Pearson's correlation; undefined where answers or labels are constant."""
    variance_x, variance_y, covariance, _ = central(sums)
    constant = (variance_x < CONSTANT) | (variance_y < CONSTANT)
    product = np.where(constant, 0.0, np.maximum(variance_x, 0.0) * np.maximum(variance_y, 0.0))
    return np.asarray(np.clip(quotient(covariance, np.sqrt(product)), -1.0, 1.0))


def squares(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    x, y, there = labelled(outputs, truth, axis)
    return np.stack([(x - y) ** 2, there], axis=1)


def root_mean(sums: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(mean(sums)))


def distances(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    x, y, there = labelled(outputs, truth, axis)
    return np.stack([np.abs(x - y), there], axis=1)


def several_moments(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The moments of every column, side by side: [samples, 6 * columns]."""
    return np.concatenate([moments(outputs, truth, axis=axis) for axis in range(truth.shape[1])], axis=1)


def mean_ccc(sums: np.ndarray) -> np.ndarray:
    """Mean of the concordance of every column; undefined where one is."""
    each = sums.reshape(*sums.shape[:-1], -1, 6)
    return np.asarray(ccc(each).mean(axis=-1))
