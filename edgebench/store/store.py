"""The store: blobs, records and the working folders under one home."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy import URL

from edgebench.digests import sha256_json
from edgebench.errors import StoreError
from edgebench.files import PARTS, as_store_errors, remove, require_writable
from edgebench.frozen import Frozen
from edgebench.records.answers import HostAnswers
from edgebench.records.artifact import Artifact
from edgebench.records.asked import Asked
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.records.on_device import DeviceEvaluation
from edgebench.records.pipeline_timing import PipelineBlock, PipelineJob
from edgebench.records.soak import SoakBlock, SoakJob
from edgebench.store.blobs import Blobs
from edgebench.store.database import Database, Row, sqlite_url
from edgebench.store.packages import size_bytes

Record = TypeVar("Record", bound=Frozen)

KINDS: dict[type[Frozen], str] = {
    Artifact: "artifact",
    Evaluation: "evaluation",
    MeasurementJob: "job",
    Block: "block",
    PipelineJob: "pipeline_job",
    PipelineBlock: "pipeline_block",
    SoakJob: "soak_job",
    SoakBlock: "soak_block",
    HostAnswers: "host_answers",
    DeviceEvaluation: "device_evaluation",
    Asked: "asked",
}

# What is younger may belong to a run still at work.
GRACE_S = 24 * 3600.0
# Folders in which runs keep nothing beyond their own end.
_WORKING = ("tmp", "agents")


def default_home() -> Path:
    """`$EDGEBENCH_HOME`, or `.edgebench` in the current folder."""
    return Path(os.environ.get("EDGEBENCH_HOME") or ".edgebench").absolute()


class Store:
    """Everything edgebench keeps between runs.

    Args:
        home: folder of blobs, caches and jobs; made when absent.
        database: SQLAlchemy URL of the records; `$EDGEBENCH_DATABASE`, else a SQLite file in `home`.
    """

    def __init__(self, home: Path | None = None, *, database: URL | str | None = None) -> None:
        self.home = (home or default_home()).absolute()
        self.blobs = Blobs(self.home)
        with as_store_errors(self.home):
            (self.home / ".gitignore").write_text("*\n")
        self.database = Database(
            database or os.environ.get("EDGEBENCH_DATABASE") or sqlite_url(self.home / "results.db")
        )

    @property
    def has_own_database(self) -> bool:
        """False where the records may be shared with other stores."""
        return self.database.url == sqlite_url(self.home / "results.db")

    def folder(self, *parts: str) -> Path:
        """A working folder under the home, made when absent.

        Raises:
            StoreError: it cannot be made, or not be written.
        """
        path = self.home.joinpath(*parts)
        with as_store_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            require_writable(path)
        return path

    def save(self, key: str, record: Frozen, *, again: bool = False) -> bool:
        """Keeps the record under its key; its blobs must be there already. True when it is new.

        A key that is taken is left as it is, unless `again` asks for a new revision or a blob of the latest was lost.
        """
        blobs = blobs_of(record)
        for sha256 in blobs:
            if not self.blobs.has(sha256):
                raise StoreError("a record names a blob that is not kept", subject=sha256)
        kind = KINDS[type(record)]
        row = self.database.find(kind, key)
        lost = row is not None and not self._whole(row)
        return self.database.add(kind, key, record.model_dump_json(), blobs=blobs, again=again or lost)

    def find(self, kind: type[Record], key: str) -> Record | None:
        """The record, or None where it is absent or a blob it names has been lost."""
        row = self.database.find(KINDS[kind], key)
        return read_record(kind, row) if row and self._whole(row) else None

    def get(self, kind: type[Record], key: str) -> Record:
        """The record that was just kept or found.

        Raises:
            StoreError: it is gone, because somebody else works on the store's files.
        """
        found = self.find(kind, key)
        if found is None:
            raise StoreError("was kept and is gone", subject=f"{KINDS[kind]} {key}", fix="run the same command again")
        return found

    def latest(self, kind: type[Record], prefix: str = "") -> list[Record]:
        """Every record of a kind in its latest revision, those with lost blobs left out.

        What was asked for last comes last, whenever it was made; before all that, what nobody asked for by name,
        oldest first.
        """
        asked = self.database.latest(KINDS[Asked], f"{KINDS[kind]}/")
        place = {key: place for place, row in enumerate(asked) for key in read_record(Asked, row).keys}
        rows = sorted(self.database.latest(KINDS[kind], prefix), key=lambda row: place.get(row.key, -1))
        return [read_record(kind, row) for row in rows if self._whole(row)]

    def ask(self, kind: type[Frozen], keys: Iterable[str]) -> None:
        """Notes that a run is about these records, there already or about to be made; `latest` goes by it."""
        asked = Asked(keys=tuple(keys))
        self.save(f"{KINDS[kind]}/{sha256_json(asked.keys)}", asked, again=True)

    def gc(self) -> tuple[int, int]:
        """Removes what no record names and what killed runs left. Returns (files, bytes) set free.

        Anything younger than a day stays: a run at work may be about to record it.
        """
        named = {blob for row in self.database.all() for blob in row.blobs}
        strays = [self.blobs.path(sha256) for sha256 in self.blobs.all() if sha256 not in named]
        with as_store_errors(self.home):
            freed = [_freed_bytes(path) for path in (*strays, *self._leftovers()) if _old(path)]
        return len(freed), sum(freed)

    def _leftovers(self) -> Iterator[Path]:
        """What runs at work hold, and killed ones left: working folders, and files not yet in their place."""
        for name in _WORKING:
            yield from self.folder(name).iterdir()
        for folder, folders, files in os.walk(self.home):  # goes on where a folder vanishes
            yield from (Path(folder, name) for name in (*folders, *files) if fnmatch(name, f"{PARTS}*"))

    def _whole(self, row: Row) -> bool:
        return all(self.blobs.has(blob) for blob in row.blobs)


def blobs_of(record: Frozen) -> set[str]:
    """The blobs a record names."""
    if isinstance(record, Artifact):
        named = {record.blob, *(way.blob for way in record.runnable)}
        return named | ({record.calibration.contents} if record.calibration else set())
    if isinstance(record, Evaluation):
        return {record.outputs, record.truth}
    if isinstance(record, DeviceEvaluation):
        return {record.outputs}
    if isinstance(record, Block | HostAnswers):
        return {record.answers} if record.answers else set()
    return set()


def read_record(kind: type[Record], row: Row) -> Record:
    try:
        return kind.model_validate(json.loads(row.body))
    except (ValidationError, json.JSONDecodeError) as exc:
        raise StoreError(
            f"a {row.kind} record cannot be read: {str(exc).splitlines()[0]}",
            subject=row.key,
            fix="it was written by another edgebench; remake it with --force",
        ) from exc


def _old(path: Path) -> bool:
    """True when no run at work can still need the path; one that vanished meanwhile is nobody's."""
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime > GRACE_S
    return False


def _freed_bytes(path: Path) -> int:
    """Removes a file or folder and returns the bytes set free, none where another was faster."""
    with as_store_errors(path), suppress(FileNotFoundError):
        freed_bytes = size_bytes(path)
        remove(path)
        return freed_bytes
    return 0
