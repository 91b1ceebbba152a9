import warnings

import numpy as np
import pytest

from edgebench.metrics import METRICS, softmax
from edgebench.metrics.whole import WHOLE, WholeMetric, grouped_sums, whole_metrics_of
from edgebench.specs.model import ExpressionHead, ValenceArousalHead
from edgebench.stats import bootstrap_weights

HEADS = (
    ExpressionHead(kind="expression", name="face", labels=("a", "b", "c")),
    ValenceArousalHead(kind="valence_arousal", name="va"),
)
ALL = [metric for head in HEADS for metric in whole_metrics_of(head)]

each = pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)


def answers(metric: WholeMetric, samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random outputs, with ties, and labels, the last fifth of them missing."""
    random = np.random.default_rng(seed)
    missing = np.arange(samples) >= samples - samples // 5
    if metric.head == "expression":
        scores = np.round(softmax(random.normal(size=(samples, 3))), 1)
        return scores, np.where(missing, -1, random.integers(0, 3, samples))
    truth = np.round(random.uniform(-1, 1, (samples, 2)), 1)
    return np.clip(truth + random.normal(0, 0.5, (samples, 2)), -1, 1), np.where(missing[:, None], np.nan, truth)


def test_every_row_of_the_registry_is_the_metric_of_that_name() -> None:
    assert {metric.name for metric in ALL} == set(WHOLE)
    assert not set(WHOLE) & set(METRICS)


@each
def test_a_value_lies_in_its_range(metric: WholeMetric) -> None:
    for seed in range(5):
        value = metric.of(*answers(metric, 60, seed))
        assert value is not None
        assert 0 <= value <= 1.5


@each
def test_a_sample_without_a_label_weighs_nothing(metric: WholeMetric) -> None:
    outputs, truth = answers(metric, 50)
    assert metric.of(outputs, truth) == pytest.approx(metric.of(outputs[:40], truth[:40]))


@each
def test_a_weight_is_a_repetition(metric: WholeMetric) -> None:
    outputs, truth = answers(metric, 40)
    weights = np.random.default_rng(4).integers(0, 4, (3, 40)).astype(float)
    repeated = [metric.of(*(np.repeat(each, row.astype(int), axis=0) for each in (outputs, truth))) for row in weights]
    assert metric.value(outputs, truth, weights) == pytest.approx(repeated)


@each
def test_draws_are_of_the_same_images_for_every_metric(metric: WholeMetric) -> None:
    outputs, truth = answers(metric, 40)
    draws = metric.draws(outputs, truth, seed=3)
    assert draws.shape == (metric.resamples,)
    if metric.resamples:
        weights = np.concatenate([*bootstrap_weights(40, resamples=metric.resamples, seed=3)])
        assert np.array_equal(draws, metric.value(outputs, truth, weights))


@each
def test_without_labels_a_metric_is_undefined_and_does_not_warn(metric: WholeMetric) -> None:
    outputs, truth = answers(metric, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metric.of(outputs, np.full_like(truth, -1 if truth.ndim == 1 else np.nan)) is None


def test_grouped_sums_are_those_of_each_group() -> None:
    weights = np.arange(8.0).reshape(2, 4)
    groups, sums = grouped_sums(weights, np.array([5, 2, 5, 9]))
    assert groups.tolist() == [2, 5, 9]
    assert sums.tolist() == [[1, 0 + 2, 3], [5, 4 + 6, 7]]
