"""AffectNet as released in 2017: `training.csv`, `validation.csv` and one tree of pictures."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from edgebench.data.cache import stamp
from edgebench.data.index import SPLITS, Index, Split
from edgebench.data.rows import ANNOTATIONS, POINTS, Rows, make_index
from edgebench.digests import sha256_json
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

FILE, LANDMARKS = "subDirectory_filePath", "facial_landmarks"
BOX = ("face_x", "face_y", "face_width", "face_height")
COLUMNS = (FILE, *BOX, LANDMARKS, *ANNOTATIONS)

_LISTS = ("", "Manually_Annotated_file_lists", "Manually_Annotated")
_TREES = ("", "Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
_PROBED = 64


class Affectnet2017:
    layout: ClassVar[str] = "2017"
    looked_for: ClassVar[str] = "AffectNet 2017: validation.csv or training.csv, with the picture folders beside it"

    def name(self, folder: Path) -> str:
        return f"{folder.resolve().name} (AffectNet layout {self.layout})"

    def detect(self, folder: Path) -> bool:
        return bool(self.splits(folder))

    def splits(self, folder: Path) -> tuple[Split, ...]:
        return tuple(split for split in SPLITS if _annotations(folder, split) is not None)

    def key(self, folder: Path, split: Split) -> str:
        file = _require_annotations(folder, split).resolve()
        trees = [(folder / tree).is_dir() for tree in _TREES]
        return sha256_json([self.layout, split, str(folder.resolve()), str(file), stamp(file), trees])

    def read(self, folder: Path, split: Split) -> Index:
        key, file = self.key(folder, split), _require_annotations(folder, split)
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                rows = parse_annotations(lines, name=str(file))
        except UnicodeDecodeError as exc:
            raise DataError("is not UTF-8 text", subject=str(file), fix="copy the file again") from exc
        except OSError as exc:
            raise DataError(f"cannot be read: {exc.strerror}", subject=str(file), fix="copy the file again") from exc
        if not rows.files:
            raise DataError("holds no annotations", subject=str(file), fix="copy the file again")
        root = _image_root(folder.resolve(), rows.files, file)
        return make_index(rows, folder=folder, root=root, layout=self.layout, split=split, key=key)


def _annotations(folder: Path, split: Split) -> Path | None:
    candidates = (folder / place / f"{split}.csv" for place in _LISTS)
    return next((file for file in candidates if file.is_file()), None)


def _require_annotations(folder: Path, split: Split) -> Path:
    file = _annotations(folder, split)
    if file is None:
        raise DataError(f"has no {split}.csv", subject=str(folder), fix=f"add {split}.csv of the 2017 layout")
    return file


def _image_root(folder: Path, files: Sequence[str], annotations: Path) -> Path:
    """The tree that holds the pictures; releases differ in where it hangs."""
    probes = files[:: max(1, len(files) // _PROBED)]
    for tree in (folder / name for name in _TREES):
        if any((tree / file).is_file() for file in probes):
            return tree
    raise DataError(
        f"none of its pictures was found, such as {probes[0]}",
        subject=str(annotations),
        fix="put the picture folders into one of: " + ", ".join(str(folder / name) for name in _TREES),
    )


def parse_annotations(lines: Iterable[str], *, name: str) -> Rows:
    """Rows of the 2017 table, with or without a header line; with one, columns may stand in any order.

    Raises:
        DataError: naming `name`, the line and the column of the first cell that cannot be read.
    """
    import numpy as np

    header = _Header(COLUMNS)
    files: list[str] = []
    places: list[str] = []
    numbers: list[list[float]] = []
    points: list[np.ndarray] = []
    for cells, place in _lines(lines, name):
        if not files and FILE in (names := [cell.strip() for cell in cells]):
            header = _Header.checked(names, place)
            continue
        row = _Row(cells, header, place)
        files.append(row.file())
        places.append(place)
        numbers.append([row.number(column) for column in (*ANNOTATIONS, *BOX)])
        points.append(row.landmarks())
    table = np.array(numbers, np.float64).reshape(-1, len(ANNOTATIONS) + len(BOX))
    return Rows(
        files=files,
        labels=table[:, :3],
        where=lambda row, annotation: places[row],
        face_box=table[:, 3:] if BOX[0] in header.names else None,
        landmarks=np.array(points, np.float32).reshape(-1, POINTS, 2) if LANDMARKS in header.names else None,
    )


def _lines(lines: Iterable[str], name: str) -> Iterator[tuple[list[str], str]]:
    """The cells of each line that has any, and its place."""
    reader = csv.reader(lines)
    try:
        for cells in reader:
            if cells:
                yield cells, f"{name}:{reader.line_num}"
    except csv.Error as exc:
        raise DataError(
            f"is not a CSV table: {exc}", subject=f"{name}:{reader.line_num}", fix="copy the file again"
        ) from exc


@dataclass(frozen=True)
class _Header:
    names: Sequence[str]

    @classmethod
    def checked(cls, names: Sequence[str], place: str) -> _Header:
        wanted = (FILE, *ANNOTATIONS, *(BOX if BOX[0] in names else ()))
        missing = [name for name in wanted if name not in names]
        if missing:
            _fail(place, f"has no column {missing[0]}")
        return cls(names)


@dataclass(frozen=True)
class _Row:
    cells: list[str]
    header: _Header
    place: str

    def __post_init__(self) -> None:
        if len(self.cells) != len(self.header.names):
            _fail(self.place, f"has {len(self.cells)} columns instead of {len(self.header.names)}")

    def text(self, column: str) -> str:
        """The cell, empty where the table has no such column."""
        names = self.header.names
        return self.cells[names.index(column)].strip() if column in names else ""

    def file(self) -> str:
        file = self.text(FILE).replace("\\", "/")
        if not file:
            _fail(self.place, f"column {FILE} is empty")
        return file

    def number(self, column: str) -> float:
        """NaN for an empty cell of the face box; every other cell must be a finite number."""
        text = self.text(column)
        if not text and column in BOX:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            _fail(self.place, f"column {column}: {text!r} is not a number")
        return value

    def landmarks(self) -> np.ndarray:
        """float32 [136]; NaN where the row has none."""
        import numpy as np

        text = self.text(LANDMARKS)
        if not text:
            return np.full(2 * POINTS, np.nan, np.float32)
        try:
            values = np.array(text.rstrip(";").split(";"), np.float32)
        except ValueError:
            values = np.empty(0, np.float32)
        if values.size != 2 * POINTS:
            _fail(self.place, f"column {LANDMARKS} does not hold {POINTS} points as x;y;x;y")
        return values


def _fail(place: str, problem: str) -> NoReturn:
    raise DataError(problem, subject=place, fix=f"expected columns: {', '.join(COLUMNS)}")
