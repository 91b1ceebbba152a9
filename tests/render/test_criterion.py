"""A report is about accuracy, or about concordance where there is no accuracy."""

from __future__ import annotations

from edgebench.records.results import Estimate
from edgebench.render.criterion import criterion_of


def test_accuracy_is_the_criterion_of_expression_models(results):
    criterion = criterion_of(results)
    variant = results.variants[1]
    assert criterion.metric == "accuracy"
    assert criterion.value(variant) == variant.scores.metrics["accuracy"]
    assert criterion.delta(variant) == variant.drift.deltas["accuracy"]


def test_a_model_without_expressions_is_judged_by_concordance(valence_only):
    criterion = criterion_of(valence_only)
    assert (criterion.metric, criterion.title) == ("ccc_mean", "CCC mean")
    assert criterion.value_text(0.5123) == "0.512"
    assert criterion.change_text(-0.02) == "-0.020"


def test_nothing_scored_has_no_value_and_no_delta(unscored):
    criterion = criterion_of(unscored)
    assert criterion.metric == "accuracy"
    assert criterion.value(unscored.variants[0]) is None
    assert criterion.delta(unscored.variants[0]) is None


def test_the_criterion_is_one_that_every_scored_variant_has(results):
    first = results.variants[0]
    metrics = {"ccc_mean": Estimate(value=0.5)}
    poorer = first.model_copy(update={"scores": first.scores.model_copy(update={"metrics": metrics})})
    mixed = results.model_copy(update={"variants": (poorer, *results.variants[1:])})
    assert criterion_of(mixed).metric == "accuracy", "no criterion fits all, so the first is kept"
