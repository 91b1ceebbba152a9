"""Keras' files, looked at before Keras opens them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgebench.errors import ModelFileError
from edgebench.sources.border import translated

ZIP = b"PK\x03\x04"
PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_A_PICKLE = "a Python pickle, which may hold code and is not opened"
HDF5 = b"\x89HDF\r\n\x1a\n"
LARGEST_TEXT_BYTES = 50_000_000
MOST_COMPRESSED = 50
ARITHMETIC = ("math.", "nn.", "__operators__.", "linalg.", "compat.v1.nn.", "image.resize")
RESHAPING = frozenset(
    {"cast", "clip_by_value", "compat.v1.transpose", "concat", "expand_dims", "identity", "pad", "reshape", "shape"}
    | {"compat.v1.shape", "compat.v1.pad", "compat.v1.squeeze", "split", "squeeze", "stack", "tile", "transpose"}
)
"""What layers made of single TensorFlow functions may call, as Keras 2 names it."""
REGISTERED = ("Custom>CustomScaleLayer",)
"""Of what is registered under a package's name, what Keras brings itself: a layer of InceptionResNetV2."""


@contextmanager
def named(path: Path, *suffixes: str) -> Iterator[Path]:
    """A path of the same file that ends in one of them, by which Keras tells its formats, in small letters alone."""
    if path.name.endswith(suffixes):
        yield path
        return
    with TemporaryDirectory(prefix="edgebench-") as folder:
        link = Path(folder) / f"model{suffixes[0]}"
        link.symlink_to(path.absolute())
        yield link


def checked_weights(path: Path, *, arrays: int) -> None:
    """Refuses what is no HDF5 file with that many arrays. Keras itself passes over arrays it has no place for."""
    magic = _magic(path)
    if magic.startswith(ZIP):
        raise ModelFileError(
            "is a whole .keras model, not weights", subject=str(path), fix="write `keras:` in place of `weights:`"
        )
    if not magic.startswith(HDF5):
        problem = f"is {_A_PICKLE}" if magic.startswith(PICKLE) else "is not a .weights.h5 file"
        raise ModelFileError(problem, subject=str(path), fix="write it with model.save_weights()")
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
            fix="name it .h5 if it is a whole model, or write `weights:` for weights of the zoo",
        )
    if not magic.startswith(ZIP):
        problem = f"is {_A_PICKLE}" if magic.startswith(PICKLE) else "is not a .keras file"
        raise ModelFileError(problem, subject=str(path), fix="write it with model.save('NAME.keras')")
    with (
        translated(path, "the archive is damaged or cut short", fix="fetch or save it again"),
        zipfile.ZipFile(path) as archive,
    ):
        _refuse_bomb(archive, path)
        damaged = archive.testzip()
        config = json.loads(archive.read("config.json")) if damaged is None else {}
    if damaged is not None:
        raise ModelFileError(f"{damaged} inside it is damaged", subject=str(path), fix="fetch or save it again")
    if isinstance(config, dict):
        config.pop("compile_config", None)  # the optimizer's and the loss's own objects are not loaded
    _refuse_code(config, path)


def _refuse_bomb(archive: zipfile.ZipFile, path: Path) -> None:
    """Text is at most so large, and weights do not compress: who says otherwise is after our memory."""
    for entry in archive.infolist():
        if entry.file_size > LARGEST_TEXT_BYTES and entry.file_size > MOST_COMPRESSED * entry.compress_size:
            raise ModelFileError(
                f"{entry.filename} inside it unpacks to {entry.file_size} bytes from {entry.compress_size}",
                subject=str(path),
                fix="fetch or save it again",
            )


def checked_legacy(path: Path) -> None:
    """Refuses what is no whole model in an HDF5 file, or would run code of its own."""
    magic = _magic(path)
    if not magic.startswith(HDF5):
        kind = "a zip archive" if magic.startswith(ZIP) else _A_PICKLE if magic.startswith(PICKLE) else "no HDF5 file"
        raise ModelFileError(
            f"is {kind}, not an .h5 model", subject=str(path), fix="save it with model.save('NAME.h5')"
        )
    import h5py

    with (
        translated(path, "the file is damaged or cut short", fix="fetch or save it again"),
        h5py.File(path, "r") as file,
    ):
        stated = file.attrs.get("model_config")
        config = None if stated is None else json.loads(stated)
    if config is None:
        raise ModelFileError(
            "holds weights alone, without the net", subject=str(path), fix="save the whole model with model.save()"
        )
    _refuse_code(config, path)


def _refuse_code(config: Any, path: Path) -> None:
    for part in _objects(config):
        kind = part["class_name"]
        inner = part.get("config")
        layer = inner.get("name", kind) if isinstance(inner, dict) else kind
        if kind in ("Lambda", "__lambda__"):
            raise ModelFileError(
                f"layer {layer!r} is a Lambda, Python code stored in the file, which is not run",
                subject=str(path),
                fix="rebuild it from Keras' own layers",
            )
        if kind in ("TFOpLambda", "SlicingOpLambda") and not _is_arithmetic(part):
            raise ModelFileError(
                f"layer {layer!r} calls {inner.get('function') if isinstance(inner, dict) else None!r} of TensorFlow, "
                "which is not arithmetic and not run",
                subject=str(path),
                fix="rebuild it from Keras' own layers",
            )
        if foreign := _foreign(part):
            raise ModelFileError(
                f"layer {layer!r} is {foreign}, code that edgebench does not have",
                subject=str(path),
                fix="rebuild it from Keras' own layers",
            )


def _foreign(part: dict[str, Any]) -> str | None:
    """What an object is that Keras does not bring; None for Keras' own."""
    kind, module = part["class_name"], part.get("module")
    if isinstance(module, str) and module.partition(".")[0] not in ("keras", "tf_keras", "builtins"):
        return f"a {kind} of {module}"
    registered = str(part.get("registered_name") or kind)
    return f"the custom object {registered!r}" if ">" in registered and registered not in REGISTERED else None


def _is_arithmetic(layer: dict[str, Any]) -> bool:
    """Whether a layer that calls TensorFlow by name calls nothing that reaches beyond its tensors."""
    inner = layer.get("config")
    function = inner.get("function") if isinstance(inner, dict) else None
    return isinstance(function, str) and (function.startswith(ARITHMETIC) or function in RESHAPING)


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
