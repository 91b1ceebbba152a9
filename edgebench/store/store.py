"""The store: blobs, records and the working folders under one home."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edgebench.errors import StoreError
from edgebench.frozen import Frozen
from edgebench.records.artifact import Artifact
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.store.blobs import Blobs, as_store_errors
from edgebench.store.database import Database, Row

Record = TypeVar("Record", bound=Frozen)

KINDS: dict[type[Frozen], str] = {
    Artifact: "artifact",
    Evaluation: "evaluation",
    MeasurementJob: "job",
    Block: "block",
}


def default_home() -> Path:
    """`$EDGEBENCH_HOME`, or `.edgebench` in the current folder."""
    return Path(os.environ.get("EDGEBENCH_HOME") or ".edgebench").absolute()


class Store:
    """Everything edgebench keeps between runs.

    Args:
        home: folder of blobs, caches and jobs; made when absent.
        database: SQLAlchemy URL of the records; `$EDGEBENCH_DATABASE`, else a SQLite file in `home`.
    """

    def __init__(self, home: Path | None = None, *, database: str | None = None) -> None:
        self.home = (home or default_home()).absolute()
        self.blobs = Blobs(self.home)
        url = database or os.environ.get("EDGEBENCH_DATABASE") or f"sqlite:///{self.home / 'results.db'}"
        self.database = Database(url)

    def folder(self, *parts: str) -> Path:
        """A working folder under the home, made when absent."""
        path = self.home.joinpath(*parts)
        with as_store_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def save(self, key: str, record: Frozen, *, again: bool = False) -> bool:
        """Keeps the record under its key; its blobs must be there already. True when it is new."""
        blobs = blobs_of(record)
        for sha256 in blobs:
            if not self.blobs.has(sha256):
                raise StoreError("a record names a blob that is not kept", subject=sha256)
        return self.database.add(KINDS[type(record)], key, record.model_dump_json(), blobs=blobs, again=again)

    def find(self, kind: type[Record], key: str) -> Record | None:
        """The record, or None where it is absent or a blob it names has been lost."""
        row = self.database.find(KINDS[kind], key)
        return _read(kind, row) if row and self._whole(row) else None

    def latest(self, kind: type[Record], prefix: str = "") -> list[Record]:
        """Every record of a kind in its latest revision, oldest first, those with lost blobs left out."""
        return [_read(kind, row) for row in self.database.latest(KINDS[kind], prefix) if self._whole(row)]

    def verify(self) -> list[str]:
        """Problems found by reading everything: damaged blobs, missing blobs, unreadable records."""
        problems = [f"blob {sha256}: content does not match its name" for sha256 in self.blobs.damaged()]
        kinds = {name: kind for kind, name in KINDS.items()}
        for row in self.database.all():
            subject = f"{row.kind} {row.key}"
            problems += [f"{subject}: blob {blob} is missing" for blob in row.blobs if not self.blobs.has(blob)]
            try:
                _read(kinds[row.kind], row)
            except (KeyError, StoreError) as exc:
                problems.append(f"{subject}: {exc}")
        return problems

    def discard_damaged(self) -> list[str]:
        """Removes damaged blobs, so that the next run makes them again. Returns their hashes."""
        damaged = list(self.blobs.damaged())
        for sha256 in damaged:
            self.blobs.remove(sha256)
        return damaged

    def gc(self) -> tuple[int, int]:
        """Removes what no record names and what killed runs left. Returns (files, bytes) set free.

        Anything younger than an hour stays: a run at work may be about to record it.
        """
        named = {blob for row in self.database.all() for blob in row.blobs}
        files = freed_bytes = 0
        for sha256 in list(self.blobs.all()):
            if sha256 not in named and self.blobs.old(self.blobs.path(sha256)):
                freed_bytes += self.blobs.remove(sha256)
                files += 1
        for path in list(self.blobs.leftovers()):
            freed_bytes += sum(size for size in _sizes(path))
            files += 1
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return files, freed_bytes

    def _whole(self, row: Row) -> bool:
        return all(self.blobs.has(blob) for blob in row.blobs)


def blobs_of(record: Frozen) -> set[str]:
    """The blobs a record names."""
    if isinstance(record, Artifact):
        named = {record.blob, *(way.blob for way in record.runnable)}
        return named | ({record.calibration.contents} if record.calibration else set())
    if isinstance(record, Evaluation):
        return {record.outputs, record.truth}
    return set()


def _read(kind: type[Record], row: Row) -> Record:
    try:
        return kind.model_validate(json.loads(row.body))
    except (ValidationError, json.JSONDecodeError) as exc:
        raise StoreError(
            f"a {row.kind} record cannot be read: {str(exc).splitlines()[0]}",
            subject=row.key,
            fix="it was written by another edgebench; remake it with --force",
        ) from exc


def _sizes(path: Path) -> Iterator[int]:
    for item in path.rglob("*") if path.is_dir() else (path,):
        if item.is_file():
            yield item.stat().st_size
