"""Files and folders that are whole or not there, whoever is killed while writing them."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgebench.errors import FREE_SPACE, StoreError

PARTS = ".part-" + "[0-9a-f]" * 16 + "."
"""How the names of `replacing` begin, as a pattern of `glob` and `fnmatch`; the final name follows."""


@contextmanager
def replacing(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """A temporary path beside `path`, of the same suffixes, that takes its place when the block ends well.

    The block makes a file or a folder there; parent folders are made. When it fails, what it made is
    removed and what was at `path` stays.

    Args:
        sync: bring the content to the disk first, so that even a power cut leaves the old or the new.

    Raises:
        OSError: as the operating system says it; callers name their own error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    try:
        yield part
        if sync:
            _flush(part)
        _put_in_place(part, path)
    finally:
        with suppress(OSError):
            remove(part)


@contextmanager
def as_store_errors(subject: Path | str) -> Iterator[None]:
    """The one border where the operating system's refusals become StoreError."""
    try:
        yield
    except StoreError:
        raise
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space_left(subject) from exc
        in_the_way = exc.errno in (errno.ENOTDIR, errno.EEXIST)
        raise StoreError(
            "a file stands where a folder must be" if in_the_way else exc.strerror or str(exc),
            subject=str(subject),
            fix="check that the folder can be written, or choose another (that of the store with EDGEBENCH_HOME)",
        ) from exc


def no_space_left(subject: Path | str) -> StoreError:
    return StoreError("no space left on device", subject=str(subject), fix=FREE_SPACE)


def require_writable(folder: Path) -> None:
    """Raises OSError where files cannot be made in the folder, before work is put into one."""
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        code = errno.EROFS if read_only else errno.EACCES
        raise OSError(code, os.strerror(code), str(folder))


def remove(path: Path) -> None:
    """Removes a file, or a folder with all that is in it; what is not there is removed already."""
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def is_locked(path: Path) -> bool:
    """True while a process holds the lock on this file (flock)."""
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _part(path: Path) -> Path:
    return path.with_name(f".part-{secrets.token_hex(8)}.{path.name}")


def _flush(part: Path) -> None:
    for path in part.rglob("*") if part.is_dir() else (part,):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _put_in_place(part: Path, path: Path) -> None:
    """A folder cannot be renamed over a full one, which steps aside first; another run may do the same just now."""
    while True:
        try:
            part.replace(path)
            return
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not part.is_dir():
                raise
        with suppress(FileNotFoundError):
            shutil.rmtree(path.rename(_part(path)), ignore_errors=True)
