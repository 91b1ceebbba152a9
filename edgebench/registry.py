"""Names become imports here and nowhere else.

A registry is a dictionary from a name to "module:attribute", so listing what exists imports nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from edgebench.errors import MissingPackage, UnknownName


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
            f"needs the package {exc.name!r}", subject=f"{kind} {name}", fix=f"pip install {exc.name}"
        ) from exc
