"""All rules together: what fails, what passes, and the exit code."""

from __future__ import annotations

import pytest
from gate_records import drifted, found, operators, results, row, scored
from hypothesis import given
from hypothesis import strategies as st

from edgebench.gate import absent, judge, make_baseline
from edgebench.records.baseline import Baseline
from edgebench.specs.model import Budgets


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


def test_a_model_without_results_fails_for_what_the_baseline_holds_of_it():
    baseline = make_baseline(results(row(), row("other.onnx-int8")))
    gone = absent("other", baseline, why="it has no spec")
    assert [(finding.variant, finding.fails, finding.found) for finding in gone.findings] == [
        ("other.onnx-int8", True, "it has no spec")
    ]


def test_a_model_without_results_never_passes_unseen():
    for baseline in (None, make_baseline(results(row()))):
        gone = absent("other", baseline, why="it has no spec")
        (finding,) = gone.findings
        assert (finding.variant, finding.status, finding.fails, finding.found) == (
            "other",
            "not-measured",
            False,
            "it has no spec",
        )
        assert gone.exit_code == 4
