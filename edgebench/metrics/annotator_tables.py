"""Annotations in a table, and how far their annotators agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgebench.errors import DataError, UsageError
from edgebench.frozen import Frozen
from edgebench.metrics.annotators import affect_agreement, expression_agreement
from edgebench.metrics.columns import UNIT, Bounds, Columns, affect_numbers, read_columns
from edgebench.records.results import Estimate

LABEL, VALENCE, AROUSAL = "label_", "valence_", "arousal_"
"""How columns begin; the rest of their name is the annotator's."""


class AgreementScores(Frozen):
    """Means over pairs of annotators, and Krippendorff's alpha over all; `samples` have labels of several."""

    samples: int
    annotators: tuple[str, ...]
    metrics: dict[str, Estimate]


def score_annotators(path: Path, *, bounds: Bounds | None = None) -> AgreementScores:
    """Agreement in a CSV file with one row for each sample.

    A column `label_NAME` holds the classes that annotator NAME gave, `valence_NAME` and `arousal_NAME` the numbers;
    an empty cell is no label. Of a file with both, both are compared; other columns are not read.

    Args:
        bounds: what valence and arousal lie in, [-1, 1] where it is not said; they are brought to [-1, 1].

    Raises:
        DataError: there are not two annotators, or columns hold what they may not.
        UsageError: bounds are stated, and there is no valence and arousal of several annotators.
        NothingMeasured: no two annotators labelled the same sample.
    """
    columns = read_columns(path)
    classes, affect = _named(columns, LABEL), _affect_names(columns, path)
    if max(len(classes), len(affect)) < 2:
        raise DataError(
            f"names fewer than two annotators in its columns {', '.join(columns)}",
            subject=str(path),
            fix=f"call them {LABEL}1, {LABEL}2, ..., or {VALENCE}1, {AROUSAL}1, {VALENCE}2, ...",
        )
    if bounds is not None and len(affect) < 2:
        raise UsageError("says something of valence and arousal only", subject="--range", fix="leave it out")
    found: dict[str, float] = {}
    compared = np.zeros(len(next(iter(columns.values()))), bool)
    if len(classes) > 1:
        labels = _classes([columns[LABEL + name] for name in classes])
        found |= expression_agreement(labels)
        compared |= (labels >= 0).sum(axis=0) > 1
    if len(affect) > 1:
        values = np.stack([_affect(columns, name, path, bounds or UNIT) for name in affect])
        found |= affect_agreement(values)
        compared |= (~np.isnan(values).any(axis=2)).sum(axis=0) > 1
    return AgreementScores(
        samples=int(compared.sum()),
        annotators=tuple(dict.fromkeys([*classes, *affect])),
        metrics={name: Estimate(value=value) for name, value in found.items()},
    )


def _named(columns: Columns, kind: str) -> list[str]:
    return [name.removeprefix(kind) for name in columns if name.startswith(kind)]


def _affect_names(columns: Columns, path: Path) -> list[str]:
    names = _named(columns, VALENCE)
    for name in sorted({*names} ^ {*_named(columns, AROUSAL)}):
        missing = (VALENCE if name not in names else AROUSAL) + name
        raise DataError(f"has no column {missing!r}", subject=str(path), fix="give both numbers of each annotator")
    return names


def _classes(given: list[list[str]]) -> np.ndarray:
    """Whole numbers [annotators, samples]; -1 for an empty cell."""
    seen = sorted({label for column in given for label in column} - {""})
    places = {label: place for place, label in enumerate(seen)} | {"": -1}
    return np.array([[places[label] for label in column] for column in given])


def _affect(columns: Columns, name: str, path: Path, bounds: Bounds) -> np.ndarray:
    """Float64 [samples, 2], in [-1, 1]; NaN for an empty cell."""
    given = (kind + name for kind in (VALENCE, AROUSAL))
    return np.stack([affect_numbers(columns[column], column, path, bounds=bounds) for column in given], axis=1)
