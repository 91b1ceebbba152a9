"""What findings amount to."""

from __future__ import annotations

import pytest

from edgebench.records.finding import Finding, GateResult


def finding(status: str, *, required: bool = False) -> Finding:
    return Finding(rule="r", variant="v", status=status, allowed="a", found="f", required=required)


PASS, FAIL, DOUBT = finding("pass"), finding("fail"), finding("inconclusive")
ABSENT, LOST = finding("not-measured"), finding("not-measured", required=True)


@pytest.mark.parametrize(
    ("findings", "status", "exit_code"),
    [
        ((), "not-measured", 4),
        ((ABSENT,), "not-measured", 4),
        ((LOST,), "not-measured", 4),
        ((ABSENT, LOST), "not-measured", 4),
        ((PASS,), "pass", 0),
        ((PASS, ABSENT), "pass", 0),
        ((PASS, LOST), "fail", 1),
        ((FAIL,), "fail", 1),
        ((PASS, FAIL, DOUBT), "fail", 1),
        ((DOUBT, LOST), "fail", 1),
        ((PASS, DOUBT), "inconclusive", 3),
        ((DOUBT, ABSENT), "inconclusive", 3),
    ],
)
def test_fail_wins_over_doubt_and_doubt_over_pass_and_nothing_measured_is_no_pass(findings, status, exit_code):
    result = GateResult(findings=findings)
    assert (result.status, result.exit_code) == (status, exit_code)
    assert result.model_dump()["exit_code"] == exit_code
