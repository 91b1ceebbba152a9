from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest
from boards import cache
from boards.cache import cached


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(cache, "ROOT", tmp_path / "cache")
    return cache.ROOT


def write(folder: Path) -> None:
    (folder / "file").write_text("made")


def folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()]


def test_what_was_made_is_not_made_again() -> None:
    folder = cached("thing", 1, write)
    assert (folder / "file").read_text() == "made"
    assert cached("thing", 1, lambda _: pytest.fail("made twice")) == folder


def test_another_recipe_is_another_folder() -> None:
    assert cached("thing", 1, write) != cached("thing", 2, write)


def test_a_build_that_fails_leaves_nothing(root: Path) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise RuntimeError("half done")

    with pytest.raises(RuntimeError, match="half done"):
        cached("thing", 1, fail)
    assert folders(root) == []
    assert (cached("thing", 1, write) / "file").exists()


def test_what_a_killed_build_left_is_cleared_by_the_next(root: Path) -> None:
    folder = cached("thing", 1, write)
    folder.rename(root / f"{folder.name}.part-killed")
    cached("thing", 1, write)
    assert folders(root) == [folder]


def build_slowly(folder: Path) -> None:
    time.sleep(0.2)
    (folder / f"made-{time.monotonic_ns()}").touch()


def make(_: int) -> list[str]:
    return sorted(path.name for path in cached("thing", 1, build_slowly).iterdir())


def test_processes_that_ask_at_once_get_the_one_that_is_made(root: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        results = pool.map(make, range(4), chunksize=1)
        pool.close()
        pool.join()
    assert len(results[0]) == 1
    assert results == [results[0]] * 4
    assert len(folders(root)) == 1
