"""Files named by the sha256 of their content.

A blob appears whole or not at all: it is written beside its place, flushed to disk and renamed.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgebench.digests import sha256_bytes, sha256_file
from edgebench.errors import StoreError

# A blob or temporary file younger than this may belong to a run still at work.
GRACE_S = 3600.0


@contextmanager
def as_store_errors(subject: Path | str) -> Iterator[None]:
    """The one border where the operating system's refusals become StoreError."""
    try:
        yield
    except StoreError:
        raise
    except OSError as exc:
        full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
        problem = "no space left" if full else exc.strerror or str(exc)
        fix = (
            "free some space (`edgebench store gc` removes what no record names), then run the same command again"
            if full
            else "check that the folder can be written, or choose another with EDGEBENCH_HOME"
        )
        raise StoreError(problem, subject=str(subject), fix=fix) from exc


class Blobs:
    def __init__(self, home: Path) -> None:
        self.folder = home / "blobs"
        self.incoming = home / "tmp"
        with as_store_errors(home):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.incoming.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the blob is, or would be."""
        return self.folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def put_bytes(self, data: bytes) -> str:
        """Keeps the bytes and returns their sha256."""
        sha256 = sha256_bytes(data)
        if not self.has(sha256):
            with self._arriving(sha256) as part, part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        return sha256

    def put_file(self, source: Path) -> str:
        """Keeps a copy of the file and returns its sha256."""
        sha256 = sha256_file(source)
        if not self.has(sha256):
            with self._arriving(sha256) as part:
                shutil.copyfile(source, part)
                with part.open("rb+") as file:
                    os.fsync(file.fileno())
        return sha256

    def read(self, sha256: str) -> bytes:
        with as_store_errors(self.path(sha256)):
            return self.path(sha256).read_bytes()

    def export(self, sha256: str, target: Path) -> Path:
        """Copies the blob to `target`, whole or not at all."""
        with as_store_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
            try:
                shutil.copyfile(self.path(sha256), part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
        return target

    def all(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/*")):
            yield path.name

    def damaged(self) -> Iterator[str]:
        """Blobs whose content no longer has the hash they are named by."""
        for sha256 in self.all():
            with as_store_errors(self.path(sha256)):
                if sha256_file(self.path(sha256)) != sha256:
                    yield sha256

    def remove(self, sha256: str) -> int:
        """Removes the blob and returns the bytes set free."""
        path = self.path(sha256)
        with as_store_errors(path):
            size_bytes = path.stat().st_size
            path.unlink()
        return size_bytes

    def old(self, path: Path) -> bool:
        """True when nobody can still be about to record this file."""
        return time.time() - path.stat().st_mtime > GRACE_S

    def leftovers(self) -> Iterator[Path]:
        """Temporary files of runs that were killed."""
        return (path for path in self.incoming.iterdir() if self.old(path))

    @contextmanager
    def _arriving(self, sha256: str) -> Iterator[Path]:
        target = self.path(sha256)
        part = self.incoming / f"{sha256[:16]}.{uuid.uuid4().hex}"
        with as_store_errors(target):
            try:
                yield part
                target.parent.mkdir(exist_ok=True)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
