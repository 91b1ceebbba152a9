"""Metrics as functions of additive per-sample statistics.

A metric turns answers and labels into a row of numbers per sample, and the sums of such rows into
its value. Its bootstrap is therefore one matrix product, shared by all metrics and variants.

A new metric is one `Metric` and one row in `METRICS`; those of a regression head, which are named after its
targets, are made in `metrics.regression`. What a metric is given is canonical: `canonical` has made
probabilities of class scores, and brought valence and arousal to [-1, 1]. Labels are whole numbers in the
order of the head's `labels` (-1: none), or float [samples, targets] (NaN: none). A sample without a label is
a row of zeros: it weighs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edgebench.registry import resolve
from edgebench.specs.model import ClassHead, Head, RegressionHead

METRICS = {
    "accuracy": "edgebench.metrics.expression:ACCURACY",
    "macro_f1": "edgebench.metrics.expression:MACRO_F1",
    "log_loss": "edgebench.metrics.expression:LOG_LOSS",
    "macro_precision": "edgebench.metrics.agreement:MACRO_PRECISION",
    "macro_recall": "edgebench.metrics.agreement:MACRO_RECALL",
    "cohens_kappa": "edgebench.metrics.agreement:COHENS_KAPPA",
    "krippendorff_alpha": "edgebench.metrics.agreement:KRIPPENDORFF_ALPHA",
    "top5_accuracy": "edgebench.metrics.expression:TOP5_ACCURACY",
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
        head: kind of head it judges; what judges expressions judges any classes.
        statistics: canonical outputs [samples, width] and labels to float64 [samples, k].
        value: sums of the statistics [..., k] to [...]; NaN where the metric is undefined.
        evidence: what the statistics are. `hits`: right or not, and 1 where labelled, whose mean is a proportion;
            `counts`: of predicted classes, which change only where a prediction does; else `values`.
        fewest_outputs: a head with fewer is not judged by it.
    """

    name: str
    head: Literal["expression", "classes", "valence_arousal", "regression"]
    statistics: Callable[[np.ndarray, np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray]
    evidence: Literal["hits", "counts", "values"] = "values"
    fewest_outputs: int = 1

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


def metrics_of(head: Head) -> tuple[Metric, ...]:
    """Every metric of a head, in the order of the registry, each as one of the head's own kind."""
    if isinstance(head, RegressionHead):
        from edgebench.metrics.regression import regression_metrics

        return tuple(regression_metrics(head))
    judges = [found for found in map(metric, METRICS) if found.head in judging(head)]
    return tuple(replace(found, head=head.kind) for found in judges if head.width >= found.fewest_outputs)


def judging(head: Head) -> tuple[str, ...]:
    """The kinds of head whose metrics judge this one."""
    return ("expression", head.kind) if isinstance(head, ClassHead) else (head.kind,)


def canonical(outputs: np.ndarray, head: Head) -> np.ndarray:
    """Raw outputs of a head as the metrics take them, in float64.

    Class scores become probabilities (logits by softmax, sigmoids by their share of the sum, as one-against-rest
    classifiers are read; a softmax stays as the device returned it). Valence and arousal go linearly from the
    head's range to [-1, 1]; other numbers stay in their units.
    """
    values = np.asarray(outputs, np.float64)
    if isinstance(head, ClassHead):
        if head.activation == "softmax":
            return values
        return softmax(values) if head.activation == "logits" else share(values)
    if isinstance(head, RegressionHead):
        return values
    low, high = head.range
    return np.asarray((2 * values - (low + high)) / (high - low))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def share(scores: np.ndarray) -> np.ndarray:
    """Each score over the sum of its row; where all are zero, all classes are alike."""
    sums = scores.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(scores, sums, out=np.full(scores.shape, 1 / scores.shape[-1]), where=sums > 0))


def quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where `below` is zero, without a warning."""
    undefined = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below != 0))


def mean(sums: np.ndarray) -> np.ndarray:
    """Value of a metric whose statistics are a quantity and a count of 1 per labelled sample."""
    return quotient(sums[..., 0], sums[..., 1])
