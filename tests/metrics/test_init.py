import warnings
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import DataError, UnknownName
from edgebench.metrics import METRICS, align_labels, canonical, metric, metrics_of, quotient, softmax
from edgebench.specs.model import ExpressionHead, Head, ValenceArousalHead

EXPRESSION = ExpressionHead(kind="expression", name="expression", labels=("neutral", "happy", "sad"))
LOGITS = ExpressionHead(kind="expression", name="expression", labels=("neutral", "happy", "sad"), activation="logits")
AFFECT = ValenceArousalHead(kind="valence_arousal", name="va")


RANGES = {
    "accuracy": (0, 1),
    "macro_f1": (0, 1),
    "log_loss": (0, inf),
    "macro_precision": (0, 1),
    "macro_recall": (0, 1),
    "cohens_kappa": (-1, 1),
    "krippendorff_alpha": (-1, 1),
    "icc": (-1, 1),
    "rmse": (0, 2),
    "ccc": (-1, 1),
    "pcc": (-1, 1),
    "sagr": (0, 1),
}


def answers(head: Head, samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random outputs of a head and labels, the last fifth of them missing."""
    random = np.random.default_rng(seed)
    missing = np.arange(samples) >= samples - samples // 5
    if isinstance(head, ExpressionHead):
        return softmax(random.normal(size=(samples, 3))), np.where(missing, -1, random.integers(0, 3, samples))
    truth = random.uniform(-1, 1, (samples, 2))
    return np.tanh(truth + random.normal(0, 0.5, (samples, 2))), np.where(missing[:, None], np.nan, truth)


def head_of(name: str) -> Head:
    return EXPRESSION if metric(name).head == "expression" else AFFECT


def test_every_row_of_the_registry_is_the_metric_of_that_name() -> None:
    assert [metric(name).name for name in METRICS] == list(METRICS)
    assert {found.name for kind in ("expression", "valence_arousal") for found in metrics_of(kind)} == set(METRICS)


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'accuracy'"):
        metric("acuracy")


@pytest.mark.parametrize("name", METRICS)
def test_a_value_lies_in_the_range_of_its_definition(name: str) -> None:
    found = metric(name)
    low, high = RANGES[name] if name in RANGES else RANGES[name.partition("_")[0]]
    for seed in range(5):
        value = found.of(*answers(head_of(name), 40, seed))
        assert value is not None
        assert low <= value <= high


@pytest.mark.parametrize("name", METRICS)
def test_a_sample_without_a_label_weighs_nothing(name: str) -> None:
    outputs, truth = answers(head_of(name), 50)
    assert metric(name).of(outputs, truth) == pytest.approx(metric(name).of(outputs[:40], truth[:40]), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_weighted_sum_is_the_metric_of_the_repeated_samples(name: str) -> None:
    found = metric(name)
    outputs, truth = answers(head_of(name), 30)
    repeats = np.random.default_rng(4).integers(0, 4, 30)
    sums = repeats @ found.statistics(outputs, truth)
    repeated = found.of(np.repeat(outputs, repeats, axis=0), np.repeat(truth, repeats, axis=0))
    assert float(found.value(sums)) == pytest.approx(repeated, abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_values_of_many_sums_are_those_of_each(name: str) -> None:
    found = metric(name)
    sums = np.stack([found.statistics(*answers(head_of(name), 20, seed)).sum(axis=0) for seed in range(6)])
    together = found.value(sums.reshape(2, 3, -1))
    assert together.shape == (2, 3)
    assert np.allclose(together.ravel(), [found.value(row) for row in sums])


@pytest.mark.parametrize("name", METRICS)
def test_without_labels_a_metric_is_undefined_and_does_not_warn(name: str) -> None:
    outputs, truth = answers(head_of(name), 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metric(name).of(outputs, np.full_like(truth, -1 if truth.ndim == 1 else np.nan)) is None


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    outputs, truth = answers(head_of(name), 40)
    order = np.random.default_rng(1).permutation(40)
    assert metric(name).of(outputs[order], truth[order]) == pytest.approx(metric(name).of(outputs, truth))


# ---- canonical outputs ----------------------------------------------------------------------------------------------


def test_logits_become_probabilities_however_large_they_are() -> None:
    found = canonical(np.array([[1000.0, 1000.0, -1000.0], [0.0, 0.0, 0.0]], np.float32), LOGITS)
    assert np.allclose(found, [[0.5, 0.5, 0.0], [1 / 3] * 3])


def test_a_softmax_stays_as_the_device_returned_it() -> None:
    outputs = np.array([[0.25, 0.25, 0.25]], np.float32)
    assert np.array_equal(canonical(outputs, EXPRESSION), outputs)


@pytest.mark.parametrize("limits", [(-10.0, 10.0), (0.0, 1.0), (1.0, 9.0)])
def test_valence_and_arousal_go_from_the_range_of_the_head_to_one(limits: tuple[float, float]) -> None:
    low, high = limits
    head = ValenceArousalHead(kind="valence_arousal", name="va", range=limits)
    assert canonical(np.array([[low, high], [(low + high) / 2, low]]), head).tolist() == [[-1, 1], [0, -1]]


# ---- labels ---------------------------------------------------------------------------------------------------------


def test_labels_are_matched_by_name() -> None:
    dataset = ("angry", "disgust", "happy")
    head = ("happy", "angry", "disgust", "sad")
    assert align_labels(np.array([0, 1, 2, -1, 2]), dataset, head).tolist() == [1, 2, 0, -1, 0]


@given(st.permutations(["neutral", "happy", "sad", "fear"]), st.lists(st.integers(-1, 3)))
def test_aligning_there_and_back_changes_nothing(head: list[str], ids: list[int]) -> None:
    dataset = ("neutral", "happy", "sad", "fear")
    there = align_labels(np.array(ids, int), dataset, head)
    assert align_labels(there, head, dataset).tolist() == ids


def test_a_label_that_the_model_does_not_have_is_named() -> None:
    with pytest.raises(UnknownName, match="contempt"):
        align_labels(np.array([0, 1]), ("happy", "contempt"), ("happy", "sad"))


def test_a_label_that_no_sample_carries_may_be_unknown() -> None:
    assert align_labels(np.array([0, 0]), ("happy", "contempt"), ("sad", "happy")).tolist() == [1, 1]


@pytest.mark.parametrize("wrong", [-2, 2])
def test_a_label_out_of_range_is_refused(wrong: int) -> None:
    with pytest.raises(DataError, match="out of range"):
        align_labels(np.array([0, wrong]), ("happy", "sad"), ("happy", "sad"))


def test_a_quotient_by_zero_is_undefined_and_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(
            quotient(np.array([1.0, 0.0, 3.0]), np.array([0.0, 0.0, 2.0])), [np.nan, np.nan, 1.5], equal_nan=True
        )
