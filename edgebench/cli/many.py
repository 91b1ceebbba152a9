"""A run on one device or on several, shown one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebench.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.jobs.blocks import Measured


def run_on(
    session: Session,
    device: str,
    choice: Choice,
    do: Callable[..., Measured],
    show: Callable[[Session, Measured], None],
    asked: dict[str, Any],
) -> None:
    """Runs on one device, or on several at once, which ends with the first failure when all are shown."""
    from edgebench.errors import raise_all
    from edgebench.pipeline.run_many import run_on_each
    from edgebench.pipeline.workspace import names

    devices = names(device)
    if len(devices) == 1:
        show(session, do(session.workspace, choice, device=devices[0], **asked))
        return
    outcomes = run_on_each(session.workspace, choice, devices, do, **asked)
    answers = []
    for outcome in outcomes:
        if outcome.found:
            show(session, outcome.found)
            answers.append(session.answered)
    raise_all([outcome.error for outcome in outcomes if outcome.error])
    session.answer({"devices": answers})
