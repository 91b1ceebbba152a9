import tracemalloc
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.metrics import softmax
from edgebench.metrics.ranking import AUC_PR, AUC_ROC

scored = st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3, st.integers(0, 3)), min_size=2, max_size=40)


@given(scored.map(np.array))
@settings(deadline=None)  # the first example imports scikit-learn
def test_scikit_learn_gives_the_same_areas(rows: np.ndarray) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth, outputs, weights = rows[:, 0], rows[:, 1:4] / 4, rows[:, 4].astype(float)
    kept = weights > 0
    classes = [c for c in range(3) if 0 < (truth[kept] == c).sum() < kept.sum()]
    for metric, oracle in ((AUC_ROC, roc_auc_score), (AUC_PR, average_precision_score)):
        value = float(metric.value(outputs, truth, weights[None])[0])
        if not classes:
            assert np.isnan(value)
            continue
        areas = [oracle(truth[kept] == c, outputs[kept, c], sample_weight=weights[kept]) for c in classes]
        assert value == pytest.approx(np.mean(areas))


def test_two_classes_by_hand() -> None:
    # Positives at 0.8 and 0.35, negatives at 0.4 and 0.1: three of four pairs are in order.
    outputs, truth = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])
    both = np.stack([1 - outputs, outputs], axis=1)
    assert AUC_ROC.of(both, truth) == pytest.approx(0.75)
    assert AUC_PR.of(both, truth) == pytest.approx(np.mean([(1 / 1 + 2 / 3) / 2] * 2))


def test_the_area_and_its_error_are_those_of_hanley_and_mcneil() -> None:
    # Hanley and McNeil (1982), table I: 109 tomographs rated from 1 to 5; area 0.893, standard error 0.032.
    ratings = np.repeat(np.tile(np.arange(5), 2), [33, 6, 6, 11, 2, 3, 2, 2, 11, 33]) / 4
    truth = np.repeat([0, 1], [58, 51])
    outputs = np.stack([1 - ratings, ratings], axis=1)
    assert AUC_ROC.of(outputs, truth) == pytest.approx(0.893, abs=5e-4)
    assert AUC_ROC.draws(outputs, truth).std() == pytest.approx(0.032, abs=0.003)


def test_scores_that_say_nothing_give_chance() -> None:
    truth = np.array([0, 0, 0, 1])
    assert AUC_ROC.of(np.full((4, 2), 0.5), truth) == 0.5
    assert AUC_PR.of(np.full((4, 2), 0.5), truth) == pytest.approx((3 / 4 + 1 / 4) / 2)


def test_an_interval_over_4000_images_of_8_classes_comes_quickly() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 8, 4000)
    outputs = softmax(2 * np.eye(8)[truth] + random.normal(size=(4000, 8)))
    start = perf_counter()
    draws = AUC_ROC.draws(outputs, truth)
    assert perf_counter() - start < 2
    assert draws.min() < (AUC_ROC.of(outputs, truth) or 0) < draws.max()


def test_samples_and_classes_that_count_for_nothing_change_nothing() -> None:
    random = np.random.default_rng(1)
    truth, outputs = random.integers(0, 3, 50), np.round(random.random((50, 4)), 1)
    weights = random.integers(0, 3, (5, 50)).astype(float)
    weights[2, truth == 1] = 0  # in one resample a class was not drawn
    for metric in (AUC_ROC, AUC_PR):
        found = metric.value(outputs, truth, weights)
        for row, value in zip(weights, found, strict=True):
            drawn = np.repeat(np.arange(50), row.astype(int))
            assert value == pytest.approx(metric.of(outputs[drawn], truth[drawn]))


def test_a_hundred_classes_are_ranked_in_the_memory_of_one() -> None:
    random = np.random.default_rng(0)
    truth, outputs = random.integers(0, 100, 2000), random.random((2000, 100))
    weights = random.integers(0, 3, (100, 2000)).astype(float)
    tracemalloc.start()
    AUC_PR.value(outputs, truth, weights)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * weights.nbytes
