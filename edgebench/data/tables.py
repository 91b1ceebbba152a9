"""Tables of pictures as people keep them: CSV with comma, semicolon or tab, or Parquet, one row at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from edgebench.errors import DataError, MissingPackage

SUFFIXES = (".csv", ".parquet")
DIVIDERS = ",;\t"
LISTED = ";"
"""Between the numbers that one cell holds."""

Cells = list[str]


def rows_of(table: Path) -> Iterator[tuple[str, Cells]]:
    """Place and cells of the header, then of each row that is not empty, one at a time.

    Raises:
        DataError: it is not such a table.
        MissingPackage: a Parquet file, and the package that reads it is not installed.
    """
    return _parquet_rows(table) if _is_parquet(table) else _csv_rows(table)


def has_decimal_commas(table: Path) -> bool:
    """Whether 0,5 is a number in it: so where semicolons divide, as that is why they do."""
    return not _is_parquet(table) and _divider(table) == ";"


def _is_parquet(table: Path) -> bool:
    return table.suffix.lower() == ".parquet"


def _divider(table: Path) -> str:
    """The mark that makes the most cells of the header, of several the comma."""
    with table.open(encoding="utf-8-sig", newline="") as lines:
        header = next((line for line in lines if line.strip()), "")
    return max(DIVIDERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark))) if header else 0)


def _csv_rows(table: Path) -> Iterator[tuple[str, Cells]]:
    try:
        divider = _divider(table)
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, delimiter=divider)
            for cells in reader:
                if cells:
                    yield f"{table}:{reader.line_num}", cells
    except UnicodeDecodeError as exc:
        raise DataError("is not UTF-8 text", subject=str(table), fix="save it as UTF-8") from exc
    except csv.Error as exc:
        raise DataError(f"is not a CSV table: {exc}", subject=str(table), fix="copy the file again") from exc
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", subject=str(table), fix="copy the file again") from exc


def _parquet_rows(table: Path) -> Iterator[tuple[str, Cells]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as exc:
        raise MissingPackage("needs pyarrow", subject=str(table), fix="pip install pyarrow, or write a CSV") from exc
    try:
        with pq.ParquetFile(table) as file:
            yield str(table), file.schema_arrow.names
            number = 0
            for batch in file.iter_batches(batch_size=4096):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield f"{table}, row {number}", [_written(value) for value in values]
    except (pa.ArrowException, OSError) as exc:
        raise DataError(f"is not a Parquet table: {exc}", subject=str(table), fix="copy the file again") from exc


def _written(value: object) -> str:
    """As a cell of a CSV says it: nothing for what is absent, a;b;c for a list, and for lists of pairs."""
    if isinstance(value, list | tuple):
        return LISTED.join(map(_written, value))
    return "" if value is None else str(value)
