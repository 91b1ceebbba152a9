"""Every metric of every variant, on all images and on the same resampled images, in one matrix product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgebench.errors import DataError, NonFiniteOutput, NothingMeasured
from edgebench.metrics import Metric, canonical, metrics_of
from edgebench.metrics.whole import whole_metrics_of
from edgebench.specs.model import ClassHead, Head
from edgebench.stats import RESAMPLES, bootstrap_sums

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Outputs = Mapping[str, np.ndarray]
"""Head name -> [images, width], as the model answered."""

Truth = Mapping[str, np.ndarray]
"""Kind of head -> labels, as `metrics.labels.truth_for` makes them: whole numbers in the order of the head's labels
(-1: none), or float [images, targets] (NaN: none), valence and arousal in [-1, 1]. Other keys are not read."""


_CHUNK = 1 << 17
"""Scores whose statistics are made at a time: a thousand classes have three thousand numbers an image, nearly all 0."""

_RANKED = 1 << 20
"""Scores, images times classes, up to which `whole_draws` ranks them: half a second for each metric of a variant."""


@dataclass(frozen=True)
class Sampled:
    """A variant's metrics on all images, their draws [resamples] over resampled images, and what they are sums of.

    A metric that is undefined on all images is left out; a draw that is undefined is NaN.
    """

    values: dict[str, float] = field(default_factory=dict)
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    statistics: dict[str, np.ndarray | csr_array] = field(default_factory=dict)
    """Per image, [images, k]; sparse where they are counts."""
    metrics: dict[str, Metric] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    """Images with a label for it."""

    def evidence(self, name: str) -> Literal["hits", "counts", "values"]:
        """What a metric is counted from; those of `metrics.whole` from values."""
        return self.metrics[name].evidence if name in self.metrics else "values"


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
    tables = [
        (name, metrics, statistics)
        for name, answers in outputs.items()
        for metrics, statistics in _statistics(name, answers, truth, heads)
    ]
    draws: list[list[list[np.ndarray]]] = [[[] for _ in metrics] for _, metrics, _ in tables]
    for place, sums in bootstrap_sums([table for _, _, table in tables], resamples=resamples, seed=seed):
        for drawn, metric in zip(draws[place], tables[place][1], strict=True):
            drawn.append(metric.value(sums))
    sampled = {name: Sampled() for name in outputs}
    for (name, metrics, statistics), drawn_of in zip(tables, draws, strict=True):
        total, found = np.asarray(statistics.sum(axis=0)), sampled[name]
        for metric, drawn in zip(metrics, drawn_of, strict=True):
            value = float(metric.value(total))
            if np.isfinite(value):
                found.values[metric.name] = value
                found.draws[metric.name] = np.concatenate(drawn)
                found.statistics[metric.name] = statistics
                found.metrics[metric.name] = metric
                found.samples[metric.name] = int(labelled(truth[metric.head]).sum())
    return sampled


def whole_draws(outputs: np.ndarray, truth: np.ndarray, head: Head, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Draws of the metrics of `metrics.whole` that have any, over the images that `sample` draws first.

    None of a head so wide, on so many images, that they would cost more than all else.
    """
    if outputs.size > _RANKED:
        return {}
    answers = canonical(outputs, head)
    return {each.name: each.draws(answers, truth, seed=seed) for each in whole_metrics_of(head) if each.resamples}


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
) -> Iterator[tuple[list[Metric], np.ndarray | csr_array]]:
    """Metrics of the same statistics, and those."""
    judges = judged_by(heads, truth)
    if not judges:
        raise NothingMeasured("no image has a label to judge by", subject=name, fix="evaluate on labelled images")
    for head in judges:
        labels = truth[head.kind]
        answers = _checked(name, outputs, head, labels)
        sharing: dict[Callable[[np.ndarray, np.ndarray], np.ndarray], list[Metric]] = {}
        for metric in metrics_of(head):
            sharing.setdefault(metric.statistics, []).append(metric)
        yield from zip(sharing.values(), _tables(sharing, answers, labels, head), strict=True)


def _tables(
    sharing: Mapping[Callable[[np.ndarray, np.ndarray], np.ndarray], list[Metric]],
    answers: np.ndarray,
    labels: np.ndarray,
    head: Head,
) -> list[np.ndarray | csr_array]:
    """The statistics of all images; of class scores, each image's are its own, and a few are made at a time."""
    from scipy.sparse import csr_array, vstack

    step = max(1, _CHUNK // head.width) if isinstance(head, ClassHead) else len(labels)
    parts: list[list[np.ndarray | csr_array]] = [[] for _ in sharing]
    for start in range(0, len(labels), step):
        some = slice(start, start + step)
        values = canonical(answers[some], head)
        for part, (statistics, metrics) in zip(parts, sharing.items(), strict=True):
            found = statistics(values, labels[some])
            part.append(csr_array(found) if metrics[0].evidence == "counts" else found)
    return [np.concatenate(part) if isinstance(part[0], np.ndarray) else vstack(part, format="csr") for part in parts]


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
