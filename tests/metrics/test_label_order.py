"""Orders of labels: found where there is one, and never out of chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.metrics.label_order import best_order, labels_in_order, reordered


def answers(truth: np.ndarray, classes: int, *, right: float, seed: int = 0) -> np.ndarray:
    """Scores that call the true class in a share `right` of the samples, else any."""
    random = np.random.default_rng(seed)
    called = np.where(random.random(len(truth)) < right, truth, random.integers(0, classes, len(truth)))
    return np.eye(classes, dtype=np.float32)[called]


def accuracy(scores: np.ndarray, truth: np.ndarray) -> float:
    return float((scores.argmax(axis=1) == truth).mean())


@settings(deadline=None)
@given(order=st.permutations(range(6)))
def test_any_order_is_found(order: list[int]) -> None:
    truth = np.arange(240) % 6
    outputs = np.empty((240, 6), np.float32)
    outputs[:, order] = answers(truth, 6, right=0.7)
    assert best_order(outputs, truth).tolist() == order
    assert accuracy(reordered(outputs, truth), truth) == accuracy(outputs[:, order], truth)


def test_the_labels_are_named_by_output() -> None:
    # Label a is answered by output 2, b by 0, c by 1.
    assert labels_in_order(("a", "b", "c"), np.array([2, 0, 1])) == ("b", "c", "a")


@pytest.mark.parametrize("seed", range(5))
def test_an_order_that_fits_by_chance_gains_nothing(seed: int) -> None:
    truth = np.arange(400) % 8
    outputs = answers(truth, 8, right=0.0, seed=seed)
    fitted_on_itself = accuracy(outputs[:, best_order(outputs, truth)], truth)
    assert accuracy(reordered(outputs, truth), truth) < 0.17
    assert fitted_on_itself > 0.16


def test_a_label_without_images_keeps_its_place() -> None:
    truth = np.arange(90) % 3
    outputs = answers(truth, 5, right=1.0)
    assert best_order(outputs, truth).tolist() == [0, 1, 2, 3, 4]


def test_images_without_a_label_decide_nothing() -> None:
    truth = np.r_[np.arange(60) % 3, np.full(500, -1)]
    outputs = np.r_[answers(truth[:60], 3, right=1.0)[:, [1, 2, 0]], answers(np.zeros(500, int), 3, right=1.0)]
    assert best_order(outputs, truth).tolist() == [2, 0, 1]
