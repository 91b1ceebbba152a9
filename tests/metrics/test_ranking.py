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
    assert perf_counter() - start < 5
    assert draws.min() < (AUC_ROC.of(outputs, truth) or 0) < draws.max()
