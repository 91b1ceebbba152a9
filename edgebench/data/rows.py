"""From annotations as they stand in AffectNet's files to an index: label ranges and the filters of the literature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.data.index import EXPRESSIONS, VALENCE_AROUSAL, Index, Split
from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

ANNOTATIONS = ("expression", *VALENCE_AROUSAL)
NOT_EXPRESSIONS = ("none", "uncertain", "no-face")
"""Labels 8, 9 and 10: dropped for expression."""
INVALID = -2.0
"""The mark of a valence or arousal that was not annotated."""
POINTS = 68
"""Landmarks of a face."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Annotations before any filter.

    Attributes:
        files: paths of the pictures below the tree that holds them.
        labels: float64 [rows, 3]: expression, valence, arousal.
        where: the place of a row's annotation (row number, name of the annotation), for errors.
        face_box: float [rows, 4]: x, y, width, height in pixels; NaN where a row has none.
        landmarks: float [rows, 68, 2] in pixels; NaN where a row has none.
        unannotated: pictures that have no annotation at all.
    """

    files: Sequence[str]
    labels: np.ndarray
    where: Callable[[int, str], str]
    face_box: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    unannotated: int = 0


def make_index(rows: Rows, *, folder: Path, root: Path, layout: str, split: Split, key: str) -> Index:
    """Checks every label and keeps the rows that at least one head can use.

    Raises:
        DataError: a label outside its range, or nothing left to use.
    """
    import numpy as np

    check_labels(rows)
    expression, valence_arousal = rows.labels[:, 0].astype(np.int64), rows.labels[:, 1:]
    unlabelled = expression >= len(EXPRESSIONS)
    invalid = (valence_arousal == INVALID).any(axis=1)
    keep = np.flatnonzero(~(unlabelled & invalid))
    if not len(keep):
        raise DataError(
            f"no picture of the {split} part has a usable label", subject=str(folder), fix="check the annotations"
        )
    return Index(
        name="",
        layout=layout,
        split=split,
        synthetic=False,
        folder=folder.resolve(),
        root=root,
        files=tuple(rows.files[row] for row in keep.tolist()),
        labels=EXPRESSIONS,
        classes=np.where(unlabelled, -1, expression)[keep],
        value_names=VALENCE_AROUSAL,
        values=np.where(invalid[:, None], np.nan, valence_arousal)[keep].astype(np.float32),
        face_box=None if rows.face_box is None else rows.face_box[keep].astype(np.float32),
        landmarks=None if rows.landmarks is None else rows.landmarks[keep].astype(np.float32),
        key=key,
        dropped=_dropped(rows, expression, invalid, kept=len(keep)),
    )


def check_labels(rows: Rows) -> None:
    """Raises DataError for the first expression that is not 0 to 10, or value outside [-1, 1] that is not -2."""
    import numpy as np

    expression, valence, arousal = rows.labels.T
    highest = len(EXPRESSIONS) + len(NOT_EXPRESSIONS) - 1
    _require(
        (expression == np.round(expression)) & (expression >= 0) & (expression <= highest),
        rows,
        "expression",
        f"a whole number from 0 to {highest}",
    )
    for name, values in (("valence", valence), ("arousal", arousal)):
        _require((np.abs(values) <= 1) | (values == INVALID), rows, name, "a number from -1 to 1, or -2 for invalid")


def _require(good: np.ndarray, rows: Rows, annotation: str, allowed: str) -> None:
    if good.all():
        return
    row = int(good.argmin())
    value = float(rows.labels[row, ANNOTATIONS.index(annotation)])
    raise DataError(
        f"{annotation} {value:g} is out of range", subject=rows.where(row, annotation), fix=f"it must be {allowed}"
    )


def _dropped(rows: Rows, expression: np.ndarray, invalid: np.ndarray, *, kept: int) -> dict[str, int]:
    """What was taken away, by reason; a picture counts under each of its reasons."""
    counts = {
        f"expression {name}": int((expression == len(EXPRESSIONS) + place).sum())
        for place, name in enumerate(NOT_EXPRESSIONS)
    }
    counts["valence/arousal invalid"] = int(invalid.sum())
    counts["no usable label"] = len(rows.files) - kept
    counts["picture without annotation"] = rows.unannotated
    return {name: count for name, count in counts.items() if count}
