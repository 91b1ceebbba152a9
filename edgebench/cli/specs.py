"""list, show and validate: the same three commands for models and for devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgebench.cli.session import Column, Session
from edgebench.cli.verb import verb

if TYPE_CHECKING:
    from edgebench.specs.catalog import Catalog, Entry
    from edgebench.specs.problem import Problem

Row = Callable[[Any], tuple[str, ...]]


def add_spec_commands(
    app: typer.Typer,
    kind: str,
    catalog: Callable[[Session], Catalog],
    columns: Sequence[str],
    row: Row,
    check: Callable[[Any], Iterable[Problem]] = lambda spec: (),
    try_out: Callable[[Session, Sequence[Any]], Iterable[Problem]] = lambda session, specs: (),
) -> None:
    """Adds the commands.

    `row` gives a good spec's cells for `columns`; `check` says what else is wrong with it, and `try_out` with what
    good specs speak of.
    """

    @app.command("list")
    @verb
    def list_(session: Session) -> int:
        """List what there is, broken ones with what is wrong."""
        entries = catalog(session).entries()
        session.answer({entry.name: entry.spec or {"problems": entry.problems} for entry in entries})
        session.table((Column("name"), *map(Column, columns)), [(entry.name, *cells(entry)) for entry in entries])
        return 0

    def cells(entry: Entry) -> tuple[str, ...]:
        if entry.spec:
            return row(entry.spec)
        blank = [""] * (len(columns) - 1)
        return *blank, f"broken: {entry.problems[0]}"

    @app.command("show")
    @verb
    def show(session: Session, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
        """Print a spec as it was understood, everything included."""
        import yaml

        spec = catalog(session).load(name)
        session.answer(spec)
        session.say(yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, default_flow_style=None).rstrip())

    @app.command("validate")
    @verb
    def validate(
        session: Session,
        names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="By default all.")] = None,
    ) -> int:
        """Report everything that is wrong in the files, line by line; exit 2 where something is."""
        found = catalog(session)
        good = [entry.spec for entry in found.entries(names or ()) if entry.spec]
        problems = (*found.validate(names or (), check=check), *try_out(session, good))
        session.answer({"problems": problems})
        for problem in problems:
            session.say(str(problem))
        count = len(set(names or found.files()))
        session.say(f"{len(problems)} problem(s)" if problems else f"{count} {kind} spec(s) are good")
        return 2 if problems else 0
