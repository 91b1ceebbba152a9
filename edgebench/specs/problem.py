"""What is wrong in a spec file, and where."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edgebench.errors import SpecError
from edgebench.frozen import Frozen


class Place(NamedTuple):
    """Lines and columns count from one."""

    file: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Problem(Frozen):
    """One mistake. `key` is the path to it, such as `heads[0].labels`; empty for the file as a whole."""

    file: str
    line: int
    column: int
    key: str
    text: str

    @classmethod
    def at(cls, place: Place, text: str, *, key: str = "") -> Problem:
        return cls(
            file=_visible(str(place.file)), line=place.line, column=place.column, key=_visible(key), text=_visible(text)
        )

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.text}" if self.key else f"{where}: {self.text}"


def as_error(problems: Iterable[Problem]) -> SpecError:
    """One line for each problem."""
    return SpecError("\n".join(str(problem) for problem in problems))


def _visible(text: str) -> str:
    """Keys and values come from strangers; what a terminal would obey is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
