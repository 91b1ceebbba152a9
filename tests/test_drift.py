import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.drift import judge
from edgebench.errors import NothingMeasured, UnknownName, UsageError
from edgebench.metrics.sampling import Outputs, Truth
from edgebench.metrics.whole import WHOLE
from edgebench.records.results import Drift, Scores
from edgebench.specs.model import ExpressionHead, Head, ValenceArousalHead
from edgebench.stats import mcnemar_exact, tango_interval, wilson_interval

EXPRESSION = ExpressionHead(kind="expression", name="expression", labels=("neutral", "happy", "sad"))
AFFECT = ValenceArousalHead(kind="valence_arousal", name="va")
HEADS = (EXPRESSION, AFFECT)

called = st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=2, max_size=60).map(np.array)


def one_hot(ids: np.ndarray) -> dict[str, np.ndarray]:
    return {"expression": np.eye(3)[ids]}


def planted(samples: int, *, lost: int, gained: int, changed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, the source's calls (three quarters right) and a variant's, which differ as stated."""
    truth = np.arange(samples) % 3
    source = truth.copy()
    source[: samples // 4] = (truth[: samples // 4] + 1) % 3
    variant = source.copy()
    variant[:gained] = truth[:gained]
    variant[gained : gained + changed] = (truth[gained : gained + changed] + 2) % 3  # wrong, and still wrong
    if lost:
        variant[-lost:] = (truth[-lost:] + 1) % 3
    return truth, source, variant


def random_case(samples: int = 400, seed: int = 0) -> tuple[dict[str, np.ndarray], ...]:
    """Truth, a source's outputs, and those of a variant that is a little noisier."""
    random = np.random.default_rng(seed)
    truth = {"expression": random.integers(0, 3, samples), "valence_arousal": random.uniform(-1, 1, (samples, 2))}
    shares = random.dirichlet([2, 2, 2], samples) + 0.5 * np.eye(3)[truth["expression"]]
    source = {
        "expression": shares / shares.sum(axis=1, keepdims=True),
        "va": np.tanh(truth["valence_arousal"] + random.normal(0, 0.3, (samples, 2))),
    }
    variant = {name: values + random.normal(0, 0.03, values.shape) for name, values in source.items()}
    variant["expression"] = variant["expression"].clip(0)
    return truth, source, variant


def drift_of(
    source: Outputs,
    variant: Outputs,
    truth: Truth,
    heads: Sequence[Head],
    *,
    margin: float,
    resamples: int = 200,
    seed: int = 0,
) -> Drift:
    both = {"source": source, "variant": variant}
    judged = judge(both, truth, heads, reference="source", margin=margin, resamples=resamples, seed=seed)
    found = judged["variant"].drift
    assert found is not None
    return found


def scores_of(outputs: Outputs, truth: Truth, heads: Sequence[Head], *, resamples: int = 200) -> Scores:
    return judge({"source": outputs}, truth, heads, reference="source", margin=0.02, resamples=resamples)[
        "source"
    ].scores


# ---- drift ----------------------------------------------------------------------------------------------------------


def test_planted_changes_are_counted() -> None:
    truth, source, variant = planted(800, lost=9, gained=4, changed=5)
    found = drift_of(one_hot(source), one_hot(variant), {"expression": truth}, HEADS, margin=0.02)
    assert (found.samples, found.lost, found.gained, found.flips) == (800, 9, 4, 18)
    assert found.p_value == mcnemar_exact(9, 4)
    delta = found.deltas["accuracy"]
    assert delta.value == pytest.approx(-5 / 800)
    assert (delta.low, delta.high) == tango_interval(9, 4, 800)


def test_flips_are_counted_per_class_of_the_sources_call() -> None:
    truth, source, variant = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 2]), np.array([1, 0, 2, 2, 0])
    found = drift_of(one_hot(source), one_hot(variant), {"expression": truth}, HEADS, margin=0.02)
    assert found.flips_by_class == {"neutral": 1, "happy": 2, "sad": 1}


def test_images_without_a_label_do_not_count() -> None:
    truth, source, variant = planted(90, lost=3, gained=1)
    whole = drift_of(one_hot(source), one_hot(variant), {"expression": truth}, HEADS, margin=0.02)
    more = [np.append(ids, [0, 1, 2]) for ids in (source, (variant))]
    more[1][-1] = 0
    labels = np.append(truth, [-1, -1, -1])
    partly = drift_of(one_hot(more[0]), one_hot(more[1]), {"expression": labels}, HEADS, margin=0.02)
    assert partly.model_dump(exclude={"deltas"}) == whole.model_dump(exclude={"deltas"})
    assert partly.deltas["accuracy"] == whole.deltas["accuracy"]


@pytest.mark.parametrize(
    ("lost", "gained", "verdict", "reason"),
    [
        (9, 7, "pass", "loses 0.25 pt [-1.36, +0.81] on 800 images, margin 2.00 pt"),
        (0, 0, "pass", "loses 0.00 pt [-0.48, +0.48] on 800 images, margin 2.00 pt"),
        (4, 12, "pass", "gains 1.00 pt [+0.02, +2.16] on 800 images, margin 2.00 pt"),
        (60, 10, "fail", "loses 6.25 pt [-8.41, -4.35] on 800 images, margin 2.00 pt"),
        (24, 10, "inconclusive", "loses 1.75 pt [-3.32, -0.34] on 800 images, margin 2.00 pt; too few images to tell"),
    ],
)
def test_the_verdict_is_about_the_interval_and_its_reason_has_the_numbers(
    lost: int, gained: int, verdict: str, reason: str
) -> None:
    truth, source, variant = planted(800, lost=lost, gained=gained)
    found = drift_of(one_hot(source), one_hot(variant), {"expression": truth}, HEADS, margin=0.02)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_few_images_prove_nothing_even_where_no_prediction_changed() -> None:
    truth, source, _ = planted(60, lost=0, gained=0)
    found = drift_of(one_hot(source), one_hot(source), {"expression": truth}, HEADS, margin=0.02)
    assert (found.verdict, found.flips, found.p_value) == ("inconclusive", 0, 1.0)


@pytest.mark.parametrize("samples", [1, 2, 29])
def test_too_few_images_give_no_verdict_whatever_the_margin_and_say_why(samples: int) -> None:
    truth, source, variant = random_case(samples)
    both = {"source": source, "variant": variant}
    for heads in (HEADS, (AFFECT,)):
        judged = judge(both, truth, heads, reference="source", margin=1.0, resamples=200)["variant"]
        assert judged.drift is not None
        assert judged.drift.verdict == "inconclusive"
        assert judged.drift.reason.endswith("a verdict needs 30 images")
        assert [caveat.kind for caveat in judged.caveats] == ["few-images"]
        assert all(delta.low is None for name, delta in judged.drift.deltas.items() if name.startswith(("ccc", "rmse")))


def test_enough_images_carry_no_such_caveat() -> None:
    truth, source, variant = random_case(30)
    judged = judge({"source": source, "variant": variant}, truth, HEADS, reference="source", margin=1.0, resamples=200)
    assert judged["variant"].drift.verdict == "pass"  # type: ignore[union-attr]
    assert [found.caveats for found in judged.values()] == [(), ()]


def test_a_share_of_agreeing_signs_is_a_paired_proportion() -> None:
    truth = {"valence_arousal": np.where(np.arange(400)[:, None] % 4, 0.5, -0.5) * np.ones(2)}
    source = {"va": np.full((400, 2), 0.2)}
    changed = source["va"].copy()
    changed[1:4, 0], changed[:8:4, 0] = -0.2, -0.2  # three agreements lost, two gained
    found = drift_of(source, {"va": changed}, truth, (AFFECT,), margin=0.02)
    for name, lost, gained in (("sagr_valence", 3, 2), ("sagr_arousal", 0, 0)):
        delta = found.deltas[name]
        assert (delta.low, delta.high) == tango_interval(lost, gained, 400)
        assert delta.value == pytest.approx((gained - lost) / 400)
    score = scores_of(source, truth, (AFFECT,)).metrics["sagr_valence"]
    assert (score.low, score.high) == wilson_interval(300, 400)


@pytest.mark.parametrize(("changed", "has_interval"), [(0, False), (4, False), (5, True)])
def test_a_count_of_predictions_has_no_interval_before_some_of_them_change(changed: int, has_interval: bool) -> None:
    truth, source, variant = planted(800, lost=0, gained=0, changed=changed)
    delta = drift_of(one_hot(source), one_hot(variant), {"expression": truth}, HEADS, margin=0.02).deltas["macro_f1"]
    assert (delta.low is not None and delta.low < delta.high) == has_interval  # type: ignore[operator]


def test_every_metric_has_a_paired_delta() -> None:
    truth, source, variant = random_case()
    found = drift_of(source, variant, truth, HEADS, margin=0.02, resamples=300)
    before, after = (scores_of(outputs, truth, HEADS, resamples=10).metrics for outputs in (source, variant))
    assert list(found.deltas) == list(before)
    for name, delta in found.deltas.items():
        assert delta.value == pytest.approx(after[name].value - before[name].value, abs=1e-12)
        if name in WHOLE and not name.startswith("auc"):
            assert before[name].low is delta.low is delta.high is None
            continue
        assert delta.low is not None
        assert delta.high is not None
        assert delta.low <= delta.value <= delta.high


def test_a_paired_interval_is_narrower_than_the_scores_own() -> None:
    truth, source, variant = random_case()
    delta = drift_of(source, variant, truth, HEADS, margin=0.02, resamples=500).deltas["rmse_valence"]
    score = scores_of(source, truth, HEADS, resamples=500).metrics["rmse_valence"]
    assert delta.high - delta.low < 0.7 * (score.high - score.low)  # type: ignore[operator]


def test_areas_under_curves_are_paired() -> None:
    truth, source, variant = random_case()
    found = drift_of(source, variant, truth, HEADS, margin=0.02)
    alone = scores_of(variant, truth, HEADS)
    for name in ("auc_roc", "auc_pr"):
        delta, score = found.deltas[name], alone.metrics[name]
        assert score.low < score.value < score.high  # type: ignore[operator]
        assert delta.low <= delta.value <= delta.high  # type: ignore[operator]
        assert delta.high - delta.low < 0.5 * (score.high - score.low)  # type: ignore[operator]
    same = drift_of(source, source, truth, HEADS, margin=0.02).deltas["auc_pr"]
    assert (same.low, same.high) == (0, 0)
    truth, source, variant = random_case(29)
    few = drift_of(source, variant, truth, HEADS, margin=0.02).deltas["auc_roc"]
    assert few.low is None


def test_without_an_expression_head_the_mean_concordance_is_judged() -> None:
    truth, source, variant = random_case()
    found = drift_of(source, {"va": variant["va"] / 2}, truth, (AFFECT,), margin=0.02, resamples=300)
    assert (found.lost, found.gained, found.flips, found.flips_by_class, found.p_value) == (0, 0, 0, {}, 1.0)
    assert found.samples == 400
    assert found.verdict == "fail"
    assert re.fullmatch(r"loses 0\.\d{3} of ccc_mean \[.*\] on 400 images, margin 0\.020 of ccc_mean", found.reason)
    assert drift_of(source, variant, truth, (AFFECT,), margin=0.02, resamples=50).verdict == "pass"


def test_a_dead_valence_head_fails_instead_of_being_undefined() -> None:
    truth, source, _ = random_case()
    dead = {**source, "va": np.zeros_like(source["va"])}
    found = drift_of(source, dead, truth, (AFFECT,), margin=0.02, resamples=50)
    assert found.verdict == "fail"
    assert "pcc_valence" not in found.deltas


def test_labels_without_spread_leave_nothing_to_judge_valence_by() -> None:
    outputs = {"va": np.full((20, 2), 0.5)}
    with pytest.raises(NothingMeasured):
        drift_of(outputs, outputs, {"valence_arousal": np.full((20, 2), 0.5)}, (AFFECT,), margin=0.02, resamples=5)


def test_a_negative_margin_is_refused() -> None:
    truth, source, variant = planted(20, lost=1, gained=0)
    with pytest.raises(UsageError, match="margin"):
        drift_of(one_hot(source), one_hot(variant), {"expression": truth}, HEADS, margin=-0.01)


@given(called)
def test_drift_the_other_way_is_its_mirror(columns: np.ndarray) -> None:
    truth, source, variant = columns.T
    there = drift_of(one_hot(source), one_hot(variant), {"expression": truth}, HEADS, margin=0.1, resamples=20)
    back = drift_of(one_hot(variant), one_hot(source), {"expression": truth}, HEADS, margin=0.1, resamples=20)
    assert (there.lost, there.gained, there.flips) == (back.gained, back.lost, back.flips)
    assert there.lost + there.gained <= there.flips
    assert there.deltas["accuracy"].low == pytest.approx(-back.deltas["accuracy"].high, abs=1e-9)  # type: ignore[operator]
    assert there.deltas["macro_f1"].value == pytest.approx(-back.deltas["macro_f1"].value)


# ---- scores ---------------------------------------------------------------------------------------------------------


def test_scores_hold_accuracy_with_wilsons_interval_and_the_confusion() -> None:
    truth, source, _ = planted(80, lost=0, gained=0)
    found = scores_of(one_hot(source), {"expression": truth}, HEADS)
    accuracy = found.metrics["accuracy"]
    assert (accuracy.value, accuracy.low, accuracy.high) == (0.75, *wilson_interval(60, 80))
    assert found.samples == np.sum(found.confusion) == 80
    assert [row.label for row in found.classes] == list(EXPRESSION.labels)


def test_the_source_alone_has_its_errors_by_the_place_of_the_label() -> None:
    truth, source, variant = random_case()
    outputs = {"source": source, "variant": variant}
    judged = judge(outputs, truth, HEADS, reference="source", margin=0.02, resamples=50)
    found = judged["source"].scores.affect_errors
    assert found is not None
    assert sum(found.labels) == 400
    mean = sum(found.arousal_rmse) / len(found.arousal_rmse)
    assert mean == pytest.approx(judged["source"].scores.metrics["cell_rmse_arousal"].value, abs=1e-4)
    assert judged["variant"].scores.affect_errors is None
    assert scores_of(source, truth, (EXPRESSION,)).affect_errors is None


def test_scores_of_valence_and_arousal_alone_have_no_classes() -> None:
    truth, source, _ = random_case()
    truth["valence_arousal"][:100] = np.nan
    found = scores_of(source, truth, (AFFECT,), resamples=50)
    assert (found.samples, found.classes, found.confusion) == (300, (), ())
    assert "accuracy" not in found.metrics


def test_a_bootstrap_interval_narrows_with_the_square_root_of_the_images() -> None:
    widths = []
    for samples in (200, 3200):
        truth, source, _ = random_case(samples)
        found = scores_of(source, truth, HEADS, resamples=500).metrics["macro_f1"]
        widths.append(found.high - found.low)  # type: ignore[operator]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


# ---- judge ----------------------------------------------------------------------------------------------------------


def test_judging_together_gives_what_judging_alone_gives() -> None:
    truth, source, variant = random_case()
    _, _, other = random_case(seed=1)
    outputs = {"src": source, "other": other, "int8": variant}
    judged = judge(outputs, truth, HEADS, reference="src", margin=0.02, resamples=100)
    alone = drift_of(source, variant, truth, HEADS, margin=0.02, resamples=100)
    assert judged["src"].drift is None
    assert judged["int8"].drift is not None
    assert (judged["int8"].drift.reference, judged["int8"].drift.reason) == ("src", alone.reason)
    for name, delta in judged["int8"].drift.deltas.items():
        assert delta.low == pytest.approx(alone.deltas[name].low, abs=1e-12)
    assert judged["int8"].scores.confusion == scores_of(variant, truth, HEADS, resamples=10).confusion
    assert judged["int8"].draws["accuracy"].shape == (100,)


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    truth, source, variant = random_case()
    first, again, other = (
        drift_of(source, variant, truth, HEADS, margin=0.02, resamples=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.deltas["log_loss"] != other.deltas["log_loss"]


def test_a_reference_that_is_not_there_is_named() -> None:
    truth, source, _ = random_case()
    with pytest.raises(UnknownName, match="source"):
        judge({"net.source": source}, truth, HEADS, reference="source", margin=0.02)
