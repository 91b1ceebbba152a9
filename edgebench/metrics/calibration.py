"""Calibration of an expression head: is it right as often as it is sure?"""

from __future__ import annotations

import numpy as np

from edgebench.metrics import quotient
from edgebench.metrics.whole import WholeMetric

BINS = 15
"""Equal bins of confidence, as of Guo et al. (2017)."""


def _gaps(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Confidence minus hit, in the column of its bin, and a count: [samples, BINS + 1].

    Bin m holds confidences in ((m - 1) / BINS, m / BINS]; the first one 0 as well.
    """
    labelled = truth >= 0
    confidence = outputs.max(axis=1)
    bins = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1)
    gap = (confidence - (outputs.argmax(axis=1) == truth)) * labelled
    return np.column_stack([np.where(bins[:, None] == np.arange(BINS), gap[:, None], 0.0), labelled])


def _expected_gap(outputs: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    sums = weights @ _gaps(outputs, truth)
    return quotient(np.abs(sums[:, :BINS]).sum(axis=1), sums[:, BINS])


CALIBRATION_ERROR = WholeMetric("calibration_error", "expression", _expected_gap, 0)
"""Expected calibration error, in [0, 1]: mean over samples of |accuracy - mean confidence| of their bin.

Naeini et al. (2015), with the bins of Guo et al. (2017), On calibration of modern neural networks.
Confidence is the highest score, as the device returned it. Without an interval: absolute values make the
estimate lie high, resampling once more, and percentiles of such draws may not even hold the value.
"""
