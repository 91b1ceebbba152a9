import numpy as np
import pytest

from edgebench.errors import DataError, NonFiniteOutput, NothingMeasured
from edgebench.metrics import canonical, metric, metrics_of
from edgebench.metrics.sampling import judged_by, labelled, sample
from edgebench.specs.model import ExpressionHead, ValenceArousalHead

EXPRESSION = ExpressionHead(kind="expression", name="face", labels=("neutral", "happy", "sad"), activation="logits")
AFFECT = ValenceArousalHead(kind="valence_arousal", name="va", range=(-10, 10))
HEADS = (EXPRESSION, AFFECT)
JUDGING = [found.name for head in HEADS for found in metrics_of(head)]


def case(samples: int = 60, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    truth = {"expression": random.integers(-1, 3, samples), "valence_arousal": random.uniform(-1, 1, (samples, 2))}
    outputs = {"face": random.normal(size=(samples, 3)), "va": random.uniform(-10, 10, (samples, 2))}
    return {name: values.astype(np.float32) for name, values in outputs.items()}, truth


def test_values_are_those_of_the_metrics_on_canonical_outputs() -> None:
    outputs, truth = case()
    values = sample({"net": outputs}, truth, HEADS, resamples=5)["net"].values
    assert list(values) == JUDGING
    assert values["log_loss"] == metric("log_loss").of(canonical(outputs["face"], EXPRESSION), truth["expression"])
    assert values["ccc_mean"] == metric("ccc_mean").of(canonical(outputs["va"], AFFECT), truth["valence_arousal"])


def test_a_draw_does_not_depend_on_which_variants_are_drawn_together() -> None:
    (one, truth), (other, _) = case(), case(seed=1)
    together = sample({"one": one, "other": other}, truth, HEADS, resamples=50)
    alone = sample({"other": other}, truth, HEADS, resamples=50)
    for name, draws in alone["other"].draws.items():
        assert np.allclose(together["other"].draws[name], draws, atol=1e-12)


def test_variants_that_answer_alike_have_the_same_draws() -> None:
    outputs, truth = case()
    sampled = sample({"one": outputs, "twin": outputs}, truth, HEADS, resamples=50)
    assert all(np.array_equal(sampled["one"].draws[name], sampled["twin"].draws[name]) for name in JUDGING)


def test_an_undefined_metric_is_left_out() -> None:
    outputs, truth = case()
    outputs["va"] = np.full_like(outputs["va"], 3.3)
    values = sample({"net": outputs}, truth, HEADS, resamples=5)["net"].values
    assert set(JUDGING) - set(values) == {"pcc_valence", "pcc_arousal"}
    assert values["ccc_mean"] == 0


def test_a_model_is_judged_by_the_first_labelled_head_of_each_kind() -> None:
    second = EXPRESSION.model_copy(update={"name": "again"})
    _, truth = case()
    assert judged_by((AFFECT, EXPRESSION, second), truth) == [AFFECT, EXPRESSION]
    truth["expression"] = np.full(60, -1)
    assert judged_by(HEADS, truth) == [AFFECT]
    assert judged_by(HEADS, {"expression": np.array([0]), "content": np.array(["ab"])}) == [EXPRESSION]


def test_an_image_is_labelled_where_one_of_the_two_axes_is() -> None:
    assert labelled(np.array([-1, 0, 2])).tolist() == [False, True, True]
    assert labelled(np.array([[np.nan, np.nan], [np.nan, 0.0]])).tolist() == [False, True]


def test_outputs_that_are_not_finite_are_an_error_naming_the_variant() -> None:
    outputs, truth = case()
    outputs["va"][[3, 9], 1] = np.nan, np.inf
    with pytest.raises(NonFiniteOutput, match=r"net\.tflite-int8: 'va' is NaN or infinite on 2 of 60 images"):
        sample({"net.tflite-int8": outputs}, truth, HEADS, resamples=5)


@pytest.mark.parametrize("name", ["face", "va"])
def test_outputs_that_do_not_fit_the_truth_are_an_error(name: str) -> None:
    outputs, truth = case()
    with pytest.raises(DataError, match="have the shape"):
        sample({"net": {**outputs, name: outputs[name][:-1]}}, truth, HEADS, resamples=5)
    with pytest.raises(DataError, match="no outputs of the head"):
        sample({"net": {key: values for key, values in outputs.items() if key != name}}, truth, HEADS, resamples=5)


def test_a_label_that_the_head_does_not_have_is_an_error() -> None:
    outputs, truth = case()
    truth["expression"][0] = 3
    with pytest.raises(DataError, match="label 3 is out of range"):
        sample({"net": outputs}, truth, HEADS, resamples=5)


def test_without_any_label_nothing_is_measured() -> None:
    outputs, _ = case(4)
    truth = {"expression": np.full(4, -1), "valence_arousal": np.full((4, 2), np.nan)}
    with pytest.raises(NothingMeasured):
        sample({"net": outputs}, truth, HEADS, resamples=5)
