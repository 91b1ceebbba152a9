"""Accuracy with its uncertainty, and what a variant lost against its source model, image by image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebench.errors import NothingMeasured, UnknownName, UsageError
from edgebench.metrics import canonical
from edgebench.metrics.cells import affect_errors, heat_map
from edgebench.metrics.expression import class_scores, confusion, predictions
from edgebench.metrics.literature import whole_values
from edgebench.metrics.sampling import Outputs, Sampled, Truth, judged_by, labelled, sample, whole_draws
from edgebench.records.caveat import Caveat
from edgebench.records.results import CRITERIA, AffectErrors, Drift, Estimate, Scores, Verdict
from edgebench.specs.model import ClassHead, Head, ValenceArousalHead
from edgebench.stats import (
    CONFIDENCE,
    FEWEST_CHANGES,
    FEWEST_SAMPLES,
    RESAMPLES,
    mcnemar_exact,
    percentile_interval,
    tango_interval,
    wilson_interval,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Judged:
    """What the answers of one variant amount to. The reference itself has no drift.

    `draws` holds each metric over the resampled images, [resamples], for `pareto.front_probability`.
    """

    scores: Scores
    drift: Drift | None
    draws: dict[str, np.ndarray]
    caveats: tuple[Caveat, ...] = ()


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

    Accuracy and sign agreement, being proportions, have Wilson's interval, every other score the bootstrap's
    percentiles. A delta is variant minus reference on the same images; the interval of a proportion's is Tango's,
    those of all others the paired bootstrap's, which needs `FEWEST_SAMPLES` images and, for scores of counted
    predictions such as macro F1, `FEWEST_CHANGES` changes: without it there is none. Of the metrics of
    `metrics.whole`, areas under curves have one, where `whole_draws` gives any. The verdict is `pass` where the
    interval lies above `-margin`, `fail` where it lies below, else, and with fewer than `FEWEST_SAMPLES` images,
    `inconclusive`. Only images with a class count, for flips as well. A model without a head of classes is judged
    by `ccc_mean`, over its targets or valence and arousal, on the images with any of them, and has no discordant
    pairs and no flips.

    Args:
        outputs: variant id -> its outputs, the reference among them.
        margin: non-inferiority margin, as a share of accuracy (without classes: of `ccc_mean`).

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
    for name, found in sampled.items():
        for head in standard.heads:
            _add_whole(found, outputs[name][head.name], truth[head.kind], head, seed)
    source = _Answers(reference, outputs[reference], sampled[reference])
    judged = {}
    for name in outputs:
        answers = _Answers(name, outputs[name], sampled[name])
        drifted = None if name == reference else standard.drift(source, answers, margin)
        scores = standard.scores(answers)
        if name == reference:
            scores = scores.model_copy(update={"affect_errors": standard.affect_errors(answers.outputs)})
        judged[name] = Judged(scores, drifted, sampled[name].draws, tuple(_caveats(drifted)))
    return judged


def _add_whole(found: Sampled, outputs: np.ndarray, truth: np.ndarray, head: Head, seed: int) -> None:
    """The metrics that no sum gives, and the draws of those that have any."""
    values = whole_values(outputs, truth, head)
    draws = whole_draws(outputs, truth, head, seed=seed)
    found.values.update(values)
    found.draws.update({name: drawn for name, drawn in draws.items() if name in values})
    found.samples.update(dict.fromkeys(draws, int(labelled(truth).sum())))


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
    def class_head(self) -> ClassHead | None:
        return next((head for head in self.heads if isinstance(head, ClassHead)), None)

    def scores(self, answers: _Answers) -> Scores:
        metrics = {
            name: self.estimate(value, self.interval(name, answers.sampled))
            for name, value in answers.sampled.values.items()
        }
        head = self.class_head
        if head is None:
            return Scores(samples=self.samples(), metrics=metrics)
        matrix = confusion(answers.outputs[head.name], self.truth[head.kind])
        return Scores(
            samples=int(matrix.sum()),
            metrics=metrics,
            classes=class_scores(matrix, head.labels),
            confusion=tuple(tuple(row) for row in matrix.tolist()),
        )

    def affect_errors(self, outputs: Outputs) -> AffectErrors | None:
        """By the place of the label; None without a head of valence and arousal."""
        head = next((head for head in self.heads if isinstance(head, ValenceArousalHead)), None)
        return affect_errors(heat_map(canonical(outputs[head.name], head), self.truth[head.kind])) if head else None

    def interval(self, name: str, sampled: Sampled) -> tuple[float, float] | None:
        if name not in sampled.draws:
            return None
        if sampled.evidence(name) == "hits":
            right, samples = sampled.statistics[name].sum(axis=0).astype(int).tolist()
            return wilson_interval(right, samples, confidence=self.confidence)
        return percentile_interval(sampled.draws[name], samples=sampled.samples[name], confidence=self.confidence)

    def drift(self, source: _Answers, variant: _Answers, margin: float) -> Drift:
        if not margin >= 0:
            raise UsageError(f"the margin is {margin}", subject="max_accuracy_loss", fix="state 0 or more")
        pairs = self.pairs(source.outputs, variant.outputs)
        deltas = self.deltas(source.sampled, variant.sampled)
        criterion = next((name for name in CRITERIA if name in deltas), None)
        if criterion is None:
            raise NothingMeasured("neither accuracy nor concordance is defined", subject=variant.name)
        verdict = _verdict(deltas[criterion], pairs.samples, margin)
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
        head = self.class_head
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

    def deltas(self, source: Sampled, variant: Sampled) -> dict[str, Estimate]:
        return {
            name: self.estimate(variant.values[name] - value, self.paired_interval(name, source, variant))
            for name, value in source.values.items()
            if name in variant.values
        }

    def paired_interval(self, name: str, source: Sampled, variant: Sampled) -> tuple[float, float] | None:
        if name not in source.draws:
            return None
        evidence = source.evidence(name)
        if evidence == "hits":
            before, after = source.statistics[name], variant.statistics[name]
            lost, gained, samples = (
                int(count.sum()) for count in (before[:, 0] > after[:, 0], after[:, 0] > before[:, 0], after[:, 1])
            )
            return tango_interval(lost, gained, samples, confidence=self.confidence)
        if evidence == "counts" and _changed(source.statistics[name], variant.statistics[name]) < FEWEST_CHANGES:
            return None
        draws = variant.draws[name] - source.draws[name]
        return percentile_interval(draws, samples=source.samples[name], confidence=self.confidence)

    def samples(self) -> int:
        """Images with a label for the first head."""
        return int(labelled(self.truth[self.heads[0].kind]).sum())

    def estimate(self, value: float, interval: tuple[float, float] | None) -> Estimate:
        low, high = interval or (None, None)
        return Estimate(value=value, low=low, high=high, confidence=self.confidence)


def _changed(before: csr_array, after: csr_array) -> int:
    """Images that are counted otherwise."""
    return len(np.unique((before != after).nonzero()[0]))


def _verdict(delta: Estimate, samples: int, margin: float) -> Verdict:
    if samples < FEWEST_SAMPLES or delta.low is None or delta.high is None:
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
    doubt = f"; a verdict needs {FEWEST_SAMPLES} images" if samples < FEWEST_SAMPLES else doubt
    return f"{change}{interval} on {samples} images, margin {size(margin)} {unit}{doubt}"


def _caveats(drift: Drift | None) -> Iterator[Caveat]:
    if drift and drift.samples < FEWEST_SAMPLES:
        text = (
            f"{drift.samples} images decide nothing: a verdict needs {FEWEST_SAMPLES}, and so does a bootstrap interval"
        )
        yield Caveat(kind="few-images", text=text, fix="evaluate on more images")
