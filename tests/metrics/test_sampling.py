import tracemalloc

import numpy as np
import pytest

from edgebench.errors import DataError, NonFiniteOutput, NothingMeasured
from edgebench.metrics import canonical, metric, metrics_of, sampling
from edgebench.metrics.ranking import AUC_PR, AUC_ROC
from edgebench.metrics.sampling import judged_by, labelled, sample, whole_draws
from edgebench.specs.model import ClassesHead, ExpressionHead, ValenceArousalHead

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


def test_values_and_draws_do_not_depend_on_how_many_images_are_looked_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outputs, truth = case()
    whole = sample({"net": outputs}, truth, HEADS, resamples=20)["net"]
    monkeypatch.setattr(sampling, "_CHUNK", 30)  # ten images of three classes
    parts = sample({"net": outputs}, truth, HEADS, resamples=20)["net"]
    assert parts.values == whole.values
    assert all(np.array_equal(parts.draws[name], whole.draws[name]) for name in JUDGING)


def test_sparse_counts_give_the_draws_of_dense_ones() -> None:
    outputs, truth = case()
    sampled = sample({"net": outputs}, truth, (EXPRESSION,), resamples=40)["net"]
    random = np.random.default_rng((0, 0)).integers(0, 60, (40, 60))
    answers = canonical(outputs["face"], EXPRESSION)
    for name in ("macro_f1", "macro_precision", "krippendorff_alpha"):
        assert sampled.evidence(name) == "counts"
        again = [metric(name).of(answers[row], truth["expression"][row]) for row in random]
        assert np.array_equal(sampled.draws[name], again)


def test_a_thousand_classes_keep_a_few_numbers_of_each_image() -> None:
    random = np.random.default_rng(0)
    images, classes = 1000, 1000
    head = ClassesHead(kind="classes", name="out", labels=tuple(f"c{place}" for place in range(classes)))
    truth = {"classes": random.integers(0, classes, images)}
    outputs = {name: {"out": random.random((images, classes), np.float32)} for name in ("one", "two", "three")}
    tracemalloc.start()
    kept = sample(outputs, truth, [head], resamples=100)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert set(kept["one"].samples.values()) == {images}
    assert after < 1 << 20  # counts of one variant as a table: 24 MB
    assert peak < 40 << 20


def test_areas_under_curves_are_drawn_over_the_images_of_the_other_metrics() -> None:
    outputs, truth = case()
    draws = whole_draws(outputs["face"], truth["expression"], EXPRESSION, seed=4)
    assert list(draws) == ["auc_roc", "auc_pr"]
    answers = canonical(outputs["face"], EXPRESSION)
    drawn = np.random.default_rng((0, 4)).integers(0, 60, (200, 60))
    for found in (AUC_ROC, AUC_PR):
        again = [found.of(answers[row], truth["expression"][row]) for row in drawn[:20]]
        assert draws[found.name][:20] == pytest.approx(again)


def test_too_many_scores_are_not_ranked_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs, truth = case()
    monkeypatch.setattr(sampling, "_RANKED", 3 * 60 - 1)
    assert whole_draws(outputs["face"], truth["expression"], EXPRESSION) == {}
    assert whole_draws(outputs["va"], truth["valence_arousal"], AFFECT) == {}
