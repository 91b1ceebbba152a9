import numpy as np
import pytest

from edgebench.errors import DataError, NothingMeasured
from edgebench.metrics.affect import CCC_VALENCE, RMSE_AROUSAL
from edgebench.metrics.annotators import affect_agreement, alpha, expression_agreement

# Krippendorff (2011): four observers, twelve units, gaps. 0 stands for a gap.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_of_the_canonical_four_observers_is_the_published_one(level: str, published: float) -> None:
    values = np.where(OBSERVERS == 0, np.nan, OBSERVERS)
    assert alpha(values, level=level) == pytest.approx(published, abs=5e-4)  # type: ignore[arg-type]


def test_classes_of_the_canonical_observers_agree_as_published() -> None:
    found = expression_agreement(OBSERVERS - 1)
    assert found["krippendorff_alpha"] == pytest.approx(0.743, abs=5e-4)
    # Agreed and shared units of each pair, counted by hand.
    assert found["accuracy"] == pytest.approx(np.mean([8 / 9, 5 / 8, 8 / 9, 6 / 9, 9 / 10, 7 / 10]))


def test_kappa_of_several_is_the_mean_over_pairs() -> None:
    from sklearn.metrics import cohen_kappa_score

    labels = np.random.default_rng(0).integers(0, 3, (3, 40))
    expected = np.mean([cohen_kappa_score(labels[one], labels[other]) for one, other in ((0, 1), (0, 2), (1, 2))])
    assert expression_agreement(labels)["cohens_kappa"] == pytest.approx(expected)


def test_affect_is_compared_on_what_both_labelled() -> None:
    labels = np.random.default_rng(0).uniform(-1, 1, (3, 30, 2))
    labels[0, :5] = np.nan
    labels[2, 20:, 1] = np.nan
    found = affect_agreement(labels)
    pairs = [(labels[0, 5:], labels[1, 5:]), (labels[0, 5:20], labels[2, 5:20]), (labels[1, :20], labels[2, :20])]
    assert found["rmse_arousal"] == pytest.approx(np.mean([RMSE_AROUSAL.of(*pair) for pair in pairs]))
    assert found["ccc_valence"] == pytest.approx(np.mean([CCC_VALENCE.of(*pair) for pair in pairs]))
    assert {"sagr_valence", "pcc_arousal", "icc_valence", "krippendorff_alpha_arousal"} <= set(found)


def test_annotators_of_one_mind_agree_fully() -> None:
    labels = np.tile(np.random.default_rng(0).uniform(-1, 1, (1, 30, 2)), (3, 1, 1))
    found = affect_agreement(labels)
    assert found["rmse_valence"] == 0
    assert found["sagr_arousal"] == 1
    assert found["ccc_valence"] == pytest.approx(1)
    assert found["krippendorff_alpha_valence"] == pytest.approx(1)


def test_what_is_undefined_is_left_out() -> None:
    assert expression_agreement(np.zeros((2, 5), int)) == {"accuracy": 1.0}


def test_one_annotator_agrees_with_nobody() -> None:
    with pytest.raises(DataError, match="two or more"):
        expression_agreement(np.zeros((1, 5), int))
    with pytest.raises(DataError, match="two or more"):
        affect_agreement(np.zeros((3, 5)))
    with pytest.raises(NothingMeasured):
        expression_agreement(np.array([[0, -1], [-1, 0]]))


def test_alpha_of_equal_pairs_beside_a_lone_other_value_is_undefined_and_does_not_warn() -> None:
    assert np.isnan(alpha(np.array([[1.0, 1.0, 2.0], [1.0, 1.0, np.nan]]), level="nominal"))
