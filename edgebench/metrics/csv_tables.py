"""Tables of text as people keep them: CSV with comma, semicolon or tab, with or without labels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from pathlib import Path

import numpy as np

from edgebench.errors import DataError
from edgebench.metrics.confusion import Scale

LARGEST_BYTES = 256 << 20
TOTALS = frozenset({"total", "totals", "sum", "all"})


@dataclass(frozen=True)
class ConfusionTable:
    """Cells [truth, predicted], the labels (numbers where the file has none), and what the cells are."""

    matrix: np.ndarray
    labels: tuple[str, ...]
    scale: Scale


def read_rows(path: Path) -> list[list[str]]:
    """Rows of stripped cells, without blank lines; decimal commas become points where no comma divides.

    Raises:
        DataError: it cannot be read as a table of text, or is empty.
    """
    if not path.is_file():
        raise DataError("no such file" if not path.exists() else "is not a file", subject=str(path))
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise DataError(f"is larger than {LARGEST_BYTES >> 20} MiB", subject=str(path))
        text = path.read_text(encoding="utf-8-sig")
        lines = [line for line in text.splitlines() if line.strip()]
        delimiter = next((mark for mark in "\t;" if all(mark in line for line in lines)), ",")
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except OSError as exc:
        raise DataError(exc.strerror or str(exc), subject=str(path)) from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"is not a CSV file: {exc}", subject=str(path), fix="save it as CSV in UTF-8") from exc
    rows = [row for row in rows if any(row)]
    if not rows:
        raise DataError("is empty", subject=str(path))
    return rows if delimiter == "," else [[cell.replace(",", ".") for cell in row] for row in rows]


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
    header = high > wide or not rows[0][0] or (high == wide and not _is_number(rows[0][0]))
    named = wide > high or (high == wide and header)
    first, body = (rows[0], rows[1:]) if header else ([], rows)
    names, cells = ([row[0] for row in body], [row[1:] for row in body]) if named else ([], body)
    labelled = not header or any(not _is_number(cell) for cell in first)
    labelled &= not (named and not header) or any(not _is_number(name) for name in names)
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


def _is_number(cell: str) -> bool:
    try:
        float(cell.removesuffix("%"))
    except ValueError:
        return False
    return True


def _number(cell: str, path: Path, label: str) -> float:
    value = float(cell.removesuffix("%")) if _is_number(cell) else float("nan")
    if not isfinite(value) or value < 0:
        raise DataError(
            f"row {label!r} holds {cell!r}", subject=str(path), fix="cells are numbers of 0 or more, such as 12 or 3.5%"
        )
    return value


def _scale(matrix: np.ndarray, cells: list[list[str]], path: Path) -> Scale:
    percent = any(cell.endswith("%") for row in cells for cell in row)
    counts = not percent and bool((matrix == np.rint(matrix)).all())
    digits = max(_digits(cell) for row in cells for cell in row)
    sums = matrix.sum(axis=1)

    def add_up(sums: np.ndarray, parts: int, total: int) -> bool:
        # Each part may have been rounded by half a unit of its last digit.
        return bool((np.abs(sums - total) <= 0.5 * parts * 10.0**-digits + 1e-9 * total).all())

    if matrix.any() and any(add_up(sums[sums > 0], len(matrix), total) for total in ((100,) if counts else (100, 1))):
        return "rows"
    if counts:
        return "counts"
    if any(add_up(sums.sum(), matrix.size, total) for total in (100, 1)):
        return "all"
    raise DataError(
        "cells are neither counts, nor do they add up to 100 or 1, by rows or together",
        subject=str(path),
        fix="counts are whole numbers; else say what the cells are",
    )


def _digits(cell: str) -> int:
    exponent = Decimal(cell.removesuffix("%").strip()).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
