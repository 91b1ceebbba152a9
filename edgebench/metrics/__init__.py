"""Metrics as functions of additive per-sample statistics.

A metric turns answers and labels into a row of numbers per sample, and the sums of such rows into
its value. Its bootstrap is therefore one matrix product, shared by all metrics and variants.

A new metric is one `Metric` and one row in `METRICS`. What it is given is canonical: `canonical`
has made probabilities of an expression head's outputs, and brought valence and arousal to [-1, 1].
Labels are whole numbers in the order of the head's `labels` (-1: none), and valence and arousal
float [samples, 2] (NaN: none). A sample without a label is a row of zeros: it weighs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.errors import DataError, UnknownName
from edgebench.registry import resolve
from edgebench.specs.model import ExpressionHead, Head

METRICS = {
    "accuracy": "edgebench.metrics.expression:ACCURACY",
    "macro_f1": "edgebench.metrics.expression:MACRO_F1",
    "log_loss": "edgebench.metrics.expression:LOG_LOSS",
    "macro_precision": "edgebench.metrics.agreement:MACRO_PRECISION",
    "macro_recall": "edgebench.metrics.agreement:MACRO_RECALL",
    "cohens_kappa": "edgebench.metrics.agreement:COHENS_KAPPA",
    "krippendorff_alpha": "edgebench.metrics.agreement:KRIPPENDORFF_ALPHA",
    "rmse_valence": "edgebench.metrics.affect:RMSE_VALENCE",
    "rmse_arousal": "edgebench.metrics.affect:RMSE_AROUSAL",
    "ccc_valence": "edgebench.metrics.affect:CCC_VALENCE",
    "ccc_arousal": "edgebench.metrics.affect:CCC_AROUSAL",
    "ccc_mean": "edgebench.metrics.affect:CCC_MEAN",
    "pcc_valence": "edgebench.metrics.affect:PCC_VALENCE",
    "pcc_arousal": "edgebench.metrics.affect:PCC_AROUSAL",
    "icc_valence": "edgebench.metrics.intraclass:ICC_VALENCE",
    "icc_arousal": "edgebench.metrics.intraclass:ICC_AROUSAL",
    "sagr_valence": "edgebench.metrics.affect:SAGR_VALENCE",
    "sagr_arousal": "edgebench.metrics.affect:SAGR_AROUSAL",
}


@dataclass(frozen=True)
class Metric:
    """One number about a head.

    Args:
        head: kind of head it judges.
        statistics: canonical outputs [samples, width] and labels to float64 [samples, k].
        value: sums of the statistics [..., k] to [...]; NaN where the metric is undefined.
        evidence: what the statistics are. `hits`: right or not, and 1 where labelled, whose mean is a proportion;
            `counts`: of predicted classes, which change only where a prediction does; else `values`.
    """

    name: str
    head: Literal["expression", "valence_arousal"]
    statistics: Callable[[np.ndarray, np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray]
    evidence: Literal["hits", "counts", "values"] = "values"

    def of(self, outputs: np.ndarray, truth: np.ndarray) -> float | None:
        """The metric on all samples; None where it is undefined."""
        value = float(self.value(self.statistics(outputs, truth).sum(axis=0)))
        return value if np.isfinite(value) else None


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        UnknownName: no metric has it.
    """
    found: Metric = resolve(METRICS, name, kind="metric")
    return found


def metrics_of(kind: str) -> tuple[Metric, ...]:
    """Every metric of a kind of head, in the order of the registry."""
    return tuple(found for found in map(metric, METRICS) if found.head == kind)


def canonical(outputs: np.ndarray, head: Head) -> np.ndarray:
    """Raw outputs of a head as the metrics take them, in float64.

    Expression scores become probabilities (logits by softmax; a softmax stays as the device
    returned it). Valence and arousal go linearly from the head's range to [-1, 1].
    """
    values = np.asarray(outputs, np.float64)
    if isinstance(head, ExpressionHead):
        return softmax(values) if head.activation == "logits" else values
    low, high = head.range
    return np.asarray((2 * values - (low + high)) / (high - low))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def align_labels(ids: np.ndarray, dataset_labels: Sequence[str], head_labels: Sequence[str]) -> np.ndarray:
    """Labels of a data set in the order of a head, matched by name; -1 stays -1.

    Raises:
        UnknownName: a sample carries a label that the head does not know.
        DataError: a number is outside the data set's labels.
    """
    ids = np.asarray(ids)
    if ids.size and not -1 <= ids.min() <= ids.max() < len(dataset_labels):
        raise DataError(
            f"label out of range: {ids.min()} to {ids.max()}",
            subject="expression labels",
            fix=f"labels are numbered 0 to {len(dataset_labels) - 1}, and -1 where there is none",
        )
    for name in (dataset_labels[index] for index in np.unique(ids[ids >= 0])):
        if name not in head_labels:
            raise UnknownName.among(name, head_labels, kind="expression label of the model")
    places = [head_labels.index(name) if name in head_labels else -1 for name in dataset_labels]
    return np.take([*places, -1], ids)


def quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where `below` is zero, without a warning."""
    undefined = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below != 0))


def mean(sums: np.ndarray) -> np.ndarray:
    """Value of a metric whose statistics are a quantity and a count of 1 per labelled sample."""
    return quotient(sums[..., 0], sums[..., 1])
