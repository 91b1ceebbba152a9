"""Folders that take long to make, made once per machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

# Read once: tests change their HOME.
ROOT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgebench-tests"


def cached(name: str, recipe: object, build: Callable[[Path], None]) -> Path:
    """The folder that `build` fills, whole or not at all, whichever process comes first.

    Args:
        recipe: all that decides the content; another recipe is another folder.
        build: gets an empty folder.
    """
    folder = ROOT / f"{name}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    ROOT.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    for left in folder.parent.glob(f"{folder.name}.part-*"):  # of a process that was killed
        shutil.rmtree(left)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        part.chmod(0o755)
        build(part)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
