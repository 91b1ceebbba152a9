import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebench.errors import DataError, NothingMeasured
from edgebench.metrics.confusion import NEED_SCORES, ConfusionScores, from_confusion
from edgebench.metrics.expression import class_scores
from edgebench.metrics.literature import all_scores
from edgebench.metrics.whole import WHOLE
from edgebench.specs.model import ExpressionHead

LABELS = ("neutral", "happy", "sad")
MATRIX = np.array([[40, 5, 5], [10, 30, 10], [15, 5, 80]])
SHARES = MATRIX / MATRIX.sum(axis=1, keepdims=True)

matrices = arrays(np.int64, (3, 3), elements=st.integers(0, 30)).filter(lambda matrix: matrix.any())


def values(scores: ConfusionScores) -> dict[str, float]:
    return {name: found.value for name, found in scores.metrics.items()}


def test_of_counts_all_is_known_but_what_needs_scores() -> None:
    scores = from_confusion(MATRIX, LABELS)
    assert scores.known == "counts"
    assert scores.samples == 200
    assert scores.unknown == NEED_SCORES
    assert scores.confusion == tuple(map(tuple, MATRIX.tolist()))
    assert values(scores)["accuracy"] == 0.75
    assert values(scores)["macro_recall"] == pytest.approx((0.8 + 0.6 + 0.8) / 3)


@given(matrices)
@settings(deadline=None)
def test_scikit_learn_scores_the_samples_alike(matrix: np.ndarray) -> None:
    from sklearn.metrics import cohen_kappa_score, f1_score

    truth, called = (np.repeat(axis.ravel(), matrix.ravel()) for axis in np.indices(matrix.shape))
    found = values(from_confusion(matrix, resamples=10))
    assert found["accuracy"] == pytest.approx((truth == called).mean())
    options = {"labels": sorted(set(truth)), "average": "macro", "zero_division": 0.0}
    assert found["macro_f1"] == pytest.approx(f1_score(truth, called, **options))
    if "cohens_kappa" in found:
        assert found["cohens_kappa"] == pytest.approx(cohen_kappa_score(truth, called))


@given(matrices)
@settings(deadline=None)
def test_rates_are_those_of_the_report(matrix: np.ndarray) -> None:
    for rates, other in zip(from_confusion(matrix, resamples=2).classes, class_scores(matrix, LABELS), strict=True):
        assert rates.support == other.support
        assert (rates.sensitivity, rates.precision, rates.f1) == (other.sensitivity, other.precision, other.f1)
        assert rates.miss_rate is None or rates.miss_rate + (rates.sensitivity or 0) == pytest.approx(1)
        assert rates.false_discovery_rate is None or rates.false_discovery_rate == pytest.approx(
            1 - (rates.precision or 0)
        )


def test_intervals_are_those_of_the_bootstrap_over_samples() -> None:
    truth, called = (np.repeat(axis.ravel(), MATRIX.ravel()) for axis in np.indices(MATRIX.shape))
    head = ExpressionHead(kind="expression", name="face", labels=LABELS)
    by_samples, by_cells = all_scores(np.eye(3)[called], truth, head), from_confusion(MATRIX).metrics
    assert by_cells["accuracy"] == by_samples["accuracy"]
    for name in ("macro_f1", "cohens_kappa", "krippendorff_alpha", "macro_precision", "macro_recall"):
        assert by_cells[name].value == pytest.approx(by_samples[name].value)
        assert by_cells[name].low == pytest.approx(by_samples[name].low, abs=0.015)
        assert by_cells[name].high == pytest.approx(by_samples[name].high, abs=0.015)
    assert by_cells["normalized_f1"].value == by_samples["normalized_f1"].value
    assert set(WHOLE) - {"cell_rmse_valence", "cell_rmse_arousal"} <= set(by_samples)


def test_of_shares_of_rows_only_sensitivities_are_known() -> None:
    scores = from_confusion(SHARES, LABELS, scale="rows")
    assert scores.known == "sensitivities"
    assert values(scores) == {"macro_recall": pytest.approx((0.8 + 0.6 + 0.8) / 3)}
    assert [rates.sensitivity for rates in scores.classes] == pytest.approx([0.8, 0.6, 0.8])
    assert {rates.precision for rates in scores.classes} == {None}
    assert {"accuracy", "cohens_kappa", "precision_per_class"} <= set(scores.unknown)
    assert scores.samples is None


def test_percentages_with_the_counts_of_the_classes_are_the_counts_again() -> None:
    percent = np.round(100 * SHARES, 1)
    scores = from_confusion(percent, LABELS, scale="rows", class_counts=[50, 50, 100])
    assert scores.confusion == tuple(map(tuple, MATRIX.tolist()))
    assert scores.metrics == from_confusion(MATRIX, LABELS).metrics


def test_with_classes_taken_for_equal_kappa_is_known_and_what_needs_numbers_is_not() -> None:
    scores = from_confusion(100 * SHARES, LABELS, scale="rows", class_counts="equal")
    assert scores.known == "frequencies"
    # Three equal classes: chance agrees on a third.
    assert values(scores)["cohens_kappa"] == pytest.approx((2.2 / 3 - 1 / 3) / (2 / 3))
    assert {"krippendorff_alpha", "normalized_accuracy", "normalized_f1"} <= set(scores.unknown)
    assert all(found.low is None for found in scores.metrics.values())


def test_shares_of_all_tell_what_counts_do_but_for_intervals() -> None:
    shares, counts = from_confusion(MATRIX / 200, scale="all"), from_confusion(MATRIX)
    for name, value in values(shares).items():
        assert value == pytest.approx(counts.metrics[name].value)
    assert shares.classes[1].precision == counts.classes[1].precision


def test_a_class_without_samples_is_left_out_of_means() -> None:
    scores = from_confusion(np.array([[5, 0, 0], [0, 5, 0], [0, 0, 0]]))
    assert values(scores)["macro_recall"] == 1
    assert scores.classes[2].sensitivity is None
    assert from_confusion(np.array([[50, 50], [0, 0]]), scale="rows").classes[1].sensitivity is None


def test_where_all_is_of_one_class_kappa_is_undefined_and_says_so() -> None:
    for scale in ("counts", "all"):
        assert "undefined" in from_confusion(np.array([[1, 0], [0, 0]]), scale=scale).unknown["cohens_kappa"]


@pytest.mark.parametrize(
    ("matrix", "options", "said"),
    [
        (np.ones((2, 3)), {}, "not square: 2 x 3"),
        (np.ones(4), {}, "not square: 4"),
        (np.ones((1, 1)), {}, "fewer than two classes"),
        ([[1, -1], [0, 2]], {}, "negative"),
        ([[1, np.nan], [0, 2]], {}, "not finite"),
        ([[0.5, 0.5], [0, 1]], {}, "whole numbers"),
        ([[1e9, 0], [0, 2]], {}, "more than"),
        ([[1, 0], [0, 2]], {"labels": ["a"]}, "1 labels for 2 classes"),
        ([[1, 0], [0, 2]], {"class_counts": [1, 2]}, "go with shares of rows"),
        ([[1, 0], [0, 1]], {"scale": "rows", "class_counts": [5]}, "2 whole numbers"),
        ([[1, 0], [0, 1]], {"scale": "rows", "class_counts": [5, -5]}, "2 whole numbers"),
        ([[1, 0], [0, 0]], {"scale": "rows", "class_counts": [5, 5]}, "empty row"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(matrix: object, options: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        from_confusion(np.array(matrix), **options)  # type: ignore[arg-type]


def test_zeros_measure_nothing() -> None:
    with pytest.raises(NothingMeasured):
        from_confusion(np.zeros((3, 3)))
    with pytest.raises(NothingMeasured):
        from_confusion(np.eye(2), scale="rows", class_counts=[0, 0])
