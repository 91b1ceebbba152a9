import warnings
from math import inf

import numpy as np
import pytest

from edgebench.errors import UnknownName
from edgebench.metrics import METRICS, canonical, metric, metrics_of, quotient, softmax
from edgebench.specs.model import ClassesHead, ClassHead, ExpressionHead, Head, ValenceArousalHead

EXPRESSION = ExpressionHead(kind="expression", name="expression", labels=("neutral", "happy", "sad"))
LOGITS = ExpressionHead(kind="expression", name="expression", labels=("neutral", "happy", "sad"), activation="logits")
CLASSES = ClassesHead(kind="classes", name="classes", labels=tuple("abcdefgh"))
AFFECT = ValenceArousalHead(kind="valence_arousal", name="va")


RANGES = {
    "accuracy": (0, 1),
    "top5_accuracy": (0, 1),
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
    if isinstance(head, ClassHead):
        scores = softmax(random.normal(size=(samples, head.width)))
        return scores, np.where(missing, -1, random.integers(0, head.width, samples))
    truth = random.uniform(-1, 1, (samples, 2))
    return np.tanh(truth + random.normal(0, 0.5, (samples, 2))), np.where(missing[:, None], np.nan, truth)


def head_of(name: str) -> Head:
    return {"expression": EXPRESSION, "classes": CLASSES, "valence_arousal": AFFECT}[metric(name).head]


def test_every_row_of_the_registry_is_the_metric_of_that_name() -> None:
    assert [metric(name).name for name in METRICS] == list(METRICS)
    assert {found.name for head in (CLASSES, AFFECT) for found in metrics_of(head)} == set(METRICS)


def test_what_judges_expressions_judges_any_classes_which_have_a_top_5_from_six_on() -> None:
    names = [found.name for found in metrics_of(CLASSES)]
    assert names == [*(found.name for found in metrics_of(EXPRESSION)), "top5_accuracy"]
    assert {found.head for found in metrics_of(CLASSES)} == {"classes"}
    five = CLASSES.model_copy(update={"labels": tuple("abcde")})
    assert "top5_accuracy" not in [found.name for found in metrics_of(five)]


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


def test_sigmoids_become_their_share_of_the_sum() -> None:
    head = LOGITS.model_copy(update={"activation": "sigmoid"})
    found = canonical(np.array([[0.9, 0.6, 0.0], [0.0, 0.0, 0.0]], np.float32), head)
    assert np.allclose(found, [[0.6, 0.4, 0.0], [1 / 3] * 3])


@pytest.mark.parametrize("limits", [(-10.0, 10.0), (0.0, 1.0), (1.0, 9.0)])
def test_valence_and_arousal_go_from_the_range_of_the_head_to_one(limits: tuple[float, float]) -> None:
    low, high = limits
    head = ValenceArousalHead(kind="valence_arousal", name="va", range=limits)
    assert canonical(np.array([[low, high], [(low + high) / 2, low]]), head).tolist() == [[-1, 1], [0, -1]]


def test_a_quotient_by_zero_is_undefined_and_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(
            quotient(np.array([1.0, 0.0, 3.0]), np.array([0.0, 0.0, 2.0])), [np.nan, np.nan, 1.5], equal_nan=True
        )
