"""Metrics of valence and arousal, both in [-1, 1]: how far off, and does the answer move with the face?

All but SAGR are functions of the moments of answers x and labels y, summed in plain order:
n, x, y, xx, yy, xy.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgebench.metrics import Metric, mean, quotient

CONSTANT = 1e-12
"""A variance below this is rounding: a deviation of a millionth of the scale counts as none."""

VALENCE, AROUSAL = 0, 1


def _labelled(outputs: np.ndarray, truth: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers and labels of one axis, both 0 where the label is missing, and 1 where it is there."""
    there = ~np.isnan(truth[:, axis])
    return outputs[:, axis] * there, np.where(there, truth[:, axis], 0.0), there.astype(np.float64)


def _moments(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    x, y, there = _labelled(outputs, truth, axis)
    return np.stack([there, x, y, x * x, y * y, x * y], axis=1)


def _both_moments(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.concatenate([_moments(outputs, truth, axis=axis) for axis in (VALENCE, AROUSAL)], axis=1)


def _central(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Variance of answers, of labels, their covariance (over n) and the difference of means."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    mean_x, mean_y = quotient(x, n), quotient(y, n)
    variance_x = quotient(xx, n) - mean_x**2
    variance_y = quotient(yy, n) - mean_y**2
    return variance_x, variance_y, quotient(xy, n) - mean_x * mean_y, mean_x - mean_y


def _ccc(sums: np.ndarray) -> np.ndarray:
    """Concordance correlation, 2 cov / (var_x + var_y + (mean_x - mean_y)^2); Lin (1989), over n.

    Constant answers to varying labels have no concordance: 0. Undefined where both are one constant.
    """
    variance_x, variance_y, covariance, shift = _central(sums)
    spread = variance_x + variance_y + shift**2
    constant = (variance_x < CONSTANT) | (variance_y < CONSTANT)
    return quotient(np.where(constant, 0.0, 2 * covariance), np.where(spread < CONSTANT, 0.0, spread))


def _mean_ccc(sums: np.ndarray) -> np.ndarray:
    """Mean of the concordance of valence and of arousal; undefined where either is."""
    return np.asarray((_ccc(sums[..., :6]) + _ccc(sums[..., 6:])) / 2)


def _pcc(sums: np.ndarray) -> np.ndarray:
    """Pearson's correlation; undefined where answers or labels are constant."""
    variance_x, variance_y, covariance, _ = _central(sums)
    constant = (variance_x < CONSTANT) | (variance_y < CONSTANT)
    product = np.where(constant, 0.0, np.maximum(variance_x, 0.0) * np.maximum(variance_y, 0.0))
    return np.asarray(np.clip(quotient(covariance, np.sqrt(product)), -1.0, 1.0))


def _squares(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    x, y, there = _labelled(outputs, truth, axis)
    return np.stack([(x - y) ** 2, there], axis=1)


def _root_mean(sums: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(mean(sums)))


def _agreements(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    """Equal signs, as of Nicolaou et al. (2011). Zero is a sign of its own: it agrees with zero only."""
    x, y, there = _labelled(outputs, truth, axis)
    return np.stack([(np.sign(x) == np.sign(y)) * there, there], axis=1)


def _rmse(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(_squares, axis=axis), _root_mean)


def _concordance(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(_moments, axis=axis), _ccc)


def _correlation(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(_moments, axis=axis), _pcc)


def _sign_agreement(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(_agreements, axis=axis), mean, evidence="hits")


RMSE_VALENCE = _rmse("rmse_valence", VALENCE)
RMSE_AROUSAL = _rmse("rmse_arousal", AROUSAL)
CCC_VALENCE = _concordance("ccc_valence", VALENCE)
CCC_AROUSAL = _concordance("ccc_arousal", AROUSAL)
CCC_MEAN = Metric("ccc_mean", "valence_arousal", _both_moments, _mean_ccc)
PCC_VALENCE = _correlation("pcc_valence", VALENCE)
PCC_AROUSAL = _correlation("pcc_arousal", AROUSAL)
SAGR_VALENCE = _sign_agreement("sagr_valence", VALENCE)
SAGR_AROUSAL = _sign_agreement("sagr_arousal", AROUSAL)
