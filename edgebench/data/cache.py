"""Files of the cache: complete or absent, whoever is killed while writing them."""

from __future__ import annotations

import glob
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgebench import files
from edgebench.digests import sha256_bytes, sha256_file
from edgebench.files import as_store_errors
from edgebench.frozen import Frozen


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    Raises:
        StoreError: the folder cannot be written, or is full.
    """
    with as_store_errors(path), files.replacing(path) as temporary:
        yield temporary


@contextmanager
def building(path: Path) -> Iterator[None]:
    """Holds the right to make files with the stem of `path`; what a killed holder left behind is removed first.

    Raises:
        StoreError: the folder cannot be written, or is full.
    """
    from filelock import FileLock

    with as_store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            for leftover in path.parent.glob(f"{files.PARTS}{glob.escape(path.stem)}.*"):
                files.remove(leftover)
            yield


@contextmanager
def sole_writer(folder: Path, *, timeout_s: float = -1) -> Iterator[None]:
    """Holds the right to make a user's folder; what a killed holder left beside it is removed first.

    The lock lies elsewhere, to leave nothing in sight; the system lets go of it however the holder ends.

    Raises:
        filelock.Timeout: another still makes that folder; by default it is waited for.
    """
    from filelock import FileLock

    name = sha256_bytes(os.fsencode(folder.absolute()))[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"edgebench-{os.getuid()}-{name}.lock", timeout=timeout_s):
        for leftover in folder.parent.glob(files.PARTS + glob.escape(folder.name)):
            files.remove(leftover)
        yield


def forget_unfinished(folder: Path) -> None:
    """Removes what a killed holder of `sole_writer` left, unless another makes the folder just now."""
    from filelock import Timeout

    with suppress(Timeout, OSError), sole_writer(folder, timeout_s=0):
        pass


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of change, which tell a file from its changed self; -1 where there is no such file."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return -1, -1
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else (-1, -1)


class Seal(Frozen):
    """What a kept file was when it was written."""

    size_bytes: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Seal:
        size_bytes, mtime_ns = stamp(path)
        return cls(size_bytes=size_bytes, mtime_ns=mtime_ns, sha256=sha256_file(path))

    def fits(self, path: Path, *, fully: bool = False) -> bool:
        """True where the file is what was written.

        A set of 2,000 pictures is 300 MB and takes 0.3 s to hash, more than all else that a cached run does.
        So the content is read only when the time of change is another one, as in a copy of the store, or
        `fully`, which also finds what a failing disk changed.
        """
        size_bytes, mtime_ns = stamp(path)
        if size_bytes != self.size_bytes:
            return False
        if not fully and mtime_ns == self.mtime_ns:
            return True
        if sha256_file(path) != self.sha256:
            return False
        with suppress(OSError):  # a cache that cannot be written is read in full each time
            os.utime(path, ns=(self.mtime_ns, self.mtime_ns))
        return True
