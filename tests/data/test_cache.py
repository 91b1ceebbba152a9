from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edgebench.data.cache import building, replacing, stamp
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
    with pytest.raises(StoreError, match="No space left") as caught, replacing(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    assert caught.value.subject == str(tmp_path)


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


def test_a_stamp_tells_a_missing_file(tmp_path: Path) -> None:
    assert stamp(tmp_path / "none") == (-1, -1)
    (tmp_path / "some").write_bytes(b"abc")
    assert stamp(tmp_path / "some")[0] == 3
