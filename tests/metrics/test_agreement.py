import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.metrics.agreement import (
    COHENS_KAPPA,
    KRIPPENDORFF_ALPHA,
    MACRO_PRECISION,
    MACRO_RECALL,
    cohens_kappa,
    krippendorff_alpha,
    margins,
)
from edgebench.metrics.annotators import alpha
from edgebench.metrics.confusion import from_confusion
from edgebench.metrics.expression import confusion

# Cohen (1960), A coefficient of agreement for nominal scales, his table of two judges: 200 patients.
COHEN = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
# Krippendorff (2011), Computing Krippendorff's alpha-reliability, Meg and Owen: binary, then nominal data.
BINARY = ("0100000010", "1110010000")
NOMINAL = ("aabbdcccedda", "babbbcccEddd".lower())

ids = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60).map(np.array)


def pair(texts: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Two observers' values as one-hot answers and labels."""
    values = sorted(set("".join(texts)))
    truth, called = ([values.index(value) for value in text] for text in texts)
    return np.eye(len(values))[called], np.array(truth)


def test_kappa_is_that_of_cohens_own_table() -> None:
    assert float(cohens_kappa(margins(COHEN))) == pytest.approx((0.70 - 0.41) / (1 - 0.41))


@pytest.mark.parametrize(("texts", "published"), [(BINARY, 0.095), (NOMINAL, 0.692)])
def test_alpha_is_that_of_krippendorffs_two_observers(texts: tuple[str, str], published: float) -> None:
    assert KRIPPENDORFF_ALPHA.of(*pair(texts)) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(("accuracy", "kappa"), [(0.56, 0.50), (0.58, 0.52)])
def test_kappa_follows_from_accuracy_as_hewitt_and_gunes_print_them(accuracy: float, kappa: float) -> None:
    # 500 validation images of each of 8 expressions: whatever is called, chance agrees on an eighth.
    errors = np.random.default_rng(0).permuted(np.tile([20, 30, 40, 10, 25, 35, 40], (8, 1)), axis=1)
    matrix = np.diag(np.full(8, 500 * accuracy))
    matrix[~np.eye(8, dtype=bool)] = (errors * 500 * (1 - accuracy) / 200).ravel()
    assert float(cohens_kappa(margins(matrix))) == pytest.approx(kappa, abs=0.005)
    assert float(krippendorff_alpha(margins(matrix))) == pytest.approx(kappa, abs=0.005)


@given(ids)
@settings(deadline=None)  # the first example imports scikit-learn
def test_scikit_learn_and_the_krippendorff_package_agree(pairs: np.ndarray) -> None:
    from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

    truth, called = pairs.T
    outputs = np.eye(4)[called]
    both, supported = sorted(set(pairs.ravel())), sorted(set(truth))
    if len(both) > 1:
        assert KRIPPENDORFF_ALPHA.of(outputs, truth) == pytest.approx(alpha(pairs.T.astype(float), level="nominal"))
        assert COHENS_KAPPA.of(outputs, truth) == pytest.approx(cohen_kappa_score(truth, called))
    else:
        assert KRIPPENDORFF_ALPHA.of(outputs, truth) is COHENS_KAPPA.of(outputs, truth) is None
    options = {"labels": supported, "average": "macro", "zero_division": 0.0}
    assert MACRO_PRECISION.of(outputs, truth) == pytest.approx(precision_score(truth, called, **options))
    assert MACRO_RECALL.of(outputs, truth) == pytest.approx(recall_score(truth, called, **options))


@given(ids)
def test_counts_of_a_matrix_are_those_of_its_samples(pairs: np.ndarray) -> None:
    truth, outputs = pairs[:, 0], np.eye(4)[pairs[:, 1]]
    sums = COHENS_KAPPA.statistics(outputs, truth).sum(axis=0)
    assert np.array_equal(sums, margins(confusion(outputs, truth)))


@pytest.mark.parametrize(("accuracy", "kappa"), [(0.58, 0.51), (0.56, 0.50), (0.58, 0.52)])
def test_the_printed_kappa_lies_where_the_printed_accuracy_allows(accuracy: float, kappa: float) -> None:
    # Hewitt and Gunes: baseline, AlexNet and MobileNet alike, VGG. What is printed was rounded, both times.
    lowest, highest = (
        from_confusion((rate * np.eye(8) + (1 - rate) / 7 * (1 - np.eye(8))), scale="rows", class_counts="equal")
        for rate in (accuracy - 0.005, accuracy + 0.005)
    )
    assert lowest.metrics["cohens_kappa"].value <= kappa + 0.005
    assert highest.metrics["cohens_kappa"].value >= kappa - 0.005
