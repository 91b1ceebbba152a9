"""Files that are whole or not there."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import threading
from fnmatch import fnmatch
from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.files import PARTS, as_store_errors, is_locked, remove, replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("sync", [False, True])
def test_a_file_takes_its_place_only_when_it_is_whole(tmp_path: Path, sync: bool) -> None:
    target = tmp_path / "deep" / "net.weights.h5"
    with replacing(target, sync=sync) as part:
        part.write_text("whole")
        assert part.name.endswith(".net.weights.h5")
        assert fnmatch(part.name, f"{PARTS}*")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names(target.parent) == ["net.weights.h5"]


@pytest.mark.parametrize("sync", [False, True])
def test_a_folder_takes_the_place_of_a_full_one(tmp_path: Path, sync: bool) -> None:
    target = tmp_path / "net.mlpackage"
    for number in range(2):
        with replacing(target, sync=sync) as part:
            (part / "data").mkdir(parents=True)
            (part / "data" / str(number)).touch()
    assert names(target / "data") == ["1"]
    assert names(tmp_path) == ["net.mlpackage"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
@pytest.mark.parametrize("as_folder", [False, True])
def test_a_failure_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, error: BaseException, as_folder: bool
) -> None:
    target = tmp_path / "kept"
    target.write_text("old")

    def write() -> None:
        with replacing(target) as part:
            if as_folder:
                part.mkdir()
            (part / "half" if as_folder else part).write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["kept"]


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"), replacing(tmp_path / "folder") as part:
        part.write_text("file")
    assert names(tmp_path) == ["folder"]


def test_writers_of_one_folder_at_once_leave_one_of_theirs(tmp_path: Path) -> None:
    target = tmp_path / "package"
    failures: list[BaseException] = []

    def write(content: str) -> None:
        try:
            for _ in range(50):
                with replacing(target) as part:
                    part.mkdir()
                    (part / "one").write_text(content)
                    (part / "two").write_text(content)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert (target / "one").read_text() == (target / "two").read_text()
    assert names(tmp_path) == ["package"]


def test_removing_takes_files_folders_and_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("link", "file", "none"):
        remove(tmp_path / name)
    assert names(tmp_path) == ["folder"]
    remove(tmp_path / "folder")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.ENOSPC, "no space left on device (fix: free some space"), (errno.EACCES, os.strerror(errno.EACCES))],
)
def test_what_the_system_refuses_becomes_a_store_error(code: int, said: str) -> None:
    with pytest.raises(StoreError, match=re.escape(f"report: {said}")), as_store_errors("report"):
        raise OSError(code, os.strerror(code))


def test_a_store_error_passes_the_border_as_it_is() -> None:
    error = StoreError("mine")
    with pytest.raises(StoreError) as caught, as_store_errors("report"):
        raise error
    assert caught.value is error


def test_a_lock_is_seen_as_long_as_it_is_held(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    with (tmp_path / "lock").open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert is_locked(tmp_path / "lock")
    assert not is_locked(tmp_path / "lock")
