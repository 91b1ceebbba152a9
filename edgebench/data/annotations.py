"""Annotations as they come, one after the other, made columns: of one annotator or of several."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.data.agreement import NONE, agreement, majority, means, twice_by_one
from edgebench.data.index import Index, Split
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np


class Annotations:
    """Collects annotations; several of one picture are those of several annotators, unless they are of several faces.

    Args:
        value_names: names of the columns of numbers.
        labels: classes in their order; by default those that come, by name.
    """

    def __init__(self, *, value_names: Sequence[str] = (), labels: Sequence[str] | None = None) -> None:
        self.value_names = tuple(value_names)
        self.stated = labels
        self.numbers = {label: number for number, label in enumerate(labels or ())}
        # A picture alone, or one of its faces by where that is.
        self.rows: dict[str | tuple[str, bytes], int] = {}
        self.row, self.label, self.value = array("q"), array("q"), array("f")
        self.box, self.landmarks, self.span = array("f"), array("f"), array("q")
        self.groups: dict[str, int] = {}
        self.group = array("q")
        self.annotators: dict[str, int] = {}
        self.annotator = array("q")

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

    def know_group(self, name: str) -> int:
        """The number of a clip or subject by the order of appearance; NONE for an empty name."""
        return self.groups.setdefault(name, len(self.groups)) if name else NONE

    def know_annotator(self, name: str) -> int:
        """The number of an annotator by the order of appearance; NONE for an empty name."""
        return self.annotators.setdefault(name, len(self.annotators)) if name else NONE

    def add(
        self,
        file: str,
        labels: Sequence[int] = (),
        values: Sequence[float] = (),
        *,
        box: Sequence[float] = (),
        landmarks: Sequence[float] = (),
        span: Sequence[int] = (),
        group: Sequence[int] = (),
        annotators: Sequence[int] = (),
    ) -> None:
        """One annotation, or several that differ in the label only; numbers that were not given are NaN.

        Args:
            box: another box, or other landmarks, is another face of the picture.
            annotators: one for each label, or nothing where that is not known of any annotation.
        """
        where = array("f", (*box, *landmarks)).tobytes()
        face = (file, where) if where else file
        row = self.rows.get(face, len(self.rows))
        if row == len(self.rows):
            self.rows[face] = row
            self.box.extend(box)
            self.landmarks.extend(landmarks)
            self.span.extend(span)
            self.group.extend(group)
        self.annotator.extend(annotators)
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
            DataError: no picture has a label, or an annotator has annotated one twice.
        """
        import numpy as np

        row = np.frombuffer(self.row, np.int64)
        values = np.frombuffer(self.value, np.float32).reshape(len(row), len(self.value_names))
        labels, label = self._ordered(np.frombuffer(self.label, np.int64))
        count = len(self.rows)
        files = tuple(face if isinstance(face, str) else face[0] for face in self.rows)
        agreed: dict[str, float] = {}
        tied = 0
        if len(row) > count:
            agreed = agreement(row, label, values, self.value_names, self._who(row, files, folder))
            label, tied = majority(row, label, count, len(labels))
            values = means(row, values, count)
        usable = np.flatnonzero((label >= 0) | np.isfinite(values).any(axis=1))
        if not len(usable):
            why = (
                f": annotators disagree in {f'all {count}' if tied == count else f'{tied} of {count}'}" if tied else ""
            )
            fix = "have one more annotator decide" if tied else "check the annotations"
            raise DataError(f"no picture of the {split} part has a usable label{why}", subject=str(folder), fix=fix)
        counts = {**(dropped or {}), "label without a majority": tied, "no usable label": count - len(usable)}
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
            groups=_columns(self.group, np.int64, (count,), usable),
            key=key,
            dropped={name: number for name, number in counts.items() if number},
            agreement=agreed,
        )

    def _who(self, row: np.ndarray, files: Sequence[str], folder: Path) -> np.ndarray | None:
        """Numbers of the annotators; None where it is not known of each annotation who gave it."""
        import numpy as np

        who = np.frombuffer(self.annotator, np.int64)
        if not len(who) or (who < 0).any():
            return None
        place = twice_by_one(row, who)
        if place is not None:
            raise DataError(
                f"{tuple(self.annotators)[who[place]]!r} annotated {files[row[place]]} twice",
                subject=str(folder),
                fix="keep one of the rows, or tell faces of one picture apart by x, y, width and height",
            )
        return who

    def _ordered(self, label: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """Labels in their order, and the annotations' numbers in it."""
        import numpy as np

        labels = tuple(self.stated) if self.stated is not None else tuple(sorted(self.numbers))
        places = {name: place for place, name in enumerate(labels)}
        return labels, np.take([*(places[name] for name in self.numbers), NONE], label)


def _columns(values: array[Any], dtype: Any, shape: tuple[int, ...], usable: np.ndarray) -> np.ndarray | None:
    import numpy as np

    return np.frombuffer(values, dtype).reshape(shape)[usable] if values else None
