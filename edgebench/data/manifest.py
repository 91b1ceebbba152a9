"""A table of pictures: a path in each row, its class or its numbers, and what else is known of it."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from edgebench.data.annotations import Annotations
from edgebench.data.cache import stamp
from edgebench.data.index import SPLITS, VALENCE_AROUSAL, Index, Split
from edgebench.data.options import FILE, DatasetOptions, inside, read_options
from edgebench.data.parts import part_names
from edgebench.data.tables import LISTED, Cells, has_decimal_commas, rows_of
from edgebench.digests import sha256_json
from edgebench.errors import DataError

TABLES = ("manifest.csv", "manifest.parquet")
PATHS = ("path", "file", "filename", "image")
LABELS = ("label", "class", "emotion", "expression")
SPLIT = "split"
GROUPS = ("group", "subject", "clip")
ANNOTATORS = ("annotator", "rater")
BOX = ("x", "y", "width", "height")
BOXES = ("box", "bbox", "face_box")  # one column that holds all four
LANDMARKS = "landmarks"
MOST = 10_000  # numbers of the points of a face
_VOTES = re.compile(r"label_\d+", re.IGNORECASE)


class Manifest:
    layout: ClassVar[str] = "manifest"
    looked_for: ClassVar[str] = f"a table: {' or '.join(TABLES)}, or the one that {FILE} names"

    def name(self, folder: Path) -> str:
        return f"{folder.resolve().name} (manifest)"

    def detect(self, folder: Path) -> bool:
        return _table(folder, read_options(folder)) is not None

    def splits(self, folder: Path) -> tuple[Split, ...]:
        options = read_options(folder)
        named = part_names(_values_of_split(_require(folder, options), options), options.splits)
        return tuple(split for split in SPLITS if split in named)

    def key(self, folder: Path, split: Split) -> str:
        options = read_options(folder)
        table = _require(folder, options)
        identity = [str(folder.resolve()), str(table), stamp(table), options.model_dump(mode="json")]
        return sha256_json([self.layout, split, *identity])

    def read(self, folder: Path, split: Split) -> Index:
        options, key = read_options(folder), self.key(folder, split)
        table = _require(folder, options)
        images = (folder / options.images).resolve()
        named = part_names(_values_of_split(table, options), options.splits)
        wanted = named[split]
        rows = rows_of(table)
        header = Header.of(next(rows, (str(table), []))[1], options, table)
        found = Annotations(value_names=header.value_names, labels=options.labels)
        elsewhere = 0
        for place, cells in rows:
            row = Row(header, cells, place)
            labels = [found.know(cell, place) for cell in row.texts(header.labels)]
            group = found.know_group(row.text(header.group))
            part = row.text(header.split)
            if part != wanted:
                elsewhere += part not in named.values()
                continue
            found.add(
                inside(images, row.text(header.path), place=place),
                labels,
                row.numbers(options),
                box=row.box(),
                landmarks=row.landmarks(),
                group=[group] if header.group else (),
                annotators=[found.know_annotator(name) for name in row.annotators()],
            )
        if not found.rows:
            raise DataError("holds no pictures", subject=str(table), fix="add rows, or name another table")
        dropped = {"of no part in use": elsewhere}
        return found.index(folder=folder, root=images, layout=self.layout, split=split, key=key, dropped=dropped)


def _table(folder: Path, options: DatasetOptions) -> Path | None:
    if options.layout not in (None, Manifest.layout):
        return None
    if options.manifest is not None:
        return folder / inside(folder, options.manifest, place=str(folder / FILE))
    return next((folder / name for name in TABLES if (folder / name).is_file()), None)


def _require(folder: Path, options: DatasetOptions) -> Path:
    table = _table(folder, options)
    if table is None or not table.is_file():
        missing = table or folder / TABLES[0]
        raise DataError("no such file", subject=str(missing), fix=f"add it, or correct `manifest` in {FILE}")
    return table


@dataclass(frozen=True, kw_only=True)
class Header:
    """Where in a row everything stands."""

    places: dict[str, int]
    path: str
    labels: tuple[str, ...]
    split: str
    group: str
    annotator: str
    box: tuple[str, ...]
    landmarks: str
    values: tuple[str, ...]
    decimal_commas: bool

    @property
    def value_names(self) -> tuple[str, ...]:
        """Valence and arousal by those names, the others as their columns."""
        return tuple(map(_value_name, self.values))

    @classmethod
    def of(cls, names: Cells, options: DatasetOptions, table: Path) -> Header:
        """Raises DataError for a column that is stated and not there, or a table without a path or any label."""
        names, columns = [name.strip() for name in names], options.columns
        _check_names(names, options, table)
        kept = [name for name in names if name not in options.ignore]
        # What is usual is known in capitals too.
        usual = {name.casefold(): name for name in reversed(kept)}
        path = columns.path or _first(PATHS, usual)
        if not path:
            fix = f"call a column {PATHS[0]!r}, or state `columns: {{path: ...}}` in {FILE}; {_known(names)}"
            raise DataError("has no column of paths", subject=str(table), fix=fix)
        votes = tuple(name for name in kept if _VOTES.fullmatch(name))
        label = columns.label or _first(LABELS, usual)
        labels = (label,) if label else votes
        split = columns.split or _first((SPLIT,), usual)
        group = columns.group or _first(GROUPS, usual)
        annotator = columns.annotator or _first(ANNOTATORS, usual)
        box = _box(columns.box, usual)
        landmarks = columns.landmarks or _first((LANDMARKS,), usual)
        used = {path, split, group, annotator, landmarks, *labels, *votes, *box}
        used |= {usual[name] for name in (*GROUPS, *ANNOTATORS) if name in usual}
        values = tuple(name for name in kept if name not in used)
        if not labels and not values:
            fix = f"call a column {LABELS[0]!r}, or state `columns: {{label: ...}}` in {FILE}; {_known(names)}"
            raise DataError("has no column of labels", subject=str(table), fix=fix)
        return cls(
            places={name: place for place, name in enumerate(names)},
            path=path,
            labels=labels,
            split=split,
            group=group,
            annotator=annotator,
            box=box,
            landmarks=landmarks,
            values=values,
            decimal_commas=has_decimal_commas(table),
        )


def _check_names(names: Sequence[str], options: DatasetOptions, table: Path) -> None:
    columns = options.columns
    texts = (columns.path, columns.label, columns.split, columns.group, columns.annotator, columns.landmarks)
    for name in (*texts, *_box(columns.box, {}), *options.ignore):
        if name is not None and name not in names:
            raise DataError(f"has no column {name!r}", subject=str(table), fix=_known(names))
    if len(set(map(_value_name, names))) != len(names):
        raise DataError("two columns have one name", subject=str(table), fix="rename one")


def _box(stated: str | tuple[str, ...] | None, usual: Mapping[str, str]) -> tuple[str, ...]:
    """Four columns, or the one that holds four numbers; none where the table has no boxes."""
    if stated is not None:
        return (stated,) if isinstance(stated, str) else stated
    if set(BOX) <= set(usual):
        return tuple(usual[name] for name in BOX)
    whole = _first(BOXES, usual)
    return (whole,) if whole else ()


def _value_name(column: str) -> str:
    return column.casefold() if column.casefold() in VALENCE_AROUSAL else column


def _first(known: Sequence[str], usual: Mapping[str, str]) -> str:
    return next((usual[name] for name in known if name in usual), "")


def _known(names: Sequence[str]) -> str:
    return f"its columns: {', '.join(names)}"


@dataclass(frozen=True)
class Row:
    header: Header
    cells: Cells
    place: str

    def __post_init__(self) -> None:
        if len(self.cells) != len(self.header.places):
            raise DataError(
                f"has {len(self.cells)} cells instead of {len(self.header.places)}",
                subject=self.place,
                fix="give each row a cell for each column",
            )

    def text(self, column: str) -> str:
        """The cell, empty where the table has no such column."""
        return self.cells[self.header.places[column]].strip() if column else ""

    def texts(self, columns: Sequence[str]) -> list[str]:
        return [self.text(column) for column in columns]

    def annotators(self) -> Sequence[str]:
        """Who gave each label of the row: the one that it names, or of several labels their columns."""
        if len(self.header.labels) > 1:
            return self.header.labels
        return [self.text(self.header.annotator)] if self.header.annotator else ()

    def floats(self, columns: Sequence[str]) -> list[float]:
        return [self.number(column) for column in columns]

    def parsed(self, text: str) -> float:
        return float(text.replace(",", ".") if self.header.decimal_commas else text)

    def number(self, column: str) -> float:
        """NaN for an empty cell."""
        text = self.text(column)
        with suppress(ValueError):
            value = self.parsed(text or "nan")
            if not math.isinf(value):
                return value
        raise DataError(
            f"column {column!r}: {text!r} is not a number",
            subject=self.place,
            fix=f"correct it, or name the column under `ignore` or `columns` in {FILE}",
        )

    def numbers(self, options: DatasetOptions) -> list[float]:
        """Of every column of numbers; valence and arousal brought to [-1, 1]."""
        low, high = options.affect_range
        values = self.floats(self.header.values)
        for place, name in enumerate(self.header.value_names):
            if name in VALENCE_AROUSAL and not math.isnan(values[place]):
                if not low <= values[place] <= high:
                    raise DataError(
                        f"{name} {values[place]:g} is out of range",
                        subject=self.place,
                        fix=f"it must lie in [{low:g}, {high:g}]; another range is stated by `affect_range` in {FILE}",
                    )
                values[place] = (2 * values[place] - (low + high)) / (high - low)
        return values

    def box(self) -> list[float]:
        """x, y, width and height; NaN for an empty cell, and nothing where the table has no boxes."""
        if len(self.header.box) != 1:
            return self.floats(self.header.box)
        return self.listed(self.header.box[0], (len(BOX),), "x;y;width;height") or [math.nan] * len(BOX)

    def landmarks(self) -> list[float]:
        """Left, top, right and bottom of the points; NaN for an empty cell."""
        if not self.header.landmarks:
            return []
        points = self.listed(self.header.landmarks, range(0, MOST, 2), "x;y;x;y") or [math.nan] * 2
        xs, ys = points[::2], points[1::2]
        # Cropping asks for their extent only, so that rows may have any number of points.
        return [min(xs), min(ys), max(xs), max(ys)]

    def listed(self, column: str, counts: Container[int], how: str) -> list[float]:
        """The numbers that one cell holds, as many as there may be."""
        text = self.text(column).rstrip(LISTED)
        with suppress(ValueError):
            numbers = [self.parsed(part) for part in text.split(LISTED)] if text else []
            if not text or len(numbers) in counts:
                return numbers
        fix = f"correct it, or name the column under `ignore` in {FILE}"
        raise DataError(f"column {column!r}: {text[:40]!r} does not read {how}", subject=self.place, fix=fix)


def _values_of_split(table: Path, options: DatasetOptions) -> frozenset[str]:
    return _seen_splits(table, stamp(table), options)


@lru_cache(maxsize=16)
def _seen_splits(table: Path, _: tuple[int, int], options: DatasetOptions) -> frozenset[str]:
    """What stands in the column of parts; one empty name where there is none."""
    rows = rows_of(table)
    header = Header.of(next(rows, (str(table), []))[1], options, table)
    return frozenset(Row(header, cells, place).text(header.split) for place, cells in rows) or frozenset([""])
