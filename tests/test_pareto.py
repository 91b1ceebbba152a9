from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebench.errors import UsageError
from edgebench.metrics.sampling import sample
from edgebench.pareto import front, front_probability
from edgebench.specs.model import ExpressionHead
from edgebench.stats import bootstrap_medians

BOTH = (True, False)  # accuracy up, latency down

clouds = st.integers(1, 12).flatmap(lambda n: arrays(np.float64, (n, 2), elements=st.integers(0, 6).map(float)))
many = st.integers(1, 8).flatmap(lambda n: arrays(np.float64, (20, n), elements=st.integers(0, 9).map(float)))


def beats(rival: np.ndarray, point: np.ndarray) -> bool:
    """More accurate and no slower, or faster and no less accurate."""
    return bool(rival[0] >= point[0] and rival[1] <= point[1] and (rival != point).any())


def test_a_small_front_by_eye() -> None:
    points = np.array([[0.60, 2.0], [0.58, 1.0], [0.57, 1.5], [0.61, 4.0], [0.61, 3.0]])
    assert front(points, maximize=BOTH).tolist() == [True, True, False, False, True]


def test_equal_points_are_on_the_front_together() -> None:
    points = np.array([[0.6, 2.0], [0.6, 2.0], [0.5, 2.0], [0.5, 1.0], [0.5, 1.0]])
    assert front(points, maximize=BOTH).tolist() == [True, True, False, True, True]


def test_a_third_objective_can_keep_a_variant_on_the_front() -> None:
    points = np.array([[0.6, 1.0, 900], [0.6, 2.0, 300], [0.5, 3.0, 900]])
    assert front(points[:, :2], maximize=BOTH).tolist() == [True, False, False]
    assert front(points, maximize=(True, False, False)).tolist() == [True, True, False]


@given(clouds, st.data())
def test_a_third_objective_takes_nobody_off_the_front_where_nobody_ties(
    points: np.ndarray, data: st.DataObject
) -> None:
    points[:, 1] = np.linspace(1, 2, len(points))
    sizes = data.draw(arrays(np.float64, len(points), elements=st.integers(0, 6).map(float)))
    with_size = front(np.column_stack([points, sizes]), maximize=(True, False, False))
    assert (with_size >= front(points, maximize=BOTH)).all()


def test_what_was_not_measured_is_on_no_front_and_keeps_nobody_off() -> None:
    points = np.array([[0.9, np.nan], [0.6, 2.0]])
    assert front(points, maximize=BOTH).tolist() == [False, True]


def test_a_direction_for_each_objective_is_needed() -> None:
    with pytest.raises(UsageError, match="3 objectives, but 2 directions"):
        front(np.zeros((4, 3)), maximize=BOTH)


@given(clouds)
def test_a_point_is_off_the_front_exactly_when_another_beats_it(points: np.ndarray) -> None:
    expected = [not any(beats(rival, point) for rival in points) for point in points]
    assert front(points, maximize=BOTH).tolist() == expected


@given(clouds)
def test_there_is_always_a_front_and_taking_it_again_changes_nothing(points: np.ndarray) -> None:
    on_front = front(points, maximize=BOTH)
    assert on_front.any()
    assert front(points[on_front], maximize=BOTH).all()


@given(clouds, st.randoms())
def test_the_order_of_variants_does_not_matter(points: np.ndarray, random: Random) -> None:
    order = list(range(len(points)))
    random.shuffle(order)
    assert (front(points[order], maximize=BOTH) == front(points, maximize=BOTH)[order]).all()


@given(clouds)
def test_turning_an_objective_around_turns_its_direction_around(points: np.ndarray) -> None:
    turned = points * [-1, 1]
    assert (front(turned, maximize=(False, False)) == front(points, maximize=BOTH)).all()


# ---- probability ----------------------------------------------------------------------------------------------------


@given(many, st.data())
def test_a_probability_is_the_share_of_fronts(accuracy: np.ndarray, data: st.DataObject) -> None:
    latency = data.draw(arrays(np.float64, accuracy.shape, elements=st.integers(1, 9).map(float)))
    found = front_probability([accuracy, latency], maximize=BOTH)
    fronts = [front(np.stack(rows, axis=1), maximize=BOTH) for rows in zip(accuracy, latency, strict=True)]
    assert found == pytest.approx(np.mean(fronts, axis=0))
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum() >= 1


@given(many, st.permutations(range(8)))
def test_probabilities_follow_their_variants(accuracy: np.ndarray, order: list[int]) -> None:
    order = [index for index in order if index < accuracy.shape[1]]
    latency = accuracy[::-1] + 1
    found = front_probability([accuracy, latency], maximize=BOTH)
    assert np.array_equal(front_probability([accuracy[:, order], latency[:, order]], maximize=BOTH), found[order])


def test_a_variant_that_beats_all_others_everywhere_is_on_the_front_for_certain() -> None:
    random = np.random.default_rng(0)
    accuracy, latency = random.uniform(0.4, 0.6, (200, 5)), random.uniform(2, 3, (200, 5))
    accuracy[:, 3], latency[:, 3] = 0.7, 1.0
    assert front_probability([accuracy, latency], maximize=BOTH).tolist() == [0, 0, 0, 1, 0]


def test_an_exact_objective_is_the_same_in_every_resample() -> None:
    accuracy = np.array([[0.6, 0.5], [0.5, 0.6], [0.6, 0.5], [0.6, 0.5]])
    sizes = np.array([[200.0, 100.0]])
    assert front_probability([accuracy, sizes], maximize=BOTH).tolist() == [0.75, 1]


def test_a_tie_within_noise_is_as_likely_either_way() -> None:
    random = np.random.default_rng(1)
    accuracy = random.normal(0.6, 0.01, (4000, 2))
    found = front_probability([accuracy, np.array([[1.0, 1.0]])], maximize=BOTH)
    assert found == pytest.approx([0.5, 0.5], abs=0.03)


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    draws = [random.random((103, 6)), random.random((103, 6))]
    whole = front_probability(draws, maximize=BOTH)
    monkeypatch.setattr("edgebench.pareto._CHUNK", 500)
    assert np.array_equal(front_probability(draws, maximize=BOTH), whole)


def test_a_twin_that_is_faster_in_every_round_wins_for_certain_however_noisy_the_numbers_are() -> None:
    random = np.random.default_rng(3)
    head = ExpressionHead(kind="expression", name="face", labels=("a", "b"))
    answers = {"face": random.dirichlet([1, 1], 40)}
    sampled = sample({"fp32": answers, "int8": answers}, {"expression": random.integers(0, 2, 40)}, [head])
    accuracy = np.stack([sampled[name].draws["accuracy"] for name in ("fp32", "int8")], axis=1)
    slow = random.uniform(1, 3, 5)
    latency = bootstrap_medians(np.stack([slow, slow - 0.01]))
    assert np.ptp(accuracy) > 0.2
    assert np.ptp(latency) > 0.2
    assert front_probability([accuracy, latency], maximize=BOTH).tolist() == [0, 1]
