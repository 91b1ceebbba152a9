"""Accuracy with its uncertainty, and what a variant lost against its source model, image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.errors import NothingMeasured, UnknownName, UsageError
from edgebench.metrics.expression import class_scores, confusion, predictions
from edgebench.metrics.sampling import Outputs, Sampled, Truth, judged_by, labelled, sample
from edgebench.records.results import CRITERIA, Drift, Estimate, Scores, Verdict
from edgebench.specs.model import ExpressionHead, Head
from edgebench.stats import (
    CONFIDENCE,
    RESAMPLES,
    mcnemar_exact,
    percentile_interval,
    tango_interval,
    wilson_interval,
)


@dataclass(frozen=True)
class Judged:
    """What the answers of one variant amount to. The reference itself has no drift.

    `draws` holds each metric over the resampled images, [resamples], for `pareto.front_probability`.
    """

    scores: Scores
    drift: Drift | None
    draws: dict[str, np.ndarray]


def judge(
    outputs: Mapping[str, Outputs],
    truth: Truth,
    heads: Sequence[Head],
    *,
    reference: str,
    margin: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> dict[str, Judged]:
    """Scores of every variant of a model and its drift from `reference`, in one bootstrap for all.

    Accuracy has Wilson's interval, every other score the bootstrap's percentiles. A delta is variant minus
    reference on the same images; the interval of accuracy's is Tango's, those of all others the paired
    bootstrap's. The verdict is `pass` where the interval lies above `-margin`, `fail` where it lies below,
    else `inconclusive`. Only images with an expression label count, for flips as well. A model without an
    expression head is judged by `ccc_mean` on its images with valence or arousal, and has no discordant
    pairs and no flips.

    Args:
        outputs: variant id -> its outputs, the reference among them.
        margin: non-inferiority margin, as a share of accuracy (without expressions: of `ccc_mean`).

    Raises:
        UnknownName: the reference is not among the variants.
        UsageError: the margin is negative.
        DataError: outputs do not fit the truth or the heads.
        NonFiniteOutput: a variant answered NaN or infinity.
        NothingMeasured: no image carries a label that the model could be judged by.
    """
    if reference not in outputs:
        raise UnknownName.among(reference, outputs, kind="reference variant")
    sampled = sample(outputs, truth, heads, resamples=resamples, seed=seed)
    standard = _Standard(truth, judged_by(heads, truth), confidence)
    source = _Answers(reference, outputs[reference], sampled[reference])
    judged = {}
    for name in outputs:
        answers = _Answers(name, outputs[name], sampled[name])
        drifted = None if name == reference else standard.drift(source, answers, margin)
        judged[name] = Judged(standard.scores(answers), drifted, sampled[name].draws)
    return judged


@dataclass(frozen=True)
class _Answers:
    name: str
    outputs: Outputs
    sampled: Sampled


@dataclass(frozen=True)
class _Pairs:
    """Labelled images, and on how many of them two models differ in what way."""

    samples: int
    lost: int = 0
    gained: int = 0
    flips: tuple[tuple[str, int], ...] = ()
    """Changed predictions per class of the source's prediction."""


@dataclass(frozen=True)
class _Standard:
    """What all variants are judged against."""

    truth: Truth
    heads: Sequence[Head]
    confidence: float

    @property
    def expression(self) -> ExpressionHead | None:
        return next((head for head in self.heads if isinstance(head, ExpressionHead)), None)

    def scores(self, answers: _Answers) -> Scores:
        metrics = {
            name: self.estimate(value, percentile_interval(answers.sampled.draws[name], confidence=self.confidence))
            for name, value in answers.sampled.values.items()
        }
        head = self.expression
        if head is None:
            return Scores(samples=self.samples(), metrics=metrics)
        matrix = confusion(answers.outputs[head.name], self.truth[head.kind])
        right, samples = int(matrix.trace()), int(matrix.sum())
        interval = wilson_interval(right, samples, confidence=self.confidence)
        return Scores(
            samples=samples,
            metrics={**metrics, "accuracy": self.estimate(right / samples, interval)},
            classes=class_scores(matrix, head.labels),
            confusion=tuple(tuple(row) for row in matrix.tolist()),
        )

    def drift(self, source: _Answers, variant: _Answers, margin: float) -> Drift:
        if not margin >= 0:
            raise UsageError(f"the margin is {margin}", subject="max_accuracy_loss", fix="state 0 or more")
        pairs = self.pairs(source.outputs, variant.outputs)
        deltas = self.deltas(source.sampled, variant.sampled, pairs)
        criterion = next((name for name in CRITERIA if name in deltas), None)
        if criterion is None:
            raise NothingMeasured("neither accuracy nor concordance is defined", subject=variant.name)
        verdict = _verdict(deltas[criterion], margin)
        return Drift(
            reference=source.name,
            samples=pairs.samples,
            lost=pairs.lost,
            gained=pairs.gained,
            p_value=mcnemar_exact(pairs.lost, pairs.gained),
            flips=sum(count for _, count in pairs.flips),
            flips_by_class=dict(pairs.flips),
            deltas=deltas,
            margin=margin,
            verdict=verdict,
            reason=_reason(criterion, deltas[criterion], pairs.samples, margin, verdict),
        )

    def pairs(self, source: Outputs, variant: Outputs) -> _Pairs:
        head = self.expression
        if head is None:
            return _Pairs(self.samples())
        there = labelled(self.truth[head.kind])
        labels = self.truth[head.kind][there]
        before, after = (predictions(outputs[head.name])[there] for outputs in (source, variant))
        flips = np.bincount(before[before != after], minlength=head.width).tolist()
        return _Pairs(
            samples=len(labels),
            lost=int(((before == labels) & (after != labels)).sum()),
            gained=int(((before != labels) & (after == labels)).sum()),
            flips=tuple(zip(head.labels, flips, strict=True)),
        )

    def deltas(self, source: Sampled, variant: Sampled, pairs: _Pairs) -> dict[str, Estimate]:
        deltas = {
            name: self.estimate(
                variant.values[name] - value,
                percentile_interval(variant.draws[name] - source.draws[name], confidence=self.confidence),
            )
            for name, value in source.values.items()
            if name in variant.values
        }
        if self.expression is not None:
            interval = tango_interval(pairs.lost, pairs.gained, pairs.samples, confidence=self.confidence)
            deltas["accuracy"] = self.estimate((pairs.gained - pairs.lost) / pairs.samples, interval)
        return deltas

    def samples(self) -> int:
        """Images with a label for the first head."""
        return int(labelled(self.truth[self.heads[0].kind]).sum())

    def estimate(self, value: float, interval: tuple[float, float] | None) -> Estimate:
        low, high = interval or (None, None)
        return Estimate(value=value, low=low, high=high, confidence=self.confidence)


def _verdict(delta: Estimate, margin: float) -> Verdict:
    if delta.low is None or delta.high is None:
        return "inconclusive"
    if delta.low > -margin:
        return "pass"
    return "fail" if delta.high < -margin else "inconclusive"


def _reason(criterion: str, delta: Estimate, samples: int, margin: float, verdict: Verdict) -> str:
    scale, digits, unit = (100, 2, "pt") if criterion == "accuracy" else (1, 3, f"of {criterion}")

    def size(value: float, sign: str = "") -> str:
        return f"{round(scale * value, digits) + 0.0:{sign}.{digits}f}"  # + 0.0: no minus before a zero

    change = f"{'gains' if delta.value > 0 else 'loses'} {size(abs(delta.value))} {unit}"
    interval = "" if delta.low is None or delta.high is None else f" [{size(delta.low, '+')}, {size(delta.high, '+')}]"
    doubt = "; too few images to tell" if verdict == "inconclusive" else ""
    return f"{change}{interval} on {samples} images, margin {size(margin)} {unit}{doubt}"
