"""Every metric of a head at once, additive or not, with the intervals they have."""

from __future__ import annotations

import numpy as np

from edgebench.metrics import canonical
from edgebench.metrics.sampling import labelled, sample
from edgebench.metrics.whole import whole_metrics_of
from edgebench.records.results import Estimate
from edgebench.specs.model import Head
from edgebench.stats import CONFIDENCE, RESAMPLES, percentile_interval, wilson_interval


def all_scores(
    outputs: np.ndarray,
    truth: np.ndarray,
    head: Head,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> dict[str, Estimate]:
    """Metrics of one head's answers by name; undefined ones are left out.

    Proportions have Wilson's interval, the others that of the bootstrap over samples, if any.

    Args:
        outputs: [samples, width], as the model answered.
        truth: labels in the order of the head's `labels` (-1: none), or numbers [samples, targets], valence and
            arousal in [-1, 1] (NaN: none).

    Raises:
        DataError, NonFiniteOutput, NothingMeasured: as `metrics.sampling.sample`.
    """
    sampled = sample({"": {head.name: outputs}}, {head.kind: truth}, [head], resamples=resamples, seed=seed)[""]
    answers, samples = canonical(outputs, head), int(labelled(truth).sum())
    found = {}
    for name, value in sampled.values.items():
        if sampled.metrics[name].evidence == "hits":
            right, judged = sampled.statistics[name].sum(axis=0).astype(int).tolist()
            found[name] = proportion(right, judged, confidence=confidence)
        else:
            found[name] = estimate(value, sampled.draws[name], samples=samples, confidence=confidence)
    for whole in whole_metrics_of(head):
        single = whole.of(answers, truth)
        if single is not None:
            draws = whole.draws(answers, truth, seed=seed)
            found[whole.name] = estimate(single, draws, samples=samples, confidence=confidence)
    return found


def whole_values(outputs: np.ndarray, truth: np.ndarray, head: Head) -> dict[str, float]:
    """The metrics that no sum gives, by name, without the price of their intervals; undefined ones are left out."""
    answers = canonical(outputs, head)
    found = {metric.name: metric.of(answers, truth) for metric in whole_metrics_of(head)}
    return {name: value for name, value in found.items() if value is not None}


def estimate(value: float, draws: np.ndarray, *, samples: int, confidence: float = CONFIDENCE) -> Estimate:
    """A value over so many samples with the percentile interval of its draws, where they have one."""
    low, high = percentile_interval(draws, samples=samples, confidence=confidence) or (None, None)
    return Estimate(value=value, low=low, high=high, confidence=confidence)


def proportion(right: int, samples: int, *, confidence: float = CONFIDENCE) -> Estimate:
    """A share of samples with Wilson's interval."""
    low, high = wilson_interval(right, samples, confidence=confidence)
    return Estimate(value=right / samples, low=low, high=high, confidence=confidence)
