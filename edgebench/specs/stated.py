"""A spec that knows which file and line state it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PrivateAttr

from edgebench.frozen import Frozen
from edgebench.specs import patterns
from edgebench.specs.problem import Place, Problem

Name = Annotated[str, Field(pattern=patterns.NAME, max_length=100)]
"""Part of file names and report keys."""


class Stated(Frozen):
    """The base of specs that have a file each. Where they were read is no part of any dump or hash."""

    name: Name
    _file: Path | None = PrivateAttr(default=None)
    _places: dict[str, Place] = PrivateAttr(default_factory=dict)

    @property
    def folder(self) -> Path:
        """What relative paths in the spec are relative to; the current folder for a spec built in Python."""
        return (self._file or Path(self.name)).absolute().parent

    def place(self, key: str) -> Place:
        """Where a key path such as `source.weights` is stated, which may be in an included file."""
        return self._places.get(key) or Place(self._file or Path(self.name))

    def read_from(self, file: Path, places: dict[str, Place]) -> Self:
        """The same spec, knowing its file and the places of its keys."""
        spec = self.model_copy()
        spec._file, spec._places = file, places
        return spec

    def missing_file(self) -> Problem | None:
        """The first file the spec refers to that is not there."""
        return None
