"""A package directory as one deterministic archive, so that it can be a blob like any file."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

from edgebench.digests import sha256_file
from edgebench.errors import StoreError
from edgebench.files import as_store_errors, replacing

PACKAGE_SUFFIX = ".mlpackage"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path, target: Path) -> Path:
    """Writes an uncompressed zip whose bytes depend on names and contents only."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                entry.file_size = path.stat().st_size  # stated ahead, as large ones have another header
                with path.open("rb") as content, archive.open(entry, "w") as packed:
                    shutil.copyfileobj(content, packed)
    return target


def unpack(archive: BinaryIO, folder: Path) -> Path:
    """Writes the package at `folder`, whole or not at all; an existing one is replaced."""
    try:
        with as_store_errors(folder), replacing(folder) as part, zipfile.ZipFile(archive) as content:
            content.extractall(part)  # extractall drops absolute and parent-climbing names
    except zipfile.BadZipFile as exc:
        raise StoreError(str(exc), subject=str(folder)) from exc
    return folder


def holds(target: Path, blob: str) -> bool:
    """True where the file or package is what the blob of that sha256 holds."""
    if target.is_dir():
        with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
            return sha256_file(pack(target, Path(folder) / "package")) == blob
    return target.is_file() and sha256_file(target) == blob


def size_bytes(path: Path) -> int:
    """What ships: the file, or the sum of the package's files."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())
