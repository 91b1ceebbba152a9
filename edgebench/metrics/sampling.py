"""Every metric of every variant, on all images and on the same resampled images, in one matrix product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgebench.errors import DataError, NonFiniteOutput, NothingMeasured
from edgebench.metrics import Metric, canonical, metrics_of
from edgebench.specs.model import ClassHead, Head
from edgebench.stats import RESAMPLES, bootstrap_sums

Outputs = Mapping[str, np.ndarray]
"""Head name -> [images, width], as the model answered."""

Truth = Mapping[str, np.ndarray]
"""Kind of head -> labels, as `metrics.labels.truth_for` makes them: whole numbers in the order of the head's labels
(-1: none), or float [images, targets] (NaN: none), valence and arousal in [-1, 1]. Other keys are not read."""


@dataclass(frozen=True)
class Sampled:
    """A variant's metrics on all images, their draws [resamples] over resampled images, and what they are sums of.

    A metric that is undefined on all images is left out; a draw that is undefined is NaN.
    """

    values: dict[str, float] = field(default_factory=dict)
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    statistics: dict[str, np.ndarray] = field(default_factory=dict)
    """Per image, [images, k]."""
    metrics: dict[str, Metric] = field(default_factory=dict)


def sample(
    outputs: Mapping[str, Outputs],
    truth: Truth,
    heads: Sequence[Head],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Sampled]:
    """Metrics of each variant (id -> outputs), drawn over the same images for all of them.

    Raises:
        DataError: outputs do not fit the truth or the heads, or a label is out of range.
        NonFiniteOutput: a variant answered NaN or infinity.
        NothingMeasured: no image carries a label that the model could be judged by.
    """
    columns = [
        (name, metrics, statistics)
        for name, answers in outputs.items()
        for metrics, statistics in _statistics(name, answers, truth, heads)
    ]
    edges = np.cumsum([statistics.shape[1] for _, _, statistics in columns])[:-1]
    together = np.concatenate([statistics for _, _, statistics in columns], axis=1)
    totals = np.split(together.sum(axis=0), edges)
    drawn = np.split(bootstrap_sums(together, resamples=resamples, seed=seed), edges, axis=1)
    sampled = {name: Sampled() for name in outputs}
    for (name, metrics, statistics), total, sums in zip(columns, totals, drawn, strict=True):
        for metric in metrics:
            value = float(metric.value(total))
            if np.isfinite(value):
                sampled[name].values[metric.name] = value
                sampled[name].draws[metric.name] = metric.value(sums)
                sampled[name].statistics[metric.name] = statistics
                sampled[name].metrics[metric.name] = metric
    return sampled


def judged_by(heads: Sequence[Head], truth: Truth) -> list[Head]:
    """The first head of each kind, where any image is labelled for it."""
    first = {head.kind: head for head in reversed(heads)}
    return [
        head for head in heads if head is first[head.kind] and head.kind in truth and labelled(truth[head.kind]).any()
    ]


def labelled(labels: np.ndarray) -> np.ndarray:
    """Which images carry a label of this kind: bool [images]."""
    if labels.ndim == 1:
        return np.asarray(labels >= 0)
    return np.asarray((~np.isnan(labels)).any(axis=1))


def _statistics(
    name: str, outputs: Outputs, truth: Truth, heads: Sequence[Head]
) -> Iterator[tuple[list[Metric], np.ndarray]]:
    """Metrics of the same statistics, and those; of many classes they are wide."""
    judges = judged_by(heads, truth)
    if not judges:
        raise NothingMeasured("no image has a label to judge by", subject=name, fix="evaluate on labelled images")
    for head in judges:
        labels = truth[head.kind]
        values = canonical(_checked(name, outputs, head, labels), head)
        sharing: dict[Callable[[np.ndarray, np.ndarray], np.ndarray], list[Metric]] = {}
        for metric in metrics_of(head):
            sharing.setdefault(metric.statistics, []).append(metric)
        for statistics, metrics in sharing.items():
            yield metrics, statistics(values, labels)


def _checked(name: str, outputs: Outputs, head: Head, labels: np.ndarray) -> np.ndarray:
    """A head's outputs: one finite row of its width for each label, and every label one it has."""
    if head.name not in outputs:
        raise DataError(f"no outputs of the head {head.name!r}", subject=name)
    values, expected = outputs[head.name], (len(labels), head.width)
    if values.shape != expected:
        raise DataError(f"outputs of {head.name!r} have the shape {values.shape}, not {expected}", subject=name)
    if isinstance(head, ClassHead) and labels.max() >= head.width:
        raise DataError(
            f"label {labels.max()} is out of range",
            subject=f"head {head.name!r}",
            fix=f"labels are numbered 0 to {head.width - 1}, and -1 where there is none",
        )
    bad = int((~np.isfinite(values)).any(axis=1).sum())
    if bad:
        raise NonFiniteOutput(f"{head.name!r} is NaN or infinite on {bad} of {len(values)} images", subject=name)
    return values
