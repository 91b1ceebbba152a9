"""results.json: the whole record, and the way back."""

from __future__ import annotations

import json

from pydantic import ValidationError

from edgebench.errors import NewerStore, UsageError
from edgebench.records.results import SCHEMA, Results


def render(results: Results) -> bytes:
    return (results.model_dump_json(indent=2) + "\n").encode()


def read(data: bytes, *, subject: str = "results.json") -> Results:
    """The results that `render` wrote.

    Raises:
        NewerStore: a later edgebench wrote them.
        UsageError: they are not results at all.
    """
    try:
        found = json.loads(data)
    except ValueError as exc:
        raise UsageError(f"not JSON: {exc}", subject=subject, fix=_FIX) from exc
    version = found.get("schema_version") if isinstance(found, dict) else None
    if not isinstance(version, int):
        raise UsageError("states no schema_version", subject=subject, fix=_FIX)
    if version > SCHEMA:
        raise NewerStore(
            f"has schema {version}, this edgebench reads up to {SCHEMA}", subject=subject, fix="update edgebench"
        )
    try:
        return Results.model_validate_json(data)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{place}: {first['msg']}", subject=subject, fix=_FIX) from exc


_FIX = "write it again with `edgebench report`"
