"""The gate: every rule in every state, as tables of numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgebench.gate import GateRules, judge, make_baseline
from edgebench.records.artifact import Operators
from edgebench.records.baseline import Baseline
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import DatasetInfo
from edgebench.records.finding import Finding, GateResult
from edgebench.records.results import Drift, Estimate, Latency, Results, Scores, VariantResult
from edgebench.specs.model import Budgets

ID = "net.tflite-int8"


def faces(identity: str = "f" * 64, name: str = "faces") -> DatasetInfo:
    return DatasetInfo(
        name=name,
        id=identity,
        split="validation",
        layout="2017",
        synthetic=True,
        samples=800,
        per_class={},
        valence_arousal_samples=0,
    )


def scored(value: float = 0.7, *, samples: int = 800, metric: str = "accuracy") -> Scores:
    return Scores(samples=samples, metrics={metric: Estimate(value=value), "log_loss": Estimate(value=1.0)})


def operators(int8: int = 27) -> Operators:
    return Operators(total=60, int8=int8, float=33, compute=28, compute_int8=int8, by_type={})


def drifted(verdict: str, margin: float = 0.02) -> Drift:
    return Drift(
        reference="net.source",
        samples=800,
        lost=9,
        gained=1,
        p_value=0.02,
        flips=10,
        flips_by_class={},
        deltas={"accuracy": Estimate(value=-0.01, low=-0.018, high=-0.002)},
        margin=margin,
        verdict=verdict,
        reason="loses 1.00 pt",
    )


def timed(ratio: Estimate | None, threads: int = 1) -> Latency:
    return Latency(
        job="j",
        threads=threads,
        runtime="litert",
        runtime_version="2",
        median_ms=Estimate(value=0.5),
        p90_ms=None,
        p99_ms=None,
        fps=2000,
        load_ms=1,
        first_ms=1,
        peak_rss_bytes=1,
        invocations=30,
        ratio_to_fp32=ratio,
        conditions={},
        blocks=(),
    )


def ratio(low: float | None, high: float | None, value: float = 0.5) -> Estimate:
    return Estimate(value=value, low=low, high=high)


def row(variant: str = ID, **changes: Any) -> VariantResult:
    model, _, kind = variant.rpartition(".")
    format_, _, recipe = kind.partition("-")
    given: dict[str, Any] = {
        "variant": variant,
        "model": model,
        "format": format_,
        "recipe": recipe or format_,
        "sha256": "a" * 64,
        "size_bytes": 985_000,
        "size_ratio_to_fp32": None,
        "operators": operators(),
        "parity": None,
        "calibration": None,
        "scores": scored(),
        "drift": drifted("pass"),
        "latency": (),
    }
    return VariantResult(**given | changes)


def results(*rows: VariantResult, dataset: DatasetInfo | None = None) -> Results:
    return Results(
        edgebench="0.1.0",
        title="t",
        dataset=dataset or faces(),
        device=None,
        measured_at=None,
        variants=rows,
        command="edgebench check",
    )


def found(result: GateResult, rule: str) -> Finding:
    (finding,) = [finding for finding in result.findings if finding.rule == rule]
    return finding


def rules_of(result: GateResult) -> set[str]:
    return {finding.rule for finding in result.findings}


def budget(now: VariantResult, rule: str, **budgets: Any) -> Finding:
    return found(judge(results(now), None, budgets={"net": Budgets(**budgets)}), rule)


def against(base: VariantResult, now: VariantResult, rule: str, **options: Any) -> Finding:
    baseline = make_baseline(results(base))
    dataset = options.pop("dataset", None)
    return found(judge(results(now, dataset=dataset), baseline, budgets={}, **options), rule)


@pytest.mark.parametrize(
    ("size_bytes", "status"), [(15_000_000, "pass"), (15_000_001, "fail"), (1, "pass"), (None, "not-measured")]
)
def test_a_budget_of_bytes_is_exact(size_bytes, status):
    finding = budget(row(size_bytes=size_bytes), "budget.max_bytes", max_bytes=15_000_000)
    assert finding.status == status
    assert finding.allowed == "at most 15,000,000 B"


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_the_budget_of_accuracy_is_the_verdict_of_drift(verdict):
    finding = budget(row(drift=drifted(verdict)), "budget.max_accuracy_loss", max_accuracy_loss=0.02)
    assert (finding.status, finding.found, finding.allowed) == (
        verdict,
        "loses 1.00 pt",
        "a loss of at most 2.00 pt",
    )
    assert bool(finding.advice) == (verdict != "pass")


def test_a_drift_judged_by_another_margin_decides_nothing():
    finding = budget(row(drift=drifted("pass", margin=0.05)), "budget.max_accuracy_loss", max_accuracy_loss=0.02)
    assert (finding.status, finding.found) == ("inconclusive", "judged against a margin of 5.00 pt")


def test_a_drift_that_was_not_measured_is_no_pass():
    finding = budget(row(drift=None), "budget.max_accuracy_loss")
    assert (finding.status, finding.found) == ("inconclusive", "not measured")


def test_random_weights_have_no_accuracy_to_lose():
    untrained = row(drift=None, caveats=(Caveat(kind="random-weights", text="random"),))
    assert judge(results(untrained), None, budgets={"net": Budgets()}).findings == ()


@pytest.mark.parametrize(
    ("ratios", "status"),
    [
        ([ratio(0.4, 0.6)], "pass"),
        ([ratio(0.4, 0.7)], "pass"),
        ([ratio(0.6, 0.8)], "inconclusive"),
        ([ratio(0.7, 0.8)], "inconclusive"),
        ([ratio(0.71, 0.8)], "fail"),
        ([ratio(None, None)], "inconclusive"),
        ([None], "not-measured"),
        ([], "not-measured"),
        ([ratio(0.4, 0.6), ratio(0.71, 0.8)], "fail"),
        ([ratio(0.4, 0.6), ratio(0.6, 0.8)], "inconclusive"),
        ([ratio(0.4, 0.6), None], "not-measured"),
    ],
)
def test_a_budget_of_latency_is_judged_by_the_whole_interval_at_every_thread_count(ratios, status):
    now = row(latency=tuple(timed(ratio, threads=n + 1) for n, ratio in enumerate(ratios)))
    finding = budget(now, "budget.max_latency_ratio", max_latency_ratio=0.7)
    assert finding.status == status
    assert all(f"with {n + 1} thread" in finding.found for n in range(len(ratios)))


def test_budgets_that_are_not_stated_are_not_checked():
    assert rules_of(judge(results(row()), None, budgets={})) == set()
    assert rules_of(judge(results(row()), None, budgets={"net": Budgets()})) == {"budget.max_accuracy_loss"}


def test_the_source_and_fp32_are_not_held_to_what_is_about_variants():
    budgets = {"net": Budgets(max_bytes=1, max_latency_ratio=0.1)}
    rows = row("net.source", drift=None), row("net.tflite-fp32", latency=(timed(ratio(1.0, 1.0)),))
    result = judge(results(*rows), None, budgets=budgets)
    assert [(finding.variant, finding.rule) for finding in result.findings] == [
        ("net.tflite-fp32", "budget.max_bytes"),
        ("net.tflite-fp32", "budget.max_accuracy_loss"),
    ]


@pytest.mark.parametrize(
    ("size_bytes", "rules", "status", "hint"),
    [
        (985_000, {}, "pass", False),
        (985_001, {}, "fail", True),
        (984_999, {}, "pass", True),
        (985_100, {"growth_bytes": 100}, "pass", False),
        (985_101, {"growth_bytes": 100}, "fail", True),
        (994_850, {"growth_share": 0.01}, "pass", False),
        (994_851, {"growth_share": 0.01}, "fail", True),
        (None, {}, "not-measured", True),
    ],
)
def test_size_is_held_to_the_byte(size_bytes, rules, status, hint):
    finding = against(row(), row(size_bytes=size_bytes), "baseline.size", rules=GateRules(**rules))
    assert (finding.status, bool(finding.advice)) == (status, hint)


def test_a_growth_says_by_how_much():
    finding = against(row(), row(size_bytes=985_321), "baseline.size")
    assert (finding.allowed, finding.found) == ("at most 985,000 B", "985,321 B, 321 B more than the baseline")


@pytest.mark.parametrize(
    ("accuracy", "allowed_loss", "status", "hint"),
    [
        (0.7, 0, "pass", False),
        (0.69875, 0, "fail", True),
        (0.69875, 0.01, "pass", False),
        (0.68875, 0.01, "fail", True),
        (0.69, 0.01, "pass", False),
        (0.70125, 0, "pass", True),
        (0.7 - 1e-9, 0, "pass", False),
    ],
)
def test_accuracy_is_held_to_the_image(accuracy, allowed_loss, status, hint):
    rules = GateRules(allowed_loss=allowed_loss)
    finding = against(row(), row(scores=scored(accuracy)), "baseline.accuracy", rules=rules)
    assert (finding.status, bool(finding.advice)) == (status, hint)


def test_accuracy_says_what_was_allowed_and_found_on_which_images():
    finding = against(row(), row(scores=scored(0.69875)), "baseline.accuracy")
    assert finding.allowed == "accuracy of at least 70.00 % on 800 images of faces"
    assert finding.found == "69.88 % on 800 images of faces"


def test_accuracy_on_other_images_decides_nothing_and_says_which():
    finding = against(row(), row(scores=scored(0.1)), "baseline.accuracy", dataset=faces("e" * 64, "others"))
    assert finding.status == "inconclusive"
    assert "images of others (set eeeeeeeeeeee, the baseline's is ffffffffffff)" in finding.found


def test_accuracy_on_fewer_of_the_images_decides_nothing():
    assert against(row(), row(scores=scored(samples=799)), "baseline.accuracy").status == "inconclusive"


def test_accuracy_that_is_not_measured_again_fails():
    finding = against(row(), row(scores=None), "baseline.accuracy")
    assert (finding.status, finding.fails) == ("not-measured", True)
    assert against(row(), row(scores=scored(metric="ccc_mean")), "baseline.accuracy").status == "not-measured"


@pytest.mark.parametrize(("value", "status"), [(0.5, "pass"), (0.49, "fail"), (0.51, "pass")])
def test_a_model_without_expressions_is_held_to_its_concordance(value, status):
    base = row(scores=scored(0.5, metric="ccc_mean"))
    finding = against(base, row(scores=scored(value, metric="ccc_mean")), "baseline.accuracy")
    assert finding.status == status
    assert finding.allowed.startswith("ccc_mean of at least 0.500")


@pytest.mark.parametrize(("count", "status", "hint"), [(27, "pass", False), (26, "fail", True), (28, "pass", True)])
def test_fewer_int8_operators_fail(count, status, hint):
    finding = against(row(), row(operators=operators(count)), "baseline.int8_operators")
    assert (finding.status, bool(finding.advice)) == (status, hint)
    assert finding.found == f"{count} of 28"


def test_operators_that_are_not_counted_again_fail():
    assert against(row(), row(operators=None), "baseline.int8_operators").fails


def test_what_the_baseline_does_not_hold_is_not_held_against_anyone():
    base = row(size_bytes=None, operators=None, scores=None)
    assert rules_of(judge(results(row()), make_baseline(results(base)), budgets={})) == set()
    floats = row("net.tflite-fp32", operators=operators(0))
    assert "baseline.int8_operators" not in rules_of(judge(results(floats), make_baseline(results(floats)), budgets={}))


@pytest.mark.parametrize(
    ("sha256", "measured", "status"),
    [
        ("a" * 64, {}, "pass"),
        ("a" * 64, {ID: ratio(2.0, 3.0)}, "pass"),
        ("b" * 64, {ID: ratio(0.9, 1.05)}, "pass"),
        ("b" * 64, {ID: ratio(1.0, 1.1)}, "inconclusive"),
        ("b" * 64, {ID: ratio(1.06, 1.1)}, "fail"),
        ("b" * 64, {ID: ratio(None, None)}, "inconclusive"),
        ("b" * 64, {}, "not-measured"),
    ],
)
def test_latency_is_held_only_to_the_baseline_artifact_measured_beside_it(sha256, measured, status):
    finding = against(row(), row(sha256=sha256), "baseline.latency", side_by_side=measured)
    assert finding.status == status


def test_latency_is_left_alone_unless_measured_side_by_side():
    baseline = make_baseline(results(row(), row("net.source")))
    assert "baseline.latency" not in rules_of(judge(results(row()), baseline, budgets={}))
    translated = row(sha256="b" * 64, reference_executed=True)
    result = judge(results(translated, row("net.source")), baseline, budgets={}, side_by_side={})
    assert "baseline.latency" not in rules_of(result)


def test_a_variant_of_the_baseline_that_is_gone_fails_in_its_own_words():
    result = judge(results(row()), make_baseline(results(row(), row("net.onnx-int8"))), budgets={})
    finding = found(result, "baseline.missing")
    assert (finding.variant, finding.status, finding.found) == (
        "net.onnx-int8",
        "not-measured",
        "not in these results",
    )
    assert (result.status, result.exit_code) == ("fail", 1)


def test_nothing_measured_is_a_failure_of_its_own():
    for baseline in (None, Baseline(variants={}), make_baseline(results(row()))):
        assert judge(results(), baseline, budgets={}).exit_code == 4
    nothing = row(size_bytes=None, scores=None, drift=None, operators=None)
    assert judge(results(nothing), make_baseline(results(row())), budgets={}).exit_code == 4


def test_a_variant_that_is_new_is_noted_and_fails_nothing():
    result = judge(results(row(), row("net.onnx-int8")), make_baseline(results(row())), budgets={})
    assert result.exit_code == 0
    assert [note.partition(" ")[0] for note in result.notes] == ["net.onnx-int8"]
    assert judge(results(row()), None, budgets={"net": Budgets(max_bytes=10**6)}).notes == ()


@pytest.mark.parametrize(
    ("now", "exit_code"),
    [
        (row(), 0),
        (row(size_bytes=985_001), 1),
        (row(drift=drifted("inconclusive")), 3),
        (row(drift=drifted("inconclusive"), size_bytes=985_001), 1),
        (row(drift=None), 3),
        (row(scores=None), 1),
    ],
)
def test_exit_codes(now, exit_code):
    assert judge(results(now), make_baseline(results(row())), budgets={"net": Budgets()}).exit_code == exit_code


@pytest.mark.parametrize("wrong", [{"growth_bytes": -1}, {"allowed_loss": -0.1}, {"latency_ratio": 0}, {"growth": 1}])
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        GateRules(**wrong)


rows = st.builds(
    row,
    st.text(min_size=1).map("{}.tflite-int8".format),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    size_bytes=st.integers(0, 10**12),
    scores=st.none() | st.floats(0, 1).map(scored),
    operators=st.none() | st.integers(0, 100).map(operators),
)
some_rows = st.lists(rows, min_size=1, max_size=5, unique_by=lambda now: now.variant)


@given(some_rows)
def test_results_pass_against_their_own_baseline(now):
    result = judge(results(*now), make_baseline(results(*now)), budgets={}, side_by_side={})
    assert result.exit_code == 0
    assert not result.notes
    assert not [finding for finding in result.findings if finding.advice]


@given(some_rows, st.integers(0, 4), st.integers(1, 10**6))
def test_one_byte_more_in_any_variant_fails(now, which, more):
    baseline, at = make_baseline(results(*now)), which % len(now)
    now[at] = now[at].model_copy(update={"size_bytes": now[at].size_bytes + more})
    result = judge(results(*now), baseline, budgets={})
    assert [finding.variant for finding in result.findings if finding.fails] == [now[at].variant]
    assert result.exit_code == 1


@given(some_rows, st.integers(0, 4))
def test_leaving_out_any_variant_fails(now, which):
    baseline = make_baseline(results(*now))
    assert judge(results(*(now[:which] + now[which + 1 :])), baseline, budgets={}).exit_code == (
        0 if which >= len(now) else 4 if len(now) == 1 else 1
    )
