"""What several annotators of a picture say together, and how far they agree.

One array each of annotations, one after the other: `row`, int64 numbers of the pictures; `label`, int64, -1 where none
was given; `values`, float32 [annotations, columns], NaN where none was given; `who`, int64 numbers of the annotators.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from edgebench.data.index import VALENCE_AROUSAL
from edgebench.errors import NothingMeasured

if TYPE_CHECKING:
    import numpy as np

NONE = -1
"""Stands for a label that was not given."""
MOST_PAIRED = 20
"""Annotators that are compared two by two; a crowd has too many pairs, each of too few pictures."""


def majority(row: np.ndarray, label: np.ndarray, count: int, classes: int) -> tuple[np.ndarray, int]:
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


def means(row: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Of the numbers that were given: float32 [count, columns]; NaN where none was."""
    import numpy as np

    there = np.isfinite(values)
    sums, given = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(sums, row, np.where(there, values, 0))
    np.add.at(given, row, there)
    return np.where(given > 0, sums / np.maximum(given, 1), np.nan).astype(np.float32)


def twice_by_one(row: np.ndarray, who: np.ndarray) -> int | None:
    """The place of an annotation by someone who annotated that picture before; None where there is none."""
    import numpy as np

    _, first = np.unique(row * (who.max() + 1) + who, return_index=True)
    again = np.setdiff1d(np.arange(len(row)), first)
    return int(again[0]) if len(again) else None


def agreement(
    row: np.ndarray, label: np.ndarray, values: np.ndarray, names: Sequence[str], who: np.ndarray | None
) -> dict[str, float]:
    """By `metrics.annotators`, whatever the order of the annotations.

    Where it is not known of each who gave it, or they are more than MOST_PAIRED, by Krippendorff's alpha alone, which
    does not ask. Pictures with one annotation say nothing of it.
    """
    import numpy as np

    several = np.bincount(row)[row] > 1
    _, row = np.unique(row[several], return_inverse=True)
    label, values = label[several], values[several]
    found: dict[str, float] = {}
    if who is not None and who.max() < MOST_PAIRED:
        found = _by_pairs(who[several], row, label, values, names)
    return found | _alphas(_turns(row), row, label, values, names)


def _by_pairs(
    who: np.ndarray, row: np.ndarray, label: np.ndarray, values: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    from edgebench.metrics.annotators import affect_agreement, expression_agreement

    found: dict[str, float] = {}
    with suppress(NothingMeasured):
        found |= expression_agreement(_table(who, row, label, NONE))
    if set(VALENCE_AROUSAL) <= set(names):
        affect = values[:, [names.index(name) for name in VALENCE_AROUSAL]]
        with suppress(NothingMeasured):
            found |= affect_agreement(_table(who, row, affect, math.nan))
    return found


def _alphas(
    turns: np.ndarray, row: np.ndarray, label: np.ndarray, values: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    import numpy as np

    from edgebench.metrics.annotators import alpha

    named = np.where(label < 0, np.nan, label)
    found = {"krippendorff_alpha": alpha(_table(turns, row, named, math.nan), level="nominal")}
    for place, name in enumerate(names):
        rated = _table(turns, row, values[:, place], math.nan)
        found[f"krippendorff_alpha_{name}"] = alpha(rated, level="interval")
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _table(line: np.ndarray, row: np.ndarray, given: np.ndarray, nothing: float) -> np.ndarray:
    """[lines, pictures, ...] of the annotations, `nothing` where there is none."""
    import numpy as np

    kind = np.int64 if given.dtype.kind == "i" else np.float64
    table = np.full((line.max() + 1, row.max() + 1, *given.shape[1:]), nothing, kind)
    table[line, row] = given
    return table


def _turns(row: np.ndarray) -> np.ndarray:
    """The how-manieth of its picture each annotation is."""
    import numpy as np

    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(row.max() + 1))
    turns = np.empty(len(row), np.int64)
    turns[order] = np.arange(len(row)) - starts[row[order]]
    return turns
