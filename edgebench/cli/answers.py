"""What a device answered, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.cli.session import Column, Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgebench.pipeline.findings.answers import Compared
    from edgebench.pipeline.jobs.blocks import Measured


def answers_there(session: Session, measured: Measured) -> Mapping[str, Compared]:
    """Variant -> what it answered, beside what was judged."""
    from edgebench.pipeline.findings.answers import answers_of_job

    return answers_of_job(session.workspace, measured.job, measured.blocks)


def show_answers(session: Session, found: Mapping[str, Compared], *, whole: bool) -> None:
    """How many are the same, and each difference.

    Args:
        whole: a table of all, because there is nothing else to show of an emulated device.
    """
    from edgebench.render.answers import HEAD, cells, summary

    if whole:
        columns = [Column(title) for title in HEAD]
        session.table(columns, [cells(variant, answers) for variant, (answers, _) in sorted(found.items())])
    if text := summary([answers for answers, _ in found.values()]):
        session.say(text)
    for variant, (_, caveat) in sorted(found.items()):
        if caveat:
            session.say(f"{variant}: {caveat.text} ({caveat.fix})")
