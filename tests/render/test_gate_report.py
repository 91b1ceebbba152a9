"""Findings in the formats of terminals, pull requests and CI, whatever the variants are called."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.records.finding import Finding, GateResult
from edgebench.registry import resolve
from edgebench.render.gate_report import GATE_FORMATS, github, junit, markdown, summary, text

SIZE = Finding(
    rule="baseline.size",
    variant="net.tflite-int8",
    status="fail",
    allowed="at most 985,000 B",
    found="985,001 B",
    advice="run `edgebench baseline`",
    required=True,
)
FINE = SIZE.model_copy(update={"status": "pass", "rule": "budget.max_bytes", "advice": ""})
DOUBT = SIZE.model_copy(update={"status": "inconclusive", "rule": "baseline.latency"})
GONE = SIZE.model_copy(update={"status": "not-measured", "rule": "baseline.missing"})
ABSENT = SIZE.model_copy(update={"status": "not-measured", "rule": "budget.max_latency_ratio", "required": False})
ALL = GateResult(findings=(FINE, SIZE, DOUBT, GONE, ABSENT), notes=("net.onnx-int8 is not in the baseline",))
NOTHING = GateResult(findings=())

words = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
findings = st.builds(
    Finding,
    rule=st.sampled_from(["baseline.size", "budget.max_bytes"]),
    variant=words,
    status=st.sampled_from(["pass", "fail", "inconclusive", "not-measured"]),
    allowed=words,
    found=words,
    advice=words,
    required=st.booleans(),
)
hostile = st.builds(
    GateResult, findings=st.lists(findings, max_size=4).map(tuple), notes=st.lists(words, max_size=2).map(tuple)
)


@pytest.mark.parametrize("name", GATE_FORMATS)
def test_every_format_says_what_was_allowed_what_was_found_and_what_to_do(name):
    report = resolve(GATE_FORMATS, name, kind="format")(ALL).replace("\\", "")
    for part in ("baseline.size", "net.tflite-int8", "at most 985,000 B", "985,001 B", "run `edgebench baseline`"):
        assert part in report
    assert "net.onnx-int8 is not in the baseline" in report
    assert report.endswith("\n")


@pytest.mark.parametrize("name", GATE_FORMATS)
def test_every_format_says_that_nothing_was_measured(name):
    assert "nothing was measured" in resolve(GATE_FORMATS, name, kind="format")(NOTHING)


def test_text_ends_with_the_verdict_after_the_worst_finding():
    lines = text(ALL).splitlines()
    assert lines[-1] == "check: fail (1 failed, 1 inconclusive, 2 not measured, 1 passed)"
    labels = [line.split()[0] for line in lines if line[0] not in " c"]
    assert labels == ["pass", "not-measured", "inconclusive", "FAIL", "FAIL", "note"]


def test_text_of_one_finding():
    assert text(GateResult(findings=(SIZE,))) == (
        "FAIL          baseline.size  net.tflite-int8\n"
        "              allowed at most 985,000 B; found 985,001 B\n"
        "              run `edgebench baseline`\n"
        "check: fail (1 failed)\n"
    )


def test_markdown_is_a_table_with_the_worst_first():
    lines = markdown(ALL).splitlines()
    assert lines[0].startswith("**edgebench check: fail")
    assert lines[4].startswith("| FAIL | `baseline.size` | `net.tflite-int8` | at most 985,000 B | 985,001 B |")
    assert [line.split(" ")[1] for line in lines[4:9]] == ["FAIL", "FAIL", "inconclusive", "not-measured", "pass"]


def test_junit_counts_failures_errors_and_skips():
    suite = ElementTree.fromstring(junit(ALL))
    assert suite.attrib == {"name": "edgebench check", "tests": "5", "failures": "2", "errors": "1", "skipped": "1"}
    case = suite.find("testcase[@name='baseline.size']")
    assert case.get("classname") == "net.tflite-int8"
    assert case.find("failure").get("message") == "allowed at most 985,000 B, found 985,001 B"
    assert suite.find("testcase[@name='budget.max_bytes']").find("*") is None


def test_junit_with_nothing_measured_is_an_error_and_no_empty_success():
    assert ElementTree.fromstring(junit(NOTHING)).get("errors") == "1"


def test_github_marks_failures_as_errors_and_doubts_as_warnings():
    lines = github(ALL).splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        "::error",
        "::warning",
        "::error",
        "::notice",
        "::notice",
        "::error",
    ]
    assert lines[0] == (
        "::error title=baseline.size net.tflite-int8::"
        "allowed at most 985,000 B; found 985,001 B. run `edgebench baseline`"
    )


# The five escapes of the toolkit's `core` package, command.ts.
def test_github_escapes_what_would_start_another_command():
    evil = SIZE.model_copy(update={"variant": "a:b,c%\r\n::stop", "found": "x%\r\n::error::y, z: 1", "advice": ""})
    line = github(GateResult(findings=(evil,))).splitlines()[0]
    assert line == (
        "::error title=baseline.size a%3Ab%2Cc%25%0D%0A%3A%3Astop::"
        "allowed at most 985,000 B; found x%25%0D%0A::error::y, z: 1"
    )


def test_markdown_shows_markup_instead_of_obeying_it():
    evil = SIZE.model_copy(update={"variant": "a`|<b>", "found": "<script>|[x](y)*b*\n# c @you"})
    row = markdown(GateResult(findings=(evil,))).splitlines()[4]
    assert "`a'¦<b>`" in row
    assert r"\<script\>\|\[x\](y)\*b\*\\n\# c \@you" in row


def test_control_characters_are_spelled_out():
    evil = SIZE.model_copy(update={"variant": "a\x1b[2J\x00\ufffe"})
    result = GateResult(findings=(evil,))
    assert r"a\x1b[2J\x00" in text(result)
    case = ElementTree.fromstring(junit(result)).find("testcase")
    assert case.get("classname") == r"a\x1b[2J\x00\ufffe"


@given(hostile)
def test_junit_is_xml_whatever_it_holds(result):
    suite = ElementTree.fromstring(junit(result).encode())
    assert int(suite.get("tests")) == max(len(result.findings), 1) + (
        result.status == "not-measured" and len(result.findings) > 0
    )


@given(hostile)
def test_lines_stay_lines_whatever_they_hold(result):
    shown = [finding for finding in result.findings if finding.status != "pass"]
    passed = {finding.rule for finding in result.findings if finding.status == "pass"}
    expected = sum(2 + bool(finding.advice) for finding in shown) + len(passed) + len(result.notes) + 1
    assert len(text(result).splitlines()) == expected
    assert all(line.isprintable() for line in text(result).splitlines())
    assert all(line.isprintable() for line in markdown(result).splitlines())


@given(hostile)
def test_every_line_for_github_is_one_command(result):
    for line in github(result).removesuffix("\n").split("\n"):
        assert re.match(r"::(error|warning|notice) title=[^:,]*::", line)
        assert line.isprintable()


@given(hostile)
def test_a_table_keeps_its_columns(result):
    rows = [line for line in markdown(result).splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} <= {7}


def test_the_summary_counts_in_order_of_gravity():
    assert summary(GateResult(findings=(FINE, FINE))) == "pass (2 passed)"
