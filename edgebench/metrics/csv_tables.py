"""Tables of text as people keep them: CSV with comma, semicolon or tab, with or without labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from math import isfinite
from pathlib import Path

import numpy as np

from edgebench.errors import DataError
from edgebench.metrics.confusion import Scale

LARGEST_BYTES = 256 << 20
TOTALS = frozenset({"total", "totals", "sum", "all"})
DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?\s*%?")


@dataclass(frozen=True)
class ConfusionTable:
    """Cells [truth, predicted], the labels (numbers where the file has none), and what the cells are."""

    matrix: np.ndarray
    labels: tuple[str, ...]
    scale: Scale


def read_rows(path: Path) -> list[list[str]]:
    """Rows of stripped cells, without blank lines; numbers with a decimal comma get a point where no comma divides.

    Raises:
        DataError: it cannot be read as a table of text, or is empty.
    """
    if not path.is_file():
        raise DataError("no such file" if not path.exists() else "is not a file", subject=str(path))
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise DataError(f"is larger than {LARGEST_BYTES >> 20} MiB", subject=str(path))
        text = path.read_text(encoding="utf-8-sig")
        delimiter = next((mark for mark in "\t;" if all(len(row) > 1 for row in _rows(text, mark))), ",")
        rows = list(_rows(text, delimiter))
    except OSError as exc:
        raise DataError(exc.strerror or str(exc), subject=str(path)) from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"is not a CSV file: {exc}", subject=str(path), fix="save it as CSV in UTF-8") from exc
    if not rows:
        raise DataError("is empty", subject=str(path))
    return rows if delimiter == "," else [[_with_point(cell) for cell in row] for row in rows]


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Rows of stripped cells, without blank ones; a line break in a quoted cell stays there."""
    for row in csv.reader(StringIO(text), delimiter=delimiter):
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield cells


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell


def read_confusion(path: Path, *, scale: Scale | None = None) -> ConfusionTable:
    """A confusion matrix, rows truth and columns predicted, with a header row and a first column of labels,
    with one of them, or of bare numbers.

    Without `scale`, cells whose every row adds up to 100 or to 1, as far as their digits allow, are shares of
    rows; cells that add up so together, and are no whole numbers, shares of all; whole numbers counts.

    Raises:
        DataError: it is no such table: not square, not numbers, negative, or its labels differ.
    """
    header, names, body = _parted(read_rows(path), path)
    columns, rows = header[-len(body) :], names
    if columns and rows and columns != rows:
        raise DataError(
            f"labels differ: rows {', '.join(rows)}; columns {', '.join(columns)}",
            subject=str(path),
            fix="name rows (truth) and columns (predicted) alike, in one order",
        )
    labels = rows or columns or [str(place) for place in range(len(body))]
    _check_labels(labels, path)
    matrix = np.array([[_number(cell, path, label) for cell in row] for label, row in zip(labels, body, strict=True)])
    return ConfusionTable(matrix, tuple(labels), scale or _scale(matrix, body, path))


def _parted(rows: list[list[str]], path: Path) -> tuple[list[str], list[str], list[list[str]]]:
    """Header labels, labels of the rows, and cells; no label where the file has none."""
    if len(rows) > 1 and len(rows[0]) == len(rows[1]) - 1:
        rows = [["", *rows[0]], *rows[1:]]  # a header without a cell above the labels
    for place, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(f"row {place} has {len(row)} cells, the first {len(rows[0])}", subject=str(path))
    high, wide = len(rows), len(rows[0])
    header = high > wide or not rows[0][0] or (high == wide and not is_number(rows[0][0]))
    named = wide > high or (high == wide and header)
    first, body = (rows[0], rows[1:]) if header else ([], rows)
    names, cells = ([row[0] for row in body], [row[1:] for row in body]) if named else ([], body)
    # Empty, or `truth` above numbers: the head of a column of labels, and not the first class.
    corner = header and not named and not is_number(first[0]) and all(not first[0] or is_number(c) for c in first[1:])
    labelled = not corner and (not header or any(not is_number(cell) for cell in first))
    labelled &= not (named and not header) or any(not is_number(name) for name in names)
    if not labelled or not cells or len(cells) != len(cells[0]):
        raise DataError(
            f"is not square: {high} x {wide} cells",
            subject=str(path),
            fix="give one row (truth) and one column (predicted) for each class",
        )
    return first, names, cells


def _check_labels(labels: Sequence[str], path: Path) -> None:
    for label in labels:
        if not label or labels.count(label) > 1:
            raise DataError(f"label {label!r} is empty or not the only one", subject=str(path))
        if label.lower() in TOTALS:
            raise DataError(f"{label!r} reads like totals", subject=str(path), fix="leave totals out")


def is_number(cell: str) -> bool:
    """Whether a cell is a number or a percentage."""
    try:
        float(cell.removesuffix("%"))
    except ValueError:
        return False
    return True


def _number(cell: str, path: Path, label: str) -> float:
    value = float(cell.removesuffix("%")) if is_number(cell) else float("nan")
    if not isfinite(value) or value < 0:
        raise DataError(
            f"row {label!r} holds {cell!r}", subject=str(path), fix="cells are numbers of 0 or more, such as 12 or 3.5%"
        )
    return value


def _scale(matrix: np.ndarray, cells: list[list[str]], path: Path) -> Scale:
    percent = any(cell.endswith("%") for row in cells for cell in row)
    counts = not percent and bool((matrix == np.rint(matrix)).all())
    halves = half_units([cell for row in cells for cell in row])
    rows = matrix.any(axis=1)
    parts = matrix[rows], halves.reshape(matrix.shape)[rows]
    if rows.any() and any(adds_up(*parts, total=total).all() for total in ((100,) if counts else (100, 1))):
        return "rows"
    if counts:
        return "counts"
    if any(adds_up(matrix.ravel(), halves, total=total) for total in (100, 1)):
        return "all"
    raise DataError(
        "cells are neither counts, nor do they add up to 100 or 1, by rows or together",
        subject=str(path),
        fix="counts are whole numbers; else say what the cells are: --cells rows, or all",
    )


def adds_up(values: np.ndarray, halves: np.ndarray | float, *, total: float) -> np.ndarray:
    """Whether numbers [..., n] that are not negative, each rounded by up to `halves`, may add up to `total`: [...]."""
    least, most = np.maximum(values - halves, 0).sum(axis=-1), (values + halves).sum(axis=-1)
    rounding = 1e-9 * total
    return np.asarray((least <= total + rounding) & (most >= total - rounding))


def half_units(cells: Sequence[str]) -> np.ndarray:
    """Half a unit of the last digit of each number: by as much it may have been rounded.

    A whole number beside others that are none has lost a zero behind its point.
    """
    digits = np.array([_digits(cell) for cell in cells])
    return np.asarray(0.5 * 10.0 ** -np.maximum(digits, 1 if digits.any() else 0))


def _digits(cell: str) -> int:
    exponent = Decimal(cell.removesuffix("%").strip()).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
