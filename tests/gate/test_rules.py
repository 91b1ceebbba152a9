"""Every rule in every state, as tables of numbers."""

from __future__ import annotations

import pytest
from gate_records import (
    ID,
    against,
    budget,
    drifted,
    faces,
    operators,
    ratio,
    results,
    row,
    rules_of,
    scored,
    timed,
)
from pydantic import ValidationError

from edgebench.gate import GateRules, judge, make_baseline
from edgebench.records.caveat import Caveat
from edgebench.specs.model import Budgets


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"growth_bytes": -1},
        {"growth_share": float("inf")},
        {"growth_share": float("nan")},
        {"growth_share": 1e308},
        {"allowed_loss": -0.1},
        {"allowed_loss": 1.1},
        {"latency_ratio": 0},
        {"latency_ratio": float("inf")},
        {"growth": 1},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        GateRules(**wrong)
