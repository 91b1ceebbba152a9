"""Keras' files, looked at before Keras opens them, and what it raises on bad ones put into words."""

from __future__ import annotations

import contextlib
import json
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgebench.errors import ModelFileError

ZIP = b"PK\x03\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"

# What zipfile, h5py and Keras were seen to raise on truncated and altered files, with their families.
DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    EOFError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)

LEFT_INITIAL = "freshly-initialized"
LONGEST_DETAIL = 300
"""Characters kept of a library's own message."""


@contextlib.contextmanager
def translated(path: Path, problem: str, *, fix: str) -> Iterator[None]:
    """Raises ModelFileError for what a library raises on a file that it cannot take."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    except DAMAGE as exc:
        raise ModelFileError(f"{problem} ({_one_line(exc)})", subject=str(path), fix=fix) from exc
    # Keras only warns when it leaves layers at their initial weights.
    left = [_one_line(warning.message) for warning in caught if LEFT_INITIAL in str(warning.message)]
    if left:
        raise ModelFileError(f"{problem} ({left[0]})", subject=str(path), fix=fix)


def _one_line(message: object) -> str:
    text = " ".join(str(message).split())
    return text if len(text) <= LONGEST_DETAIL else text[:LONGEST_DETAIL] + "..."


def checked_weights(path: Path, *, arrays: int) -> None:
    """Refuses what is no HDF5 file with that many arrays. Keras itself passes over arrays it has no place for."""
    magic = _magic(path)
    if magic.startswith(ZIP):
        raise ModelFileError(
            "is a whole .keras model, not weights", subject=str(path), fix="write `keras:` in place of `weights:`"
        )
    if not magic.startswith(HDF5):
        raise ModelFileError("is not a .weights.h5 file", subject=str(path), fix="write it with model.save_weights()")
    import h5py

    found: list[str] = []
    with (
        translated(path, "the weights are damaged or cut short", fix="fetch or train them again"),
        h5py.File(path, "r") as file,
    ):
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    if len(found) != arrays:
        raise ModelFileError(
            f"holds {len(found)} arrays, the architecture has {arrays}",
            subject=str(path),
            fix="correct the architecture or its options",
        )


def checked_archive(path: Path) -> None:
    """Refuses what is no whole `.keras` archive, or would run code of its own."""
    magic = _magic(path)
    if magic.startswith(HDF5):
        raise ModelFileError(
            "is an HDF5 file, not a .keras archive",
            subject=str(path),
            fix="load it in Keras and save it as .keras, or write `weights:` for weights of the zoo",
        )
    if not magic.startswith(ZIP):
        raise ModelFileError("is not a .keras file", subject=str(path), fix="write it with model.save('NAME.keras')")
    with (
        translated(path, "the archive is damaged or cut short", fix="fetch or save it again"),
        zipfile.ZipFile(path) as archive,
    ):
        damaged = archive.testzip()
        config = json.loads(archive.read("config.json")) if damaged is None else {}
    if damaged is not None:
        raise ModelFileError(f"{damaged} inside it is damaged", subject=str(path), fix="fetch or save it again")
    _refuse_code(config, path)


def _refuse_code(config: Any, path: Path) -> None:
    for part in _objects(config):
        kind, module = part["class_name"], part.get("module")
        layer = part.get("config", {}).get("name", kind) if isinstance(part.get("config"), dict) else kind
        if kind in ("Lambda", "__lambda__"):
            raise ModelFileError(
                f"layer {layer!r} is a Lambda, Python code stored in the file, which is not run",
                subject=str(path),
                fix="rebuild it from Keras' own layers",
            )
        if isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins"):
            raise ModelFileError(
                f"layer {layer!r} is a {kind} of {module}, code that edgebench does not have",
                subject=str(path),
                fix="rebuild it from Keras' own layers",
            )


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Every serialized object of a Keras configuration, outermost first."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _objects(value)
    elif isinstance(config, list):
        for value in config:
            yield from _objects(value)


def _magic(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as exc:
        raise ModelFileError(exc.strerror or str(exc), subject=str(path), fix="make it readable") from exc
