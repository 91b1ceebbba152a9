"""What the gate found: one line for each rule and variant."""

from __future__ import annotations

from typing import Literal

from pydantic import computed_field

from edgebench.frozen import Frozen

Status = Literal["pass", "fail", "inconclusive", "not-measured"]

EXIT_CODES: dict[Status, int] = {"pass": 0, "fail": 1, "inconclusive": 3, "not-measured": 4}


class Finding(Frozen):
    """A rule applied to a variant: what was allowed, what was found, and what to do about it.

    `required` marks what the baseline holds: not measuring that again fails the check.
    """

    rule: str
    variant: str
    status: Status
    allowed: str
    found: str
    advice: str = ""
    required: bool = False

    @property
    def fails(self) -> bool:
        return self.status == "fail" or (self.status == "not-measured" and self.required)


class GateResult(Frozen):
    """All findings. `notes` holds what the reader should know although no rule is about it."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Status:
        """Of the whole: nothing measured before fail before inconclusive before pass."""
        if all(finding.status == "not-measured" for finding in self.findings):
            return "not-measured"
        if any(finding.fails for finding in self.findings):
            return "fail"
        return "inconclusive" if self.count("inconclusive") else "pass"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.status]

    def count(self, status: Status) -> int:
        return sum(finding.status == status for finding in self.findings)
