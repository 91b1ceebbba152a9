import numpy as np
import pytest

from edgebench.metrics import METRICS, metric, softmax
from edgebench.metrics.literature import all_scores, whole_values
from edgebench.metrics.whole import WHOLE, whole_metrics_of
from edgebench.specs.model import ExpressionHead, Head, ValenceArousalHead
from edgebench.stats import wilson_interval

LOGITS = ExpressionHead(kind="expression", name="face", labels=("a", "b", "c"), activation="logits")
TENFOLD = ValenceArousalHead(kind="valence_arousal", name="va", range=(-10, 10))


def case(head: Head, samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    if isinstance(head, ExpressionHead):
        return random.normal(size=(samples, 3)), random.integers(-1, 3, samples)
    return random.uniform(-10, 10, (samples, 2)), random.uniform(-1, 1, (samples, 2))


@pytest.mark.parametrize("head", [LOGITS, TENFOLD], ids=lambda head: head.kind)
def test_every_metric_of_the_head_is_there_with_the_interval_it_has(head: Head) -> None:
    found = all_scores(*case(head), head, resamples=200)
    whole = {each.name: each.resamples for each in whole_metrics_of(head)}
    assert set(found) == {name for name in METRICS if metric(name).head == head.kind} | set(whole)
    for name, estimate in found.items():
        if whole.get(name) == 0:
            assert estimate.low is estimate.high is None
        else:
            assert estimate.low is not None
            assert estimate.high is not None
            assert estimate.low <= estimate.value <= estimate.high


def test_outputs_are_brought_to_what_the_metrics_take() -> None:
    outputs, truth = case(LOGITS)
    softened = LOGITS.model_copy(update={"activation": "softmax"})
    assert whole_values(outputs, truth, LOGITS) == pytest.approx(whole_values(softmax(outputs), truth, softened))
    outputs, truth = case(TENFOLD)
    unit = TENFOLD.model_copy(update={"range": (-1.0, 1.0)})
    assert whole_values(outputs, truth, TENFOLD) == pytest.approx(whole_values(outputs / 10, truth, unit))


def test_a_proportion_has_wilsons_interval() -> None:
    outputs, truth = case(LOGITS)
    right, samples = int((outputs.argmax(axis=1) == truth).sum()), int((truth >= 0).sum())
    accuracy = all_scores(outputs, truth, LOGITS, resamples=50)["accuracy"]
    assert accuracy.value == right / samples
    assert (accuracy.low, accuracy.high) == wilson_interval(right, samples)


def test_few_samples_have_no_interval_of_a_bootstrap() -> None:
    outputs, truth = case(TENFOLD, 12)
    assert all_scores(outputs, truth, TENFOLD, resamples=50)["rmse_valence"].low is None


def test_the_price_of_intervals_is_not_paid_for_values_alone() -> None:
    outputs, truth = case(LOGITS)
    assert set(whole_values(outputs, truth, LOGITS)) == {name for name in WHOLE if "rmse" not in name}
