from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgebench.errors import MissingPackage, NewerStore, StoreError
from edgebench.store.database import SCHEMA, Database, sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'results.db'}")


def test_a_row_is_inserted_once(database: Database) -> None:
    assert database.add("artifact", "a", "1", blobs=["x"])
    assert not database.add("artifact", "a", "2")
    row = database.find("artifact", "a")
    assert row is not None
    assert (row.body, row.revision, row.blobs) == ("1", 0, ("x",))


def test_again_adds_a_revision_and_keeps_the_old_one(database: Database) -> None:
    database.add("artifact", "a", "1")
    database.add("artifact", "a", "2", again=True)
    row = database.find("artifact", "a")
    assert row is not None
    assert (row.body, row.revision) == ("2", 1)
    assert [row.body for row in database.all()] == ["1", "2"]
    assert [row.body for row in database.latest("artifact")] == ["2"]


def test_a_prefix_is_taken_literally(database: Database) -> None:
    database.add("block", "50%_/r0", "1")
    database.add("block", "50xx/r0", "2")
    assert [row.body for row in database.latest("block", "50%_/")] == ["1"]


def test_kinds_do_not_meet(database: Database) -> None:
    database.add("artifact", "a", "1")
    assert database.find("evaluation", "a") is None


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'results.db'}"
    Database(url)
    with sqlite3.connect(tmp_path / "results.db") as connection:
        connection.execute("UPDATE meta SET value = ?", (str(SCHEMA + 1),))
    connection.close()
    with pytest.raises(NewerStore, match=f"schema {SCHEMA + 1}"):
        Database(url)


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"not a database .*move it away"):
        Database(f"sqlite:///{tmp_path / 'results.db'}")


@pytest.mark.parametrize("url", ["nonsense", "", "foo://me:secret@host/db", "postgresql://me:secret@host:port/db"])
def test_a_url_of_no_known_database_is_an_error_with_a_fix(url: str) -> None:
    with pytest.raises(StoreError, match="no URL") as caught:
        Database(url)
    assert "EDGEBENCH_DATABASE" in caught.value.fix
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(find_spec("MySQLdb") is not None, reason="the driver is installed")
def test_a_missing_driver_is_named_and_the_password_is_not() -> None:
    with pytest.raises(MissingPackage, match="MySQLdb") as caught:
        Database("mysql+mysqldb://me:secret@host/db?passwd=secret")
    assert caught.value.subject == "mysql+mysqldb://me:***@host/db"


def test_removed_rows_let_the_revision_before_answer(database: Database) -> None:
    database.add("artifact", "a", "1")
    database.add("artifact", "a", "2", again=True)
    database.add("artifact", "b", "3")
    database.remove([row for row in database.all() if row.body == "2"])
    assert [row.body for row in database.all()] == ["1", "3"]


@pytest.mark.parametrize("name", ["a?b", "a%41b", "a#b", "a b", "ü", os.fsdecode(b"\xff")], ids=ascii)
def test_the_file_lies_where_the_path_says_whatever_its_characters(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "results.db"
    file.parent.mkdir()
    database = Database(sqlite_url(file))
    database.add("artifact", "a", "1")
    assert file.exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert Database(pickle.loads(pickle.dumps(database.url))).find("artifact", "a")  # as another process gets it


def test_a_full_disk_is_said_to_be_one(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        database = Database(sqlite_url(disk / "results.db"))
        with pytest.raises(StoreError, match=r"results\.db: no space left"):
            database.add("block", "large", "x" * 1_000_000)
        with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(b"x" * 4096)
        with pytest.raises(StoreError, match="no space left"):
            Database(sqlite_url(disk / "other.db"))
        database.engine.dispose()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_threads_that_add_revisions_at_once_lose_none(database: Database) -> None:
    database.add("artifact", "a", "first")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: database.add("artifact", "a", str(i), again=True), range(40)))
    assert sorted(row.revision for row in database.all()) == list(range(41))


def test_processes_that_insert_the_same_rows_end_with_one_of_each(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'results.db'}"
    code = (
        "import sys; from edgebench.store.database import Database\n"
        "database = Database(sys.argv[1])\n"
        "print(sum(database.add('block', str(i), '{}') for i in range(200)))"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(5)
    ]
    inserted = [int(child.communicate(timeout=60)[0]) for child in children]
    assert sum(inserted) == 200
    assert len(Database(url).all()) == 200
