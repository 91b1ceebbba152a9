from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.metrics.affect import CCC_VALENCE, PCC_VALENCE
from edgebench.metrics.intraclass import ICC_AROUSAL, ICC_VALENCE

pairs = st.lists(st.tuples(*[st.integers(-100, 100)] * 4), min_size=3, max_size=50).map(
    lambda rows: np.array(rows) / 100
)


@given(pairs)
def test_it_is_twice_the_covariance_over_the_variances(rows: np.ndarray) -> None:
    outputs, truth = rows[:, :2], rows[:, 2:]
    for axis, metric in enumerate((ICC_VALENCE, ICC_AROUSAL)):
        cov = np.cov(outputs[:, axis], truth[:, axis])
        if np.trace(cov) > 1e-6:
            assert metric.of(outputs, truth) == pytest.approx(2 * cov[0, 1] / np.trace(cov), abs=1e-9)


@given(pairs)
def test_it_lies_between_concordance_and_correlation(rows: np.ndarray) -> None:
    outputs, truth = rows[:, :2], rows[:, 2:]
    if min(outputs[:, 0].var(), truth[:, 0].var()) > 1e-6:
        sizes = [abs(metric.of(outputs, truth) or 0.0) for metric in (CCC_VALENCE, ICC_VALENCE, PCC_VALENCE)]
        assert sizes[0] <= sizes[1] + 1e-9
        assert sizes[1] <= sizes[2] + 1e-9


def test_four_judges_agree_as_shrout_and_fleiss_print_it() -> None:
    # Shrout and Fleiss (1979), table 2; ICC(3,1) = 0.71, of two judges 2 cov / (var + var): pooled over the pairs.
    judges = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]).T / 10
    twos = [np.stack([one, other], axis=1) for one, other in combinations(judges, 2)]
    values = [ICC_VALENCE.of(two, two[:, ::-1]) for two in twos]
    assert np.average(values, weights=[two.var(axis=0).sum() for two in twos]) == pytest.approx(0.71, abs=0.005)


def test_a_shift_of_all_answers_costs_nothing() -> None:
    truth = np.random.default_rng(0).uniform(-0.5, 0.5, (40, 2))
    assert ICC_VALENCE.of(truth + 0.3, truth) == pytest.approx(1)
    assert ICC_AROUSAL.of(-truth, truth) == pytest.approx(-1)


def test_of_two_constants_it_is_undefined() -> None:
    assert ICC_VALENCE.of(np.full((9, 2), 0.1), np.full((9, 2), 1 / 3)) is None
    assert ICC_VALENCE.of(np.full((9, 2), 0.1), np.random.default_rng(0).uniform(-1, 1, (9, 2))) == pytest.approx(0)
