"""Metrics of valence and arousal, both in [-1, 1]: how far off, and does the answer move with the face?

All but SAGR are those of any numbers (`metrics.moments`).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgebench.metrics import Metric, mean
from edgebench.metrics.moments import ccc, labelled, mean_ccc, moments, pcc, root_mean, several_moments, squares

VALENCE, AROUSAL = 0, 1


def _agreements(outputs: np.ndarray, truth: np.ndarray, *, axis: int) -> np.ndarray:
    """Equal signs, as of Nicolaou et al. (2011). Zero is a sign of its own: it agrees with zero only."""
    x, y, there = labelled(outputs, truth, axis)
    return np.stack([(np.sign(x) == np.sign(y)) * there, there], axis=1)


def _rmse(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(squares, axis=axis), root_mean)


def _concordance(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(moments, axis=axis), ccc)


def _correlation(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(moments, axis=axis), pcc)


def _sign_agreement(name: str, axis: int) -> Metric:
    return Metric(name, "valence_arousal", partial(_agreements, axis=axis), mean, evidence="hits")


RMSE_VALENCE = _rmse("rmse_valence", VALENCE)
RMSE_AROUSAL = _rmse("rmse_arousal", AROUSAL)
CCC_VALENCE = _concordance("ccc_valence", VALENCE)
CCC_AROUSAL = _concordance("ccc_arousal", AROUSAL)
CCC_MEAN = Metric("ccc_mean", "valence_arousal", several_moments, mean_ccc)
PCC_VALENCE = _correlation("pcc_valence", VALENCE)
PCC_AROUSAL = _correlation("pcc_arousal", AROUSAL)
SAGR_VALENCE = _sign_agreement("sagr_valence", VALENCE)
SAGR_AROUSAL = _sign_agreement("sagr_arousal", AROUSAL)
