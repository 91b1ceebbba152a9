"""`edgebench runs list|attach|cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebench.cli.session import Column, Session
from edgebench.cli.verb import verb

app = typer.Typer(help="Look after jobs that are not finished yet.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
@verb
def list_(session: Session) -> None:
    """List unfinished jobs, as their devices tell of them now."""
    from edgebench.pipeline.runs import runs
    from edgebench.units import duration_text

    found = runs(session.workspace)
    session.answer({"runs": found})
    if not found:
        session.say("nothing is unfinished")
        return
    columns = (
        Column("job"),
        Column("device"),
        Column("models", rank=2),
        Column("state"),
        Column("done", numeric=True),
        Column("here", numeric=True, rank=3),
        Column("by", rank=4),
        Column("begun", numeric=True, rank=5),
        Column("why", rank=1),
    )
    session.table(
        columns,
        [
            (
                run.job,
                run.device,
                ", ".join(run.models),
                run.state,
                f"{run.done}/{run.total}",
                str(run.here),
                run.holder,
                "" if run.age_s is None else f"{duration_text(run.age_s)} ago",
                run.why,
            )
            for run in found
        ],
    )


@app.command("attach")
@verb
def attach(
    session: Session,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="The beginning of its id; the newest.")] = None,
) -> None:
    """Follow a job until it ends, and show what it found. Ctrl-C leaves it running."""
    from edgebench.cli.run import show_found
    from edgebench.pipeline.runs import attach

    show_found(session, attach(session.workspace, job or ""))


@app.command("cancel")
@verb
def cancel(
    session: Session, job: Annotated[str, typer.Argument(metavar="JOB", help="The beginning of its id")]
) -> None:
    """End a job; what is finished is kept, and the command that began it goes on from there."""
    from edgebench.pipeline.runs import cancel

    was_at_work = cancel(session.workspace, job)
    session.answer({"cancelled": was_at_work})
    session.say("ended" if was_at_work else "it was not at work; forgotten")
