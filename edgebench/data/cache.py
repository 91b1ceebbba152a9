"""Files of the cache: complete or absent, whoever is killed while writing them."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgebench import files
from edgebench.errors import StoreError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    Raises:
        StoreError: the folder cannot be written, or is full.
    """
    try:
        with files.replacing(path) as temporary:
            yield temporary
    except StoreError:
        raise
    except OSError as exc:
        raise unwritable(path.parent, exc) from exc


@contextmanager
def building(path: Path) -> Iterator[None]:
    """Holds the right to make files with the stem of `path`; what a killed holder left behind is removed first."""
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except OSError as exc:
        raise unwritable(path.parent, exc) from exc
    try:
        for leftover in path.parent.glob(f"{files.PARTS}{glob.escape(path.stem)}.*"):
            files.remove(leftover)
        yield
    finally:
        lock.release()


def unwritable(folder: Path, exc: OSError) -> StoreError:
    return StoreError(
        f"the cache cannot be written: {exc.strerror or exc}",
        subject=str(folder),
        fix="free some space, or set EDGEBENCH_HOME to a folder that can be written",
    )


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of change, which tell a file from its changed self; -1 where it is missing."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return -1, -1
    return found.st_size, found.st_mtime_ns
