"""Columns of a table by name, and the numbers in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgebench.errors import DataError, NothingMeasured
from edgebench.metrics import canonical
from edgebench.metrics.csv_tables import read_rows
from edgebench.specs.model import ValenceArousalHead

Columns = dict[str, list[str]]

Bounds = tuple[float, float]
UNIT: Bounds = (-1.0, 1.0)


def read_columns(path: Path) -> Columns:
    """Columns by name, of a table with a header.

    Raises:
        DataError: it is no such table.
        NothingMeasured: it holds nothing below its header.
    """
    header, *rows = read_rows(path)
    for place, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataError(f"row {place} has {len(row)} cells, the header {len(header)}", subject=str(path))
    if len(set(header)) != len(header):
        raise DataError("two columns have one name", subject=str(path))
    if not rows:
        raise NothingMeasured("holds a header only", subject=str(path))
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def numbers(cells: Sequence[str], name: str, path: Path) -> np.ndarray:
    """Float64; NaN for an empty cell.

    Raises:
        DataError: a cell holds something else, or infinity.
    """
    values = np.empty(len(cells))
    for place, cell in enumerate(cells):
        try:
            values[place] = float(cell or "nan")
        except ValueError as exc:
            problem = f"column {name!r} holds {cell!r} in row {place + 2}, no number"
            raise DataError(problem, subject=str(path), fix=f"leave {name!r} out if it is of something else") from exc
    if np.isinf(values).any():
        raise DataError(f"column {name!r} holds infinity", subject=str(path))
    return values


def affect_numbers(
    cells: Sequence[str], name: str, path: Path, *, bounds: Bounds = UNIT, overshoot: float = 0.0
) -> np.ndarray:
    """Valence or arousal, brought from `bounds` to [-1, 1]; NaN for an empty cell.

    Args:
        overshoot: how far beyond its bounds a number may lie, in widths of the bounds.

    Raises:
        DataError: a cell holds something else.
    """
    given = numbers(cells, name, path)
    values = canonical(given, ValenceArousalHead(kind="valence_arousal", name=name, range=bounds))
    beyond = np.abs(values) > 1 + 2 * overshoot
    if beyond.any():
        low, high = bounds
        raise DataError(
            f"column {name!r} holds {given[beyond][0]:g}, a number outside [{low:g}, {high:g}]",
            subject=str(path),
            fix="state what valence and arousal lie in, such as --range -10 10",
        )
    return values
