"""`edgebench store verify|gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebench.cli.session import Session
from edgebench.cli.verb import verb

app = typer.Typer(help="Look after what is kept.", no_args_is_help=True, rich_markup_mode=None)


@app.command("verify")
@verb
def verify(
    session: Session,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Remove what is damaged and the records that rest on it; the next run makes them again."
        ),
    ] = False,
) -> int:
    """Read everything and say what is damaged or missing; exit 1 where something is."""
    from edgebench.data.samples import damaged_tensors, forget_tensor
    from edgebench.store.verify import repair as repair_store
    from edgebench.store.verify import verify as verify_store

    store = session.workspace.store
    damage, tensors = verify_store(store), list(damaged_tensors(store.folder("cache")))
    problems = [*damage.problems, *(f"{tensor}: decoded images that no hash confirms" for tensor in tensors)]
    removed = []
    if repair:
        removed = [*repair_store(store, damage), *map(str, tensors)]
        for tensor in tensors:
            forget_tensor(tensor)
    session.answer({"problems": problems, "removed": removed})
    for problem in problems:
        session.say(problem)
    for what in removed:
        session.say(f"removed {what}")
    session.say(f"{len(problems)} problem(s)" if problems else "everything is as it was written")
    return 1 if problems else 0


@app.command("gc")
@verb
def gc(session: Session) -> None:
    """Remove what no record names and what killed runs left, if older than a day."""
    from edgebench.units import bytes_text

    files, freed_bytes = session.workspace.store.gc()
    session.answer({"files": files, "freed_bytes": freed_bytes})
    session.say(f"{files} file(s) removed, {bytes_text(freed_bytes)} freed")
