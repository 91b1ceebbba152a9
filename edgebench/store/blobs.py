"""Files named by the sha256 of their content.

A blob appears whole or not at all: it is written beside its place, flushed to disk and renamed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edgebench.digests import sha256_bytes, sha256_file
from edgebench.files import as_store_errors, replacing


class Blobs:
    def __init__(self, home: Path) -> None:
        self.folder = home / "blobs"
        with as_store_errors(home):
            self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the blob is, or would be."""
        return self.folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def put_bytes(self, data: bytes) -> str:
        """Keeps the bytes and returns their sha256."""
        sha256 = sha256_bytes(data)
        path = self.path(sha256)
        with as_store_errors(path):
            if not _made_young(path):
                with replacing(path, sync=True) as part:
                    part.write_bytes(data)
        return sha256

    def put_file(self, source: Path) -> str:
        """Keeps a copy of the file and returns its sha256."""
        sha256 = sha256_file(source)
        path = self.path(sha256)
        with as_store_errors(path):
            if not _made_young(path):
                with replacing(path, sync=True) as part:
                    shutil.copyfile(source, part)
        return sha256

    def read(self, sha256: str) -> bytes:
        with as_store_errors(self.path(sha256)):
            return self.path(sha256).read_bytes()

    def export(self, sha256: str, target: Path) -> Path:
        """Copies the blob to `target`, whole or not at all."""
        with as_store_errors(target), replacing(target) as part:
            shutil.copyfile(self.path(sha256), part)
        return target

    def all(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/" + "[0-9a-f]" * 64)):
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


def _made_young(path: Path) -> bool:
    """False where the blob is not there. One that is counts as put now, so that no gc takes it from under a run."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
