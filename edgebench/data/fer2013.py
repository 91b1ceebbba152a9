"""FER2013 as one CSV: `emotion,pixels,Usage`, each picture 48x48 gray values written out in its row."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from edgebench.data.annotations import Annotations
from edgebench.data.cache import stamp
from edgebench.data.index import SPLITS, Index, Split
from edgebench.data.options import read_options
from edgebench.data.parts import part_names
from edgebench.digests import sha256_json
from edgebench.errors import DataError

FILES = ("fer2013.csv", "icml_face_data.csv")
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""In the order of its numbers (Goodfellow et al. 2013)."""
COLUMNS = ("emotion", "pixels", "usage")


class Fer2013:
    layout: ClassVar[str] = "fer2013"
    looked_for: ClassVar[str] = f"FER2013: {' or '.join(FILES)} with the columns emotion, pixels, Usage"

    def name(self, folder: Path) -> str:
        return f"{folder.resolve().name} (FER2013 layout)"

    def detect(self, folder: Path) -> bool:
        return read_options(folder).layout in (None, self.layout) and _table(folder) is not None

    def splits(self, folder: Path) -> tuple[Split, ...]:
        table = _require(folder)
        named = part_names(_usages(table, stamp(table)), read_options(folder).splits)
        return tuple(split for split in SPLITS if split in named)

    def key(self, folder: Path, split: Split) -> str:
        table, splits = _require(folder), read_options(folder).splits
        return sha256_json([self.layout, split, str(table.resolve()), stamp(table), splits.model_dump()])

    def read(self, folder: Path, split: Split) -> Index:
        table, key = _require(folder), self.key(folder, split)
        named = part_names(_usages(table, stamp(table)), read_options(folder).splits)
        found, elsewhere = Annotations(labels=LABELS), 0
        for line, (emotion, usage, start, length) in enumerate(_rows(table), start=2):
            if usage != named[split]:
                elsewhere += usage not in named.values()
                continue
            found.add(f"{table.name}:{line}", [_number(emotion, f"{table}:{line}")], span=(start, length))
        dropped = {"of no part in use": elsewhere}
        root = table.resolve().parent
        return found.index(folder=folder, root=root, layout=self.layout, split=split, key=key, dropped=dropped)


def _number(text: str, place: str) -> int:
    if not text.isdecimal() or int(text) >= len(LABELS):
        raise DataError(
            f"emotion {text!r} is out of range",
            subject=place,
            fix=f"it must be 0 to {len(LABELS) - 1}: {', '.join(LABELS)}",
        )
    return int(text)


def _table(folder: Path) -> Path | None:
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def _require(folder: Path) -> Path:
    table = _table(folder)
    if table is None:
        raise DataError("no such file", subject=str(folder / FILES[0]), fix="copy it there")
    return table


@lru_cache(maxsize=16)
def _usages(table: Path, _: tuple[int, int]) -> frozenset[str]:
    usages = frozenset(usage for _, usage, _, _ in _rows(table))
    if not usages:
        raise DataError("is empty: it has a header and no rows", subject=str(table), fix="copy the file again")
    return usages


def _rows(table: Path) -> Iterator[tuple[str, str, int, int]]:
    """Emotion, usage, and where in the file the pixels begin and how many bytes they take, of each row.

    Columns may stand in any order; the whole table is never in memory.

    Raises:
        DataError: a column is missing, or a row has other cells.
    """
    try:
        with table.open("rb") as file:
            header = file.readline()
            if not header:
                raise DataError("is empty", subject=str(table), fix="copy the file again")
            names = [name.strip(b' "\r\n\xef\xbb\xbf').decode("latin-1").lower() for name in header.split(b",")]
            if missing := [column for column in COLUMNS if column not in names]:
                raise DataError(
                    f"has no column {missing[0]}",
                    subject=str(table),
                    fix="FER2013 has the columns emotion, pixels, Usage",
                )
            places = [names.index(column) for column in COLUMNS]
            start = len(header)
            for number, line in enumerate(file, start=2):
                if line.strip():
                    yield _cells(line, start, len(names), places, f"{table}:{number}")
                start += len(line)
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", subject=str(table), fix="copy the file again") from exc


def _cells(line: bytes, start: int, count: int, places: list[int], place: str) -> tuple[str, str, int, int]:
    cells = line.split(b",")
    if len(cells) != count:
        raise DataError(f"has {len(cells)} cells instead of {count}", subject=place, fix="copy the file again")
    emotion, pixels, usage = (cells[at] for at in places)
    before = sum(len(cell) + 1 for cell in cells[: places[1]])
    emotion, usage = emotion.strip(b' "\r\n'), usage.strip(b' "\r\n')
    return emotion.decode("latin-1"), usage.decode("latin-1"), start + before, len(pixels)
