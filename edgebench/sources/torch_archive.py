"""PyTorch's files, looked at before PyTorch opens them; PyTorch itself is not imported."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgebench.errors import ModelFileError
from edgebench.sources.border import translated

ZIP = b"PK\x03\x04"
SIZES = re.compile(r"(Symbol|Integer|Mul|Add|Pow|FloorDiv|Mod|positive|integer|True|False|[a-z]\d+|[\d\s(),'=+*/-])*")
"""What the size of a tensor may be written with: PyTorch's reader evaluates it as Python."""
NAME = re.compile(r"[\w.]+")
OPERATOR = re.compile(r"torch\.ops\.(aten\.(?!from_file)|higher_order\.)\w+(\.\w+)?|_operator\.\w+")
PICKLED = ("custom_obj_", "opaque_obj_")
"""How the names of objects stored as Python pickles begin."""

KINDS = {  # by a file that only such an archive has
    "constants.pkl": "a TorchScript archive",
    "archive_format": "a torch.export program",
    "data.pkl": "a file of torch.save",
}
INSTEAD = {
    "a TorchScript archive": "save the state dict with torch.save(model.state_dict(), FILE), or export the module with "
    "torch.export",
    "a torch.export program": "state it as `exported:`",
    "a file of torch.save": "state it as `torch:` with the module that it belongs to",
}


def kind_of(path: Path) -> str | None:
    """What a file of PyTorch's own zip archives is; None for any other file."""
    with path.open("rb") as file:
        if file.read(4) != ZIP:
            return None
    with translated(path, "the archive is damaged or cut short", fix="fetch or save it again"):
        names = {Path(name).name for name in zipfile.ZipFile(path).namelist()}
    return next((kind for name, kind in KINDS.items() if name in names), None)


def check_whole(path: Path, *, fix: str) -> None:
    """Refuses an archive of which a part is not what was written: PyTorch itself does not look at the checksums."""
    with translated(path, "the archive is damaged or cut short", fix=fix), zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ModelFileError(f"{damaged} inside it is damaged", subject=str(path), fix=fix)


def refuse_kind(path: Path, kind: str | None) -> ModelFileError:
    return ModelFileError(
        f"is {kind}" if kind else "is no file of PyTorch",
        subject=str(path),
        fix=INSTEAD[kind] if kind else "save it with torch.save(model.state_dict(), FILE) or torch.export.save",
    )


def checked_program(path: Path) -> None:
    """Refuses a .pt2 file that holds more than tensors and calls of PyTorch's own operators.

    PyTorch's reader unpickles objects that are marked so, evaluates sizes as Python, and writes a module out of
    the names it finds.
    """
    if (kind := kind_of(path)) != "a torch.export program":
        raise refuse_kind(path, kind)
    again = "fetch or export it again"
    check_whole(path, fix=again)
    with translated(path, "the archive is damaged or cut short", fix=again), zipfile.ZipFile(path) as archive:
        files = archive.namelist()
        objects = [
            part for file in files if file.endswith(".json") for part in _objects(json.loads(archive.read(file)))
        ]
    compiled = next((file for file in files if "/aotinductor/" in file), None)
    found = [f"the compiled code {compiled}"] if compiled else [what for part in objects for what in _code(part)]
    if found:
        raise ModelFileError(
            f"holds {found[0]}, which is not run", subject=str(path), fix="export the net alone, with torch.export.save"
        )


def _code(part: dict[str, Any]) -> Iterator[str]:
    """What an object of the archive's JSON says that PyTorch's reader would run."""
    if part.get("use_pickle") or str(part.get("path_name", "")).startswith(PICKLED):
        yield f"the pickle {part.get('path_name')}"
    if not SIZES.fullmatch(str(part.get("expr_str", ""))):
        yield f"the size {part['expr_str']!r}"
    if "name" in part and part["name"] and not NAME.fullmatch(str(part["name"])):
        yield f"the name {part['name']!r}"
    if "inputs" in part and "target" in part and not OPERATOR.fullmatch(str(part["target"])):
        yield f"a call of {part['target']!r}"


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)
