"""Annotations as they come, one after the other, made columns: of one annotator or of several."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.data.index import VALENCE_AROUSAL, Index, Split
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

NONE = -1
"""Stands for a label that was not given."""


class Annotations:
    """Collects annotations; several of one picture are those of several annotators.

    Args:
        value_names: names of the columns of numbers.
        labels: classes in their order; by default those that come, by name.
    """

    def __init__(self, *, value_names: Sequence[str] = (), labels: Sequence[str] | None = None) -> None:
        self.value_names = tuple(value_names)
        self.stated = labels
        self.numbers = {label: number for number, label in enumerate(labels or ())}
        self.rows: dict[str, int] = {}
        self.row, self.label, self.value = array("q"), array("q"), array("f")
        self.box, self.landmarks, self.span = array("f"), array("f"), array("q")

    def know(self, label: str, place: str) -> int:
        """The number of a class by the order of appearance; NONE for an empty name.

        Raises:
            DataError: it is not among the stated ones.
        """
        if not label:
            return NONE
        if self.stated is not None and label not in self.numbers:
            raise DataError(
                f"label {label!r} is unknown",
                subject=place,
                fix=f"it must be one of {', '.join(self.stated[:20])}, or stand in `labels`",
            )
        return self.numbers.setdefault(label, len(self.numbers))

    def add(
        self,
        file: str,
        labels: Sequence[int] = (),
        values: Sequence[float] = (),
        *,
        box: Sequence[float] = (),
        landmarks: Sequence[float] = (),
        span: Sequence[int] = (),
    ) -> None:
        """One annotation, or several that differ in the label only; numbers that were not given are NaN."""
        row = self.rows.get(file, len(self.rows))
        if row == len(self.rows):
            self.rows[file] = row
            self.box.extend(box)
            self.landmarks.extend(landmarks)
            self.span.extend(span)
        for place, label in enumerate(labels or (NONE,)):
            self.row.append(row)
            self.label.append(label)
            # The numbers of a row with several labels were given once.
            self.value.extend(values if place == 0 else [math.nan] * len(values))

    def index(
        self, *, folder: Path, root: Path, layout: str, split: Split, key: str, dropped: dict[str, int] | None = None
    ) -> Index:
        """Majority of the classes and mean of the numbers given to each picture, and how far annotators agree.

        Raises:
            DataError: no picture has a label.
        """
        import numpy as np

        row = np.frombuffer(self.row, np.int64)
        values = np.frombuffer(self.value, np.float32).reshape(len(row), len(self.value_names))
        labels, label = self._ordered(np.frombuffer(self.label, np.int64))
        count = len(self.rows)
        agreement: dict[str, float] = {}
        tied = 0
        if len(row) > count:
            agreement = _agreement(row, label, values, self.value_names, count)
            label, tied = _majority(row, label, count, len(labels))
            values = _means(row, values, count)
        usable = np.flatnonzero((label >= 0) | np.isfinite(values).any(axis=1))
        if not len(usable):
            raise DataError(
                f"no picture of the {split} part has a usable label", subject=str(folder), fix="check the annotations"
            )
        counts = {**(dropped or {}), "label without a majority": tied, "no usable label": count - len(usable)}
        files = tuple(self.rows)
        whole = len(usable) == count
        return Index(
            name="",
            layout=layout,
            split=split,
            synthetic=False,
            folder=folder.resolve(),
            root=root,
            files=files if whole else tuple(files[position] for position in usable.tolist()),
            labels=labels,
            classes=label[usable],
            value_names=self.value_names,
            values=values[usable],
            face_box=_columns(self.box, np.float32, (count, 4), usable),
            landmarks=_columns(self.landmarks, np.float32, (count, -1, 2), usable),
            spans=_columns(self.span, np.int64, (count, 2), usable),
            key=key,
            dropped={name: number for name, number in counts.items() if number},
            agreement=agreement,
        )

    def _ordered(self, label: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """Labels in their order, and the annotations' numbers in it."""
        import numpy as np

        labels = tuple(self.stated) if self.stated is not None else tuple(sorted(self.numbers))
        places = {name: place for place, name in enumerate(labels)}
        return labels, np.take([*(places[name] for name in self.numbers), NONE], label)


def _columns(values: array[Any], dtype: Any, shape: tuple[int, ...], usable: np.ndarray) -> np.ndarray | None:
    import numpy as np

    return np.frombuffer(values, dtype).reshape(shape)[usable] if values else None


def _majority(row: np.ndarray, label: np.ndarray, count: int, classes: int) -> tuple[np.ndarray, int]:
    """The most frequent class of each picture, none where two are, and how many pictures have no majority."""
    import numpy as np

    given = label >= 0
    pairs, votes = np.unique(row[given] * max(classes, 1) + label[given], return_counts=True)
    rows, named = np.divmod(pairs, max(classes, 1))
    most = np.zeros(count, np.int64)
    np.maximum.at(most, rows, votes)
    winners = votes == most[rows]
    several = np.bincount(rows[winners], minlength=count) > 1
    found = np.full(count, NONE, np.int64)
    found[rows[winners]] = named[winners]
    found[several] = NONE
    return found, int(several.sum())


def _means(row: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Of the numbers that were given: float32 [count, columns]; NaN where none was."""
    import numpy as np

    there = np.isfinite(values)
    sums, given = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(sums, row, np.where(there, values, 0))
    np.add.at(given, row, there)
    return np.where(given > 0, sums / np.maximum(given, 1), np.nan).astype(np.float32)


def _agreement(
    row: np.ndarray, label: np.ndarray, values: np.ndarray, names: Sequence[str], count: int
) -> dict[str, float]:
    """By `metrics.annotators`, where the n-th annotation of each picture counts as the n-th annotator's."""
    import numpy as np

    from edgebench.metrics.annotators import affect_agreement, alpha, expression_agreement

    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(count))
    turn = np.empty(len(row), np.int64)
    turn[order] = np.arange(len(row)) - starts[row[order]]
    named = np.full((turn.max() + 1, count), NONE, np.int64)
    named[turn, row] = label
    rated = np.full((*named.shape, len(names)), np.nan)
    rated[turn, row] = values
    found: dict[str, float] = {}
    if ((named >= 0).sum(axis=0) > 1).any():
        found |= expression_agreement(named)
    several = [name for place, name in enumerate(names) if (np.isfinite(rated[:, :, place]).sum(axis=0) > 1).any()]
    if set(VALENCE_AROUSAL) <= set(several):
        found |= affect_agreement(rated[:, :, [names.index(name) for name in VALENCE_AROUSAL]])
    for name in several:
        each = alpha(rated[:, :, names.index(name)], level="interval")
        found |= {} if math.isnan(each) else {f"krippendorff_alpha_{name}": each}
    return found
