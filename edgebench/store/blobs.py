"""Files named by the sha256 of their content.

A blob appears whole or not at all: it is written beside its place, flushed to disk and renamed. What
leaves is hashed on its way out, so nobody ever works with a blob that has changed since.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from edgebench.digests import sha256_bytes, sha256_file
from edgebench.errors import StoreError
from edgebench.files import as_store_errors, replacing
from edgebench.store.packages import PACKAGE_SUFFIX, unpack

_CHUNK_BYTES = 1 << 20


class Blobs:
    def __init__(self, home: Path) -> None:
        self.folder = home / "blobs"
        with as_store_errors(home):
            self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the blob is, or would be."""
        return self.folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """True when it is there; whether it is whole is seen when it is used."""
        with as_store_errors(self.path(sha256)):
            return self.path(sha256).is_file()

    def put_bytes(self, data: bytes) -> str:
        """Keeps the bytes and returns their sha256."""
        sha256 = sha256_bytes(data)
        self._put(sha256, lambda part: part.write_bytes(data))
        return sha256

    def put_file(self, source: Path) -> str:
        """Keeps a copy of the file and returns its sha256."""
        with as_store_errors(source):
            sha256 = sha256_file(source)
        self._put(sha256, lambda part: shutil.copyfile(source, part))
        return sha256

    def read(self, sha256: str) -> bytes:
        """The content.

        Raises:
            StoreError: it is missing, or not what was put.
        """
        with as_store_errors(self.path(sha256)):
            data = self.path(sha256).read_bytes()
        if sha256_bytes(data) != sha256:
            raise _damaged(sha256)
        return data

    def export(self, sha256: str, target: Path) -> Path:
        """The blob as the file `target`, or unpacked where that is a package; whole or not at all.

        Raises:
            StoreError: the blob is missing or not what was put, or the target cannot be written.
        """
        with as_store_errors(self.path(sha256)), self.path(sha256).open("rb") as blob:
            if target.suffix == PACKAGE_SUFFIX:
                if hashlib.file_digest(blob, "sha256").hexdigest() != sha256:
                    raise _damaged(sha256)
                return unpack(blob, target)
            with as_store_errors(target), replacing(target) as part:
                if _copy(blob, part) != sha256:
                    raise _damaged(sha256)
        return target

    def all(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/" + "[0-9a-f]" * 64)):
            yield path.name

    def damaged(self) -> Iterator[str]:
        """Blobs whose content no longer has the hash they are named by."""
        return (sha256 for sha256 in self.all() if self._hash(sha256) not in (sha256, None))

    def remove(self, sha256: str) -> int:
        """Removes the blob and returns the bytes set free."""
        path = self.path(sha256)
        with as_store_errors(path):
            size_bytes = path.stat().st_size
            path.unlink()
        return size_bytes

    def _put(self, sha256: str, write: Callable[[Path], object]) -> None:
        path = self.path(sha256)
        with as_store_errors(path):
            # One that is there counts as put now, so that no gc takes it from under a run.
            with suppress(FileNotFoundError):
                os.utime(path)
            if self._hash(sha256) != sha256:
                with replacing(path, sync=True) as part:
                    write(part)

    def _hash(self, sha256: str) -> str | None:
        """What the content hashes to; None where there is none."""
        with as_store_errors(self.path(sha256)), suppress(FileNotFoundError):
            return sha256_file(self.path(sha256))
        return None


def _copy(source: BinaryIO, target: Path) -> str:
    """Copies to a file and returns the sha256 of what was copied."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _damaged(sha256: str) -> StoreError:
    return StoreError(
        "is damaged: its content is not what was kept",
        subject=f"blob {sha256}",
        fix="edgebench store verify --repair, then run the same command again",
    )
