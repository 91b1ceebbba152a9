"""Reading everything that is kept, and letting go of what is damaged, so that the next run makes it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgebench.errors import StoreError
from edgebench.files import as_store_errors, remove
from edgebench.frozen import Frozen
from edgebench.records.answers import HostAnswers
from edgebench.records.artifact import Artifact
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block
from edgebench.records.on_device import DeviceEvaluation
from edgebench.store.database import Row
from edgebench.store.store import KINDS, Store, read_record


@dataclass(frozen=True)
class Damage:
    """What is wrong in a store.

    Attributes:
        problems: one line each, for people; none where everything is as it was written.
        blobs: those whose content has changed.
        rows: records that name a damaged or missing blob, or were found by means of one.
    """

    problems: tuple[str, ...]
    blobs: tuple[str, ...]
    rows: tuple[Row, ...]


def verify(store: Store) -> Damage:
    """Reads and hashes every blob, and reads every record."""
    damaged = tuple(store.blobs.damaged())
    problems = [f"blob {sha256}: content does not match its name" for sha256 in damaged]
    rows = store.database.all()
    records: dict[Row, Frozen] = {}
    missing = set()
    for row in rows:
        subject = f"{row.kind} {row.key}"
        gone = [blob for blob in row.blobs if not store.blobs.has(blob)]
        missing.update(gone)
        problems += [f"{subject}: blob {blob} is missing" for blob in gone]
        try:
            records[row] = read_record(_kind(row), row)
        except StoreError as exc:
            problems.append(f"{subject}: {exc}")
    return Damage(tuple(problems), damaged, tuple(_resting_on(missing.union(damaged), rows, records)))


def repair(store: Store, damage: Damage) -> list[str]:
    """Removes damaged blobs and the records that rest on them. Returns what was removed, one line each.

    Records stay in a database that is not the store's own: they are good where their blobs are.
    """
    for sha256 in damage.blobs:
        store.blobs.remove(sha256)
    removed = [f"blob {sha256}" for sha256 in damage.blobs]
    if store.has_own_database:
        store.database.remove(damage.rows)
        removed += [f"{row.kind} {row.key}" for row in damage.rows]
        _forget_journals(store, damage.rows)
    return removed


def _kind(row: Row) -> type[Frozen]:
    for kind, name in KINDS.items():
        if name == row.kind:
            return kind
    raise StoreError("a record of a kind unknown here", subject=row.key, fix="update edgebench")


def _resting_on(lost: set[str], rows: Sequence[Row], records: dict[Row, Frozen]) -> Iterator[Row]:
    """Records that name a lost blob, and what was found by running an artifact of which a file is lost."""
    run = {
        record.blob
        for record in records.values()
        if isinstance(record, Artifact) and lost & {record.blob, *(way.blob for way in record.runnable)}
    }
    for row in rows:
        record = records.get(row)
        found_with = (
            {record.artifact} if isinstance(record, Evaluation | DeviceEvaluation | Block | HostAnswers) else set()
        )
        if lost.intersection(row.blobs) or found_with & (run | lost):
            yield row


def _forget_journals(store: Store, rows: Sequence[Row]) -> None:
    """A job's folder holds the file that was run and a journal, from which the same blocks would come back."""
    blocks = [read_record(Block, row) for row in rows if row.kind == KINDS[Block]]
    for device, job in {(block.device, block.job) for block in blocks}:
        folder = store.home / "devices" / device / job
        with as_store_errors(folder):
            remove(folder)
