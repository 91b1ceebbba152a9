from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgebench.data.cache import Seal, building, forget_unfinished, replacing, sole_writer, stamp
from edgebench.errors import DataError, StoreError


def test_a_file_takes_its_place_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.json"
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [DataError("bad picture"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "file.json"
    target.write_text("old")

    def write() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_no_space_left_is_a_store_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no space left") as caught, replacing(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    assert caught.value.subject == str(tmp_path / "file")


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError), replacing(tmp_path / "file" / "below"):
        raise AssertionError("never entered")
    with pytest.raises(StoreError), building(tmp_path / "file" / "below"):
        raise AssertionError("never entered")


def test_a_builder_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "key.npy").write_bytes(b"whole")
    left = {name: f".part-{number:016x}.{name}" for number, name in enumerate(("key.npy", "key.json", "other.key.npy"))}
    for name in left.values():
        (tmp_path / name).write_bytes(b"half")
    with building(tmp_path / "key.npy"):
        pass
    assert {path.name for path in tmp_path.iterdir()} - {"key.lock"} == {left["other.key.npy"], "key.npy"}


def test_one_builds_while_the_other_waits(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with building(tmp_path / "key.npy"):
            order.append("second")

    with building(tmp_path / "key.npy"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_user_s_folder_is_made_by_one_at_a_time_and_unfinished_ones_are_forgotten(tmp_path: Path) -> None:
    target = tmp_path / "faces"
    left = tmp_path / f".part-{1:016x}.faces"
    other = tmp_path / f".part-{1:016x}.more-faces"
    for folder in (left, other):
        folder.mkdir()
        (folder / "half.jpg").write_bytes(b"half")
    with sole_writer(target):
        assert not left.exists()
        left.mkdir()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(forget_unfinished, target).result()  # somebody else's, who must not touch it
        assert left.exists()
    forget_unfinished(target)
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.parametrize("change", [b"wholf", b"whol", b""], ids=["flipped", "truncated", "emptied"])
def test_a_seal_fits_its_file_and_no_other(tmp_path: Path, change: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"whole")
    seal = Seal.of(file)
    assert seal.fits(file)
    assert seal.fits(file, fully=True)
    os.utime(file, (1, 1))
    assert seal.fits(file)  # a copy: read in full, once
    assert stamp(file)[1] == seal.mtime_ns
    file.write_bytes(change)
    os.utime(file, (2, 2))
    assert not seal.fits(file)
    os.utime(file, ns=(seal.mtime_ns, seal.mtime_ns))
    assert not seal.fits(file, fully=True)
    file.unlink()
    assert not seal.fits(file)


def test_a_stamp_is_of_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert stamp(tmp_path / "pipe") == stamp(tmp_path) == (-1, -1)


def test_a_stamp_tells_a_missing_file(tmp_path: Path) -> None:
    assert stamp(tmp_path / "none") == (-1, -1)
    (tmp_path / "some").write_bytes(b"abc")
    assert stamp(tmp_path / "some")[0] == 3
