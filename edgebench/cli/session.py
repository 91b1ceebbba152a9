"""One command's terminal and workspace: what it prints to, what it works on."""

from __future__ import annotations

import json as jsonlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.cli.ending import drop, telling
from edgebench.errors import visible

if TYPE_CHECKING:
    from rich.console import Console

    from edgebench.pipeline.workspace import Workspace
    from edgebench.progress import Progress


_GAP = 3
"""Characters that the table's style puts between columns."""


@dataclass(frozen=True)
class Column:
    """A table's column. Where a terminal is too narrow, the highest ranks are left out first, 0 never."""

    title: str
    numeric: bool = False
    rank: int = 0


@dataclass
class Session:
    json: bool
    verbose: bool
    debug: bool
    models: list[Path] | None
    devices: list[Path] | None
    home: Path | None
    jobs: int | None
    answered: Any = None

    @cached_property
    def console(self) -> Console:
        """Standard output; plain and as wide as its content when it is not a terminal."""
        from rich.console import Console

        class Quiet(Console):
            def on_broken_pipe(self) -> None:  # rich would exit with 1
                drop(sys.stdout)

        return Quiet(width=None if sys.stdout.isatty() else 200, highlight=False)

    @cached_property
    def progress(self) -> Progress:
        from edgebench.cli.progress import listener

        return listener(quiet=self.json, verbose=self.verbose)

    @cached_property
    def workspace(self) -> Workspace:
        from edgebench.pipeline.workspace import Workspace

        return Workspace.open(
            home=self.home,
            model_dirs=self.models or (),
            device_dirs=self.devices or (),
            jobs=self.jobs,
            progress=self.progress,
        )

    def say(self, text: str = "") -> None:
        """A line for people; nothing with --json."""
        if not self.json:
            with telling():
                # A log keeps lines whole; a terminal breaks them between words.
                self.console.print(visible(text), markup=False, soft_wrap=not sys.stdout.isatty())

    def detail(self, text: str) -> None:
        """A line for people who asked for more."""
        if self.verbose:
            self.say(text)

    def answer(self, value: Any) -> None:
        """The machine-readable answer, printed only with --json, and only when the command has ended well."""
        self.answered = value

    def close(self) -> None:
        """Everything is printed."""
        with telling():
            if self.json:
                print(jsonlib.dumps(plain(self.answered), indent=2, allow_nan=False))
            sys.stdout.flush()

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
        """A table for people, as wide as the terminal allows; nothing with --json."""
        if self.json:
            return
        from rich import box
        from rich.markup import escape
        from rich.table import Table

        kept = fitting(columns, rows, self.console.width) if sys.stdout.isatty() else range(len(columns))
        table = Table(title=escape(title) or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for place in kept:
            justify: Any = "right" if columns[place].numeric else "left"
            table.add_column(escape(columns[place].title), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*(escape(visible(row[place])) for place in kept))
        with telling():
            self.console.print(table)
            if left_out := [column.title for place, column in enumerate(columns) if place not in kept]:
                self.console.print(f"(left out for want of width: {', '.join(left_out)})", style="dim", markup=False)


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Places of the columns that fit into `width` characters, the highest ranks given up first."""
    widths = [max(len(column.title), *(len(row[place]) for row in rows), 0) for place, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while sum(widths[place] + _GAP for place in kept) > width:
        given_up = max(kept, key=lambda place: (columns[place].rank, place))
        if columns[given_up].rank == 0:
            break
        kept.remove(given_up)
    return kept


def plain(value: Any) -> Any:
    """Records and paths as JSON values; JSON has no NaN and no infinity, so both are null."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
