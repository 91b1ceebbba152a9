from time import perf_counter

import numpy as np
import pytest

from edgebench.metrics.agreement import macro_recall, margins
from edgebench.metrics.normalized import NORMALIZED_ACCURACY, NORMALIZED_F1, skew_normalized

SKEWED = np.array([[900, 60, 40], [120, 400, 80], [10, 40, 150]])


def test_of_equal_classes_no_larger_than_a_trial_it_is_the_plain_metric() -> None:
    # As AffectNet's 500 of each: every trial draws everything.
    matrix = np.array([[300, 100, 100], [50, 400, 50], [0, 250, 250]])
    accuracy, f1 = skew_normalized(matrix)
    assert accuracy == pytest.approx(950 / 1500)
    assert f1 == pytest.approx(np.mean([600 / 850, 800 / 1250, 500 / 900]))


def test_accuracy_is_macro_recall_but_for_the_trials_noise() -> None:
    accuracy, _ = skew_normalized(SKEWED)
    assert accuracy == pytest.approx(float(macro_recall(margins(SKEWED))), abs=0.005)


def test_f1_is_that_of_drawing_images() -> None:
    from sklearn.metrics import f1_score

    truth, called = (np.repeat(axis.ravel(), SKEWED.ravel()) for axis in np.indices(SKEWED.shape))
    random = np.random.default_rng(1)
    trials = []
    for _ in range(100):
        drawn = np.concatenate([random.choice(np.flatnonzero(truth == c), 200, replace=False) for c in range(3)])
        trials.append(f1_score(truth[drawn], called[drawn], average="macro"))
    assert skew_normalized(SKEWED)[1] == pytest.approx(np.mean(trials), abs=0.005)


def test_a_class_without_samples_is_left_out() -> None:
    assert skew_normalized(np.array([[5, 0, 0], [0, 5, 0], [0, 0, 0]])) == (1.0, 1.0)
    assert np.isnan(skew_normalized(np.zeros((3, 3), int))).all()


def test_a_seed_gives_the_same_again() -> None:
    assert skew_normalized(SKEWED, seed=1) == skew_normalized(SKEWED, seed=1) != skew_normalized(SKEWED, seed=2)


def test_200_trials_over_4000_images_take_no_time() -> None:
    random = np.random.default_rng(0)
    outputs, truth = random.uniform(size=(4500, 8)), random.integers(0, 8, 4500)
    start = perf_counter()
    value = NORMALIZED_ACCURACY.of(outputs, truth), NORMALIZED_F1.of(outputs, truth)
    assert perf_counter() - start < 0.3
    assert value == pytest.approx((1 / 8, 1 / 8), abs=0.03)
