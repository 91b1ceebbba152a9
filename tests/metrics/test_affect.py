import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.metrics import Metric
from edgebench.metrics.affect import (
    CCC_AROUSAL,
    CCC_MEAN,
    CCC_VALENCE,
    PCC_AROUSAL,
    PCC_VALENCE,
    RMSE_AROUSAL,
    RMSE_VALENCE,
    SAGR_AROUSAL,
    SAGR_VALENCE,
)

# Bland and Altman (1986), Lancet: peak expiratory flow in l/min by two meters, first readings.
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])

pairs = st.lists(st.tuples(*[st.integers(-100, 100)] * 4), min_size=3, max_size=50).map(
    lambda rows: np.array(rows) / 100
)


def of(metric: Metric, answers: np.ndarray, truth: np.ndarray) -> float | None:
    """A metric of two series, put on the axis it judges; the other axis holds something else."""
    other = np.linspace(-1, 1, len(truth))
    arousal = metric.name.endswith("arousal")
    stacked = [np.stack([other, series] if arousal else [series, other], axis=1) for series in (answers, truth)]
    return metric.of(*stacked)


def lin(x: np.ndarray, y: np.ndarray) -> float:
    """Lin (1989), page 257: 1 - E(x - y)^2 over its expectation for independent series of these moments."""
    return float(1 - ((x - y) ** 2).mean() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


@pytest.mark.parametrize("metric", [PCC_VALENCE, PCC_AROUSAL], ids=lambda metric: metric.name)
def test_correlation_of_the_peak_flow_meters_is_the_published_one(metric: Metric) -> None:
    assert of(metric, WRIGHT / 1000, MINI / 1000) == pytest.approx(0.94, abs=0.005)


@pytest.mark.parametrize("metric", [CCC_VALENCE, CCC_AROUSAL], ids=lambda metric: metric.name)
def test_concordance_of_the_peak_flow_meters_follows_from_their_published_difference(metric: Metric) -> None:
    # The paper gives the differences' mean, -2.1 l/min, and standard deviation, 38.8 l/min.
    square = 38.8**2 * 16 / 17 + 2.1**2
    expected = 1 - square / (WRIGHT.var() + MINI.var() + 2.1**2)
    assert of(metric, WRIGHT / 1000, MINI / 1000) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    ("answers", "truth", "concordance"),
    [
        ([2.5, 0, 2, 8], [3, -0.5, 2, 7], 0.97678916827853),  # the four readings many implementations check with
        ([1, 2, 3, 4, 5], [1.1, 1.9, 3.2, 4.1, 4.8], 0.994303469704816),
        ([0, 1], [1, 2], 1 / 3),  # by hand: covariance 1/4, variances 1/4, means 1 apart
    ],
)
def test_concordance_is_that_of_worked_examples(answers: list[float], truth: list[float], concordance: float) -> None:
    assert of(CCC_VALENCE, np.array(answers) / 10, np.array(truth) / 10) == pytest.approx(concordance, abs=1e-12)


def test_rmse_is_the_root_of_the_mean_square() -> None:
    answers, truth = np.array([0.1, -0.5, 0.3]), np.array([0.4, -0.1, 0.3])
    assert of(RMSE_VALENCE, answers, truth) == pytest.approx(np.sqrt((0.09 + 0.16 + 0) / 3))
    assert of(RMSE_AROUSAL, answers, truth) == pytest.approx(np.sqrt((0.09 + 0.16 + 0) / 3))


def test_sign_agreement_holds_zero_for_a_sign_of_its_own() -> None:
    answers, truth = np.array([0.1, -0.5, 0.0, 0.0, 0.2]), np.array([0.9, 0.1, 0.0, 0.3, 0.0])
    assert of(SAGR_VALENCE, answers, truth) == pytest.approx(2 / 5)
    assert of(SAGR_AROUSAL, answers, truth) == pytest.approx(2 / 5)


def test_a_label_may_be_missing_on_one_axis_only() -> None:
    outputs = np.array([[0.2, 0.5], [0.4, -0.5], [0.0, 0.1]])
    truth = np.array([[0.3, 0.5], [np.nan, -0.4], [0.1, np.nan]])
    assert RMSE_VALENCE.of(outputs, truth) == pytest.approx(0.1)
    assert RMSE_AROUSAL.of(outputs, truth) == pytest.approx(np.sqrt(0.01 / 2))


def test_the_mean_concordance_is_that_of_both_axes() -> None:
    outputs, truth = np.random.default_rng(0).uniform(-1, 1, (2, 30, 2))
    valence, arousal = CCC_VALENCE.of(outputs, truth), CCC_AROUSAL.of(outputs, truth)
    assert valence is not None
    assert arousal is not None
    assert CCC_MEAN.of(outputs, truth) == pytest.approx((valence + arousal) / 2)


@pytest.mark.parametrize("constant", [0.0, 0.3, -1.0, 1 / 3])
def test_constant_answers_have_no_correlation_and_no_concordance(constant: float) -> None:
    truth = np.random.default_rng(1).uniform(-1, 1, 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert of(PCC_VALENCE, np.full(1000, constant), truth) is None
        assert of(CCC_VALENCE, np.full(1000, constant), truth) == 0.0


def test_concordance_of_one_constant_with_itself_is_undefined() -> None:
    assert of(CCC_VALENCE, np.full(50, 0.1), np.full(50, 0.1)) is None


@given(pairs)
def test_concordance_is_lins_and_at_most_the_correlation(rows: np.ndarray) -> None:
    x, y = rows[:, 0], rows[:, 1]
    concordance, correlation = of(CCC_VALENCE, x, y), of(PCC_VALENCE, x, y)
    if x.var() > 1e-6 and y.var() > 1e-6:
        assert concordance == pytest.approx(lin(x, y), abs=1e-9)
        assert correlation == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)
        assert abs(concordance) <= abs(correlation) + 1e-9


@given(pairs)
def test_agreement_does_not_ask_who_is_right(rows: np.ndarray) -> None:
    outputs, truth = rows[:, :2], rows[:, 2:]
    for metric in (RMSE_VALENCE, CCC_VALENCE, CCC_MEAN, PCC_AROUSAL, SAGR_AROUSAL):
        assert metric.of(outputs, truth) == pytest.approx(metric.of(truth, outputs), abs=1e-9)


@given(pairs)
def test_the_truth_itself_is_a_perfect_answer(rows: np.ndarray) -> None:
    truth = rows[:, :2]
    assert RMSE_VALENCE.of(truth, truth) == 0
    assert SAGR_AROUSAL.of(truth, truth) == 1
    if truth.var(axis=0).min() > 1e-6:
        assert CCC_MEAN.of(truth, truth) == pytest.approx(1)
        assert PCC_VALENCE.of(truth, truth) == pytest.approx(1)
