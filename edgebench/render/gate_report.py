"""A gate's findings as text. Variant names come from strangers: each format escapes what it would obey.

Every row of `GATE_FORMATS` names a function `(result: GateResult) -> str`; a new format is one function and one row.
"""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

from edgebench.records.finding import Finding, GateResult, Status

GATE_FORMATS = {
    "text": "edgebench.render.gate_report:text",
    "markdown": "edgebench.render.gate_report:markdown",
    "junit": "edgebench.render.gate_report:junit",
    "github": "edgebench.render.gate_report:github",
}

_WORDS: dict[Status, str] = {
    "fail": "failed",
    "inconclusive": "inconclusive",
    "not-measured": "not measured",
    "pass": "passed",
}
_NOTHING = "nothing was measured, so nothing can be said; run `edgebench quantize` and `edgebench evaluate` first"


def text(result: GateResult) -> str:
    """Plain lines: passes counted by rule, the rest one by one, what failed last and so nearest to the prompt."""
    passed = Counter(_line(finding.rule) for finding in result.findings if finding.status == "pass")
    lines = [f"{'pass':13} {rule}  {count} variant{'s' * (count > 1)}" for rule, count in passed.items()]
    for finding in sorted(result.findings, key=_gravity):
        if finding.status == "pass":
            continue
        lines.append(f"{_label(finding):13} {finding.rule}  {_line(finding.variant)}")
        lines.append(f"{'':13} allowed {_line(finding.allowed)}; found {_line(finding.found)}")
        if finding.advice:
            lines.append(f"{'':13} {_line(finding.advice)}")
    lines += [f"{'note':13} {_line(note)}" for note in result.notes]
    return "\n".join([*lines, f"check: {summary(result)}"]) + "\n"


def markdown(result: GateResult) -> str:
    """A pull request's comment: the verdict, and a table of all findings, worst first."""
    rows = [
        f"| {_label(f)} | `{f.rule}` | {_code(f.variant)} | {_cell(f.allowed)} | {_cell(f.found)} | {_cell(f.advice)} |"
        for f in sorted(result.findings, key=_gravity, reverse=True)
    ]
    table = (
        ["", "| | rule | variant | allowed | found | what to do |", "|---|---|---|---|---|---|", *rows] if rows else []
    )
    notes = ["", *(f"- {_cell(note)}" for note in result.notes)] if result.notes else []
    return "\n".join([f"**edgebench check: {_cell(summary(result))}**", *table, *notes]) + "\n"


def junit(result: GateResult) -> str:
    """One test case for each finding; what is inconclusive counts as an error, since it is no pass."""
    suite = ElementTree.Element("testsuite", name="edgebench check")
    for finding in result.findings:
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(finding.variant), name=_xml(finding.rule))
        if finding.status != "pass":
            message = _xml(f"allowed {finding.allowed}, found {finding.found}")
            ElementTree.SubElement(case, _junit_tag(finding), message=message).text = _xml(finding.advice)
    if result.status == "not-measured":
        case = ElementTree.SubElement(suite, "testcase", classname="edgebench", name="measured")
        ElementTree.SubElement(case, "error", message=_NOTHING)
    if result.notes:
        ElementTree.SubElement(suite, "system-out").text = _xml("\n".join(result.notes))
    suite.set("tests", str(len(suite.findall("testcase"))))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def github(result: GateResult) -> str:
    """Workflow commands: an error for what fails, a warning for what is in doubt, a notice for the rest.

    Source of the escapes: the toolkit's `core` package, command.ts.
    """
    lines = []
    for finding in result.findings:
        level = "error" if finding.fails else "warning" if finding.status == "inconclusive" else "notice"
        if finding.status != "pass":
            lines.append(_command(level, f"{finding.rule} {finding.variant}", _sentence(finding)))
    lines += [_command("notice", "edgebench check", note) for note in result.notes]
    level = "notice" if result.status == "pass" else "warning" if result.status == "inconclusive" else "error"
    return "\n".join([*lines, _command(level, "edgebench check", summary(result))]) + "\n"


def summary(result: GateResult) -> str:
    """`fail (1 failed, 3 passed)`."""
    if result.status == "not-measured":
        return _NOTHING
    counts = [(result.count(status), word) for status, word in _WORDS.items()]
    return f"{result.status} ({', '.join(f'{count} {word}' for count, word in counts if count)})"


def _gravity(finding: Finding) -> int:
    if finding.fails:
        return 3
    return {"pass": 0, "not-measured": 1, "inconclusive": 2, "fail": 3}[finding.status]


def _label(finding: Finding) -> str:
    """What is not measured again although the baseline holds it is called a failure."""
    return "FAIL" if finding.fails else finding.status


def _sentence(finding: Finding) -> str:
    sentence = f"allowed {finding.allowed}; found {finding.found}"
    return f"{sentence}. {finding.advice}" if finding.advice else sentence


def _junit_tag(finding: Finding) -> str:
    if finding.fails:
        return "failure"
    return "error" if finding.status == "inconclusive" else "skipped"


def _line(value: str) -> str:
    """One line that moves no cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def _cell(value: str) -> str:
    """Nothing in it is markup; a table's cell ends at a bar."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&@])", r"\\\1", _line(value))


def _code(value: str) -> str:
    """A code span knows no escapes: what would end it, or its cell, is replaced."""
    return f"`{_line(value).translate({ord('`'): chr(39), ord('|'): '¦'})}`"


def _xml(value: str) -> str:
    """What XML 1.0 cannot hold, section 2.2, is spelled out."""
    return re.sub(
        "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
        lambda odd: odd.group().encode("unicode_escape").decode(),
        value,
    )


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(value: str) -> str:
    return _line(value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
