"""The metric a report is about: what its verdicts judge, its charts draw and its sentences state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgebench.records.results import CRITERIA, Estimate, Results, VariantResult
from edgebench.render.text import metric_title
from edgebench.units import change_text, percent_text, points_text, score_text


@dataclass(frozen=True)
class Criterion:
    """A metric with the texts of its values and differences, and the Vega expression of a tick."""

    metric: str
    title: str
    meaning: str
    value_text: Callable[[float], str]
    change_text: Callable[[float], str]
    tick: str

    def value(self, variant: VariantResult) -> Estimate | None:
        return variant.scores.metrics.get(self.metric) if variant.scores else None

    def delta(self, variant: VariantResult) -> Estimate | None:
        return variant.drift.deltas.get(self.metric) if variant.drift else None


def criterion_of(results: Results) -> Criterion:
    """Accuracy, or the first criterion of a verdict that every scored variant has."""
    scored = [variant.scores.metrics for variant in results.variants if variant.scores]
    name = next((name for name in CRITERIA if scored and all(name in found for found in scored)), CRITERIA[0])
    if name == "accuracy":
        meaning = "share of images given their label, with its interval"
        tick = "format(100 * datum.value, '~g') + ' %'"
        return Criterion(name, name, meaning, percent_text, points_text, tick)
    return Criterion(
        name, metric_title(name), "how the verdict is judged", score_text, change_text, "format(datum.value, '~g')"
    )
