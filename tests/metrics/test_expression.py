from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.metrics.expression import (
    ACCURACY,
    CLIP,
    LOG_LOSS,
    MACRO_F1,
    TOP5_ACCURACY,
    class_scores,
    confusion,
    predictions,
)

LABELS = ("a", "b", "c")

# Ten samples, counted by hand. Rows: truth, columns: predicted.
TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
CALLED = np.array([0, 0, 1, 2, 1, 1, 0, 2, 2, 2])
CONFUSION = [[2, 1, 1], [1, 2, 0], [0, 0, 3]]
F1 = (4 / 7, 4 / 6, 6 / 7)  # 2 found / (called + present)

ids = st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), min_size=1, max_size=60).map(np.array)


def one_hot(called: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.eye(classes)[called]


def test_accuracy_is_the_share_of_right_calls() -> None:
    assert ACCURACY.of(one_hot(CALLED), TRUTH) == 0.7


def test_macro_f1_is_the_plain_mean_over_classes() -> None:
    assert MACRO_F1.of(one_hot(CALLED), TRUTH) == pytest.approx(sum(F1) / 3)


def test_macro_f1_leaves_classes_without_samples_out() -> None:
    # Nobody shows c; it is called once all the same, which costs the precision of nothing else.
    truth, called = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    assert MACRO_F1.of(one_hot(called), truth) == pytest.approx((2 / 3 + 1) / 2)


def test_macro_f1_counts_a_class_that_is_never_found_as_zero() -> None:
    truth, called = np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])
    assert MACRO_F1.of(one_hot(called), truth) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_ties_go_to_the_first_label() -> None:
    assert predictions(np.array([[0.2, 0.4, 0.4], [0.0, 0.0, 0.0]])).tolist() == [1, 0]


def test_log_loss_is_the_mean_surprise_in_nats() -> None:
    outputs = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]])
    expected = -(log(0.5) + log(0.8) + log(0.05)) / 3
    assert LOG_LOSS.of(outputs, np.array([0, 1, 2])) == pytest.approx(expected)


def test_log_loss_of_knowing_nothing_is_the_logarithm_of_the_classes() -> None:
    assert LOG_LOSS.of(np.full((6, 3), 1 / 3), TRUTH[:6]) == pytest.approx(log(3))


def test_log_loss_is_clipped_where_an_int8_softmax_answers_zero() -> None:
    assert LOG_LOSS.of(np.array([[1.0, 0.0, 0.0]]), np.array([1])) == pytest.approx(-log(CLIP), abs=1e-6)


def test_log_loss_is_not_won_by_scores_that_sum_to_more_than_one() -> None:
    assert LOG_LOSS.of(np.ones((4, 3)), np.array([0, 1, 2, 0])) == pytest.approx(log(3))


def test_confusion_counts_truth_by_prediction() -> None:
    assert confusion(one_hot(CALLED), TRUTH).tolist() == CONFUSION


def test_class_scores_are_those_counted_by_hand() -> None:
    a, b, c = class_scores(np.array(CONFUSION), LABELS)
    assert (a.label, a.support, a.sensitivity, a.precision) == ("a", 4, 2 / 4, 2 / 3)
    assert (b.label, b.support, b.sensitivity, b.precision) == ("b", 3, 2 / 3, 2 / 3)
    assert (c.label, c.support, c.sensitivity, c.precision) == ("c", 3, 3 / 3, 3 / 4)
    assert [a.f1, b.f1, c.f1] == pytest.approx(F1)


def test_class_scores_are_none_where_nothing_can_be_divided() -> None:
    absent, never_called, untouched = class_scores(np.array([[0, 0, 0], [2, 0, 0], [0, 0, 0]]), LABELS)
    assert (absent.sensitivity, absent.precision) == (None, 0.0)
    assert (never_called.sensitivity, never_called.precision, never_called.f1) == (0.0, None, 0.0)
    assert (untouched.sensitivity, untouched.precision, untouched.f1) == (None, None, None)


@given(ids)
def test_accuracy_and_macro_f1_agree_with_the_confusion_matrix(pairs: np.ndarray) -> None:
    truth, outputs = pairs[:, 0], one_hot(pairs[:, 1])
    matrix = confusion(outputs, truth)
    assert matrix.sum() == (truth >= 0).sum()
    if not matrix.sum():
        assert ACCURACY.of(outputs, truth) is MACRO_F1.of(outputs, truth) is None
        return
    assert ACCURACY.of(outputs, truth) == pytest.approx(matrix.trace() / matrix.sum())
    supported = [scores.f1 or 0.0 for scores in class_scores(matrix, LABELS) if scores.support]
    assert MACRO_F1.of(outputs, truth) == pytest.approx(np.mean(supported))


@given(ids, st.permutations([0, 1, 2]))
def test_naming_classes_otherwise_changes_no_metric(pairs: np.ndarray, order: list[int]) -> None:
    truth, outputs = pairs[:, 0], one_hot(pairs[:, 1])
    renamed = np.append(np.argsort(order), -1)[truth]
    for metric in (ACCURACY, MACRO_F1, LOG_LOSS):
        assert metric.of(outputs[:, order], renamed) == pytest.approx(metric.of(outputs, truth))


def test_the_top_five_hold_the_label_or_not() -> None:
    scores = np.array([[9, 8, 7, 6, 5, 4.0]] * 4)
    truth = np.array([4, 5, -1, 0])
    assert TOP5_ACCURACY.of(scores, truth) == pytest.approx(2 / 3)


def test_equal_scores_go_to_the_first_labels_in_the_top_five_too() -> None:
    scores = np.zeros((2, 6))
    assert TOP5_ACCURACY.statistics(scores, np.array([4, 5]))[:, 0].tolist() == [1, 0]
