"""One command's terminal and workspace: what it prints to, what it works on."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from edgebench.pipeline.workspace import Workspace
    from edgebench.progress import Progress


@dataclass(frozen=True)
class Column:
    """A table's column: its title, and whether it holds numbers."""

    title: str
    numeric: bool = False


@dataclass
class Session:
    json: bool
    verbose: bool
    debug: bool
    models: list[Path] | None
    devices: list[Path] | None
    home: Path | None
    jobs: int | None

    @cached_property
    def console(self) -> Console:
        """Standard output; plain and as wide as its content when it is not a terminal."""
        from rich.console import Console

        return Console(width=None if sys.stdout.isatty() else 200, highlight=False)

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
            self.console.print(text, markup=False, soft_wrap=True)

    def detail(self, text: str) -> None:
        """A line for people who asked for more."""
        if self.verbose:
            self.say(text)

    def answer(self, value: Any) -> None:
        """The machine-readable answer, printed only with --json."""
        if self.json:
            print(jsonlib.dumps(plain(value), indent=2))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
        """A table for people; nothing with --json."""
        if self.json:
            return
        from rich import box
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column.title, justify="right" if column.numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self.console.print(table)

    def complain(self, text: str) -> None:
        """One line on standard error."""
        print(f"edgebench: {text}", file=sys.stderr)


def plain(value: Any) -> Any:
    """Records and paths as JSON values."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
