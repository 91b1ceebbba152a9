"""Names become imports here and nowhere else.

A registry is a dictionary from a name to "module:attribute", so listing what exists imports nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from edgebench.errors import MissingPackage, UnknownName

EXTRAS = dict.fromkeys(("torch", "litert-torch", "litert_torch", "onnxscript"), "torch")
"""Packages and modules that come with an extra of edgebench."""


def install(package: str) -> str:
    """The command that installs what is missing."""
    return f"pip install 'edgebench[{EXTRAS[package]}]'" if package in EXTRAS else f"pip install {package}"


def resolve(table: Mapping[str, str], name: str, *, kind: str) -> Any:
    """The object registered under `name`, imported now.

    Raises:
        UnknownName: the name has no row in the table.
        MissingPackage: its module needs a package that is not installed.
    """
    if name not in table:
        raise UnknownName.among(name, table, kind=kind)
    module, _, attribute = table[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as exc:
        if exc.name and exc.name.partition(".")[0] == "edgebench":
            raise  # our own mistake, not a missing package
        raise MissingPackage(
            f"needs the package {exc.name!r}", subject=f"{kind} {name}", fix=install(str(exc.name))
        ) from exc
