"""Agreement of predictions with labels that follows from the confusion matrix.

All are functions of three counts per class: found (predicted and right), called (predicted) and present
(labelled), which are additive. Classes without a labelled sample are left out of every macro mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgebench.metrics import Metric, quotient


def class_counts(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Found, called and present per class, of each sample: float64 [samples, 3 * classes]."""
    classes = np.arange(outputs.shape[1])
    present = truth[:, None] == classes
    called = (outputs.argmax(axis=1)[:, None] == classes) & (truth >= 0)[:, None]
    return np.concatenate([present & called, called, present], axis=1, dtype=np.float64)


def margins(matrices: np.ndarray) -> np.ndarray:
    """The same counts of confusion matrices [..., truth, predicted]: [..., 3 * classes]."""
    found = np.diagonal(matrices, axis1=-2, axis2=-1)
    return np.concatenate([found, matrices.sum(axis=-2), matrices.sum(axis=-1)], axis=-1)


def _split(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found, called, present = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    return found, called, present


def _macro(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Mean over the classes that have samples; a value that is undefined there counts as 0."""
    supported = present > 0
    defined = np.where(supported & np.isfinite(values), values, 0.0)
    return quotient(defined.sum(axis=-1), supported.sum(axis=-1))


def macro_precision(sums: np.ndarray) -> np.ndarray:
    """Mean over classes of found / called, in [0, 1]; a class that is never called counts as 0."""
    found, called, present = _split(sums)
    return _macro(quotient(found, called), present)


def macro_recall(sums: np.ndarray) -> np.ndarray:
    """Mean over classes of found / present, in [0, 1]: balanced accuracy (Brodersen et al. 2010)."""
    found, _, present = _split(sums)
    return _macro(quotient(found, present), present)


def cohens_kappa(sums: np.ndarray) -> np.ndarray:
    """Agreement beyond chance (p_o - p_e) / (1 - p_e), in [-1, 1]; Cohen (1960).

    p_e is what two observers with these margins would agree on by chance; undefined where it is 1.
    """
    found, called, present = _split(sums)
    samples = present.sum(axis=-1)
    chance = (called * present).sum(axis=-1)
    return quotient(samples * found.sum(axis=-1) - chance, samples**2 - chance)


def krippendorff_alpha(sums: np.ndarray) -> np.ndarray:
    """Nominal alpha of two observers, label and prediction, in [-1, 1]; Krippendorff (2011).

    1 - D_o / D_e, where D_e pairs all 2n values at random, without replacement, whoever gave them.
    Undefined where every value is the same. For more observers, or gaps, see `metrics.annotators`.
    """
    found, called, present = _split(sums)
    values = called + present
    total = values.sum(axis=-1)
    observed = total - 2 * found.sum(axis=-1)
    return 1 - quotient((total - 1) * observed, total**2 - (values**2).sum(axis=-1))


def _metric(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Metric:
    return Metric(name, "expression", class_counts, value, evidence="counts")


MACRO_PRECISION = _metric("macro_precision", macro_precision)
MACRO_RECALL = _metric("macro_recall", macro_recall)
COHENS_KAPPA = _metric("cohens_kappa", cohens_kappa)
KRIPPENDORFF_ALPHA = _metric("krippendorff_alpha", krippendorff_alpha)
