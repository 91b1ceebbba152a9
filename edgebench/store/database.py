"""The results database: rows that are never changed, each one a record and the blobs it names.

A row is found by kind and key; what is made again on purpose becomes a new revision, and the latest
revision is the answer. Two runs that insert the same row at once end with one row. Rows are removed only
by a repair, when what they name is damaged.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    URL,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, SQLAlchemyError

from edgebench.errors import MissingPackage, NewerStore, StoreError
from edgebench.files import no_space_left

# Store schema history:
#   1 - first version
SCHEMA = 1

_tables = MetaData()
_meta = Table("meta", _tables, Column("name", String(40), primary_key=True), Column("value", String(200)))
_records = Table(
    "records",
    _tables,
    Column("id", Integer, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("key", String(200), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("blobs", Text, nullable=False),
    UniqueConstraint("kind", "key", "revision"),
)


_schema_of_store = select(_meta.c.value).where(_meta.c.name == "schema")
_ATTEMPTS = 10
# SQLite grows its files by pages and, where several processes share one, by 32 kB.
_SPACE_BYTES = 1 << 16


class Row(NamedTuple):
    kind: str
    key: str
    revision: int
    created_at: str
    body: str
    blobs: tuple[str, ...]


class Database:
    """Rows behind a SQLAlchemy URL.

    Raises:
        StoreError: the URL is none, or its database cannot be used.
        MissingPackage: the URL's driver is not installed.
    """

    def __init__(self, url: URL | str) -> None:
        self.url = _parsed(url)
        self.name = _shown(self.url)
        with self._as_store_errors():
            self.engine = _engine(self.url, self.name)
            _make_tables(self.engine)
            _check_schema(self.engine, self.name)

    def add(self, kind: str, key: str, body: str, *, blobs: Iterable[str] = (), again: bool = False) -> bool:
        """Inserts a row; True when it is new.

        A row that exists is left as it is, unless `again` asks for a new revision of it.
        """
        values = {
            "kind": kind,
            "key": key,
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "body": body,
            "blobs": json.dumps(sorted(set(blobs))),
        }
        with self._as_store_errors():
            while True:
                try:
                    with self.engine.begin() as connection:
                        last = connection.scalar(_last_revision(kind, key))
                        if last is not None and not again:
                            return False
                        connection.execute(insert(_records).values(revision=0 if last is None else last + 1, **values))
                        return True
                except IntegrityError:
                    continue  # another run took that revision between our two statements

    def find(self, kind: str, key: str) -> Row | None:
        """The latest revision, or None."""
        query = _query().where(_records.c.kind == kind, _records.c.key == key)
        with self._as_store_errors(), self.engine.connect() as connection:
            row = connection.execute(query.order_by(_records.c.revision.desc()).limit(1)).first()
        return _row(row) if row else None

    def latest(self, kind: str, prefix: str = "") -> list[Row]:
        """The latest revision of every key that begins with `prefix`, oldest first."""
        newest = (
            select(func.max(_records.c.id))
            .where(_records.c.kind == kind, _records.c.key.startswith(prefix, autoescape=True))
            .group_by(_records.c.key)
        )
        query = _query().where(_records.c.id.in_(newest)).order_by(_records.c.id)
        with self._as_store_errors(), self.engine.connect() as connection:
            return [_row(row) for row in connection.execute(query)]

    def keys(self, kind: str, prefix: str = "") -> set[str]:
        """Every key that begins with `prefix`."""
        query = select(_records.c.key).where(_records.c.kind == kind)
        query = query.where(_records.c.key.startswith(prefix, autoescape=True)).distinct()
        with self._as_store_errors(), self.engine.connect() as connection:
            return set(connection.scalars(query))

    def all(self) -> list[Row]:
        with self._as_store_errors(), self.engine.connect() as connection:
            return [_row(row) for row in connection.execute(_query().order_by(_records.c.id))]

    def remove(self, rows: Iterable[Row]) -> None:
        with self._as_store_errors(), self.engine.begin() as connection:
            for row in rows:
                kind, key, revision = _records.c.kind, _records.c.key, _records.c.revision
                connection.execute(delete(_records).where(kind == row.kind, key == row.key, revision == row.revision))

    @contextmanager
    def _as_store_errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            if self._is_full(exc):
                raise no_space_left(self.name) from exc
            reason = str(getattr(exc, "orig", None) or exc).splitlines()[0]
            fix = "check that the store's folder can be written and has space"
            if _sqlite_code(exc) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                fix = "put back a copy of it, or move it away: records are lost then, and runs make them again"
            raise StoreError(reason, subject=self.name, fix=fix) from exc

    def _is_full(self, error: SQLAlchemyError) -> bool:
        """True where SQLite had no space; it says so, or only that reading or writing failed."""
        code = _sqlite_code(error)
        if code == sqlite3.SQLITE_IOERR:
            with suppress(OSError, TypeError):
                return shutil.disk_usage(Path(self.url.database or "").parent).free < _SPACE_BYTES
        return code == sqlite3.SQLITE_FULL


def _sqlite_code(error: SQLAlchemyError) -> int:
    """SQLite's primary result code; SQLITE_OK where another database failed."""
    code: int = getattr(getattr(error, "orig", None), "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF


def sqlite_url(file: Path) -> URL:
    """The URL of a SQLite file, whatever characters its path holds."""
    return URL.create("sqlite", database=str(file))


def _parsed(url: URL | str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as exc:  # ValueError: a port that is no number
        raise _no_url("the database URL") from exc


def _shown(url: URL) -> str:
    """The SQLite file, or the URL without what may be secret: the password, and the query, which can hold another."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database
    return url.set(query={}).render_as_string(hide_password=True)


def _no_url(subject: str) -> StoreError:
    return StoreError(
        "is no URL of a known kind of database",
        subject=subject,
        fix="set EDGEBENCH_DATABASE to one like sqlite:////folder/results.db, or unset it",
    )


def _engine(url: URL, name: str) -> Engine:
    try:
        engine = create_engine(url)
    except ArgumentError as exc:
        raise _no_url(name) from exc
    except ImportError as exc:
        raise MissingPackage(
            f"the driver {exc.name} is not installed", subject=name, fix=f"pip install {exc.name}"
        ) from exc
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _: Any) -> None:
            # Write-ahead logging lets readers and one writer work at once; writers queue for the timeout.
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")

    return engine


def _make_tables(engine: Engine) -> None:
    """Makes what is missing; several runs may be at it at once."""
    schema = insert(_meta).values(name="schema", value=str(SCHEMA))
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            with engine.begin() as connection:
                _tables.create_all(connection)
                if connection.scalar(_schema_of_store) is None:
                    connection.execute(schema)
            return
        except DatabaseError:
            if not attempts_left:
                raise
            time.sleep(0.05)  # another run makes the same tables just now


def _check_schema(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        found = connection.scalar(_schema_of_store)
    if int(found or 0) > SCHEMA:
        raise NewerStore(
            f"written with store schema {found}, this edgebench reads up to {SCHEMA}",
            subject=name,
            fix="update edgebench, or choose another store with EDGEBENCH_HOME",
        )


def _last_revision(kind: str, key: str) -> Any:
    return select(func.max(_records.c.revision)).where(_records.c.kind == kind, _records.c.key == key)


def _query() -> Any:
    columns = _records.c
    return select(columns.kind, columns.key, columns.revision, columns.created_at, columns.body, columns.blobs)


def _row(row: Any) -> Row:
    return Row(row.kind, row.key, row.revision, row.created_at, row.body, tuple(json.loads(row.blobs)))
