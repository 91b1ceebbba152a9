"""Predictions that somebody kept in a table, scored by every metric that they allow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgebench.errors import DataError, NothingMeasured
from edgebench.frozen import Frozen
from edgebench.metrics.confusion import ConfusionScores, from_confusion
from edgebench.metrics.csv_tables import read_rows
from edgebench.metrics.expression import confusion
from edgebench.metrics.literature import all_scores
from edgebench.records.results import Estimate
from edgebench.specs.model import ExpressionHead, ValenceArousalHead

AFFECT = ("valence", "arousal", "predicted_valence", "predicted_arousal")

Columns = dict[str, list[str]]


class AffectScores(Frozen):
    """Metrics of valence and arousal by name, over the rows that have a label."""

    samples: int
    metrics: dict[str, Estimate]


def read_predictions(path: Path) -> Columns:
    """Columns by name, of a table with a header.

    Raises:
        DataError: it is no such table.
    """
    header, *rows = read_rows(path)
    for place, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataError(f"row {place} has {len(row)} cells, the header {len(header)}", subject=str(path))
    if len(set(header)) != len(header):
        raise DataError("two columns have one name", subject=str(path))
    if not rows:
        raise NothingMeasured("holds a header only", subject=str(path))
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def score_predictions(path: Path, *, seed: int = 0) -> ConfusionScores | AffectScores:
    """Scores of a CSV file of predictions, one row for each sample.

    Either the columns `truth` (empty: no label) and `predicted`, and, for the metrics of scores, one column of
    probabilities for each class, named as the class is; `predicted` may then be left out. Or the columns
    `valence`, `arousal` (empty: no label), `predicted_valence` and `predicted_arousal`, all in [-1, 1].

    Raises:
        DataError: columns are missing, or hold what they may not.
        NothingMeasured: no row carries a label.
    """
    columns = read_predictions(path)
    if set(AFFECT) <= set(columns):
        return _affect(columns, path, seed)
    if "truth" not in columns:
        raise DataError(
            f"lacks a column `truth`; it has {', '.join(columns)}",
            subject=str(path),
            fix=f"name the columns truth, predicted and the classes, or {', '.join(AFFECT)}",
        )
    return _expression(columns, path, seed)


def _expression(columns: Columns, path: Path, seed: int) -> ConfusionScores:
    truth, called = columns["truth"], columns.get("predicted", [])
    seen = sorted({*truth, *called} - {""})
    labels = [name for name in columns if name not in ("truth", "predicted")]
    scored = bool(set(labels) & set(seen))
    if not scored and not called:
        raise DataError("has neither a column `predicted` nor probabilities", subject=str(path))
    labels = labels if scored else seen
    if len(labels) < 2:
        raise DataError("names fewer than two classes", subject=str(path))
    ids = _ids(truth, labels, path)
    outputs = _probabilities(columns, labels, path) if scored else np.eye(len(labels))[_ids(called, labels, path)]
    _check_calls(outputs, _ids(called, labels, path) if called else outputs.argmax(axis=1), path)
    scores = from_confusion(confusion(outputs, ids), labels, seed=seed)
    if not scored:
        return scores
    head = ExpressionHead(kind="expression", name="predictions", labels=tuple(labels))
    found = all_scores(outputs, ids, head, seed=seed)
    unknown = {name: reason for name, reason in scores.unknown.items() if name not in found}
    return scores.model_copy(update={"metrics": found, "unknown": unknown})


def _affect(columns: Columns, path: Path, seed: int) -> AffectScores:
    valence, arousal, *predicted = (_numbers(columns[name], name, path) for name in AFFECT)
    truth, outputs = np.stack([valence, arousal], axis=1), np.stack(predicted, axis=1)
    if np.isnan(outputs).any():
        raise DataError("a prediction is missing", subject=str(path))
    values = np.concatenate([truth[~np.isnan(truth)], outputs.ravel()])
    if (np.abs(values) > 1).any():
        raise DataError("valence or arousal outside [-1, 1]", subject=str(path), fix="scale both to [-1, 1]")
    head = ValenceArousalHead(kind="valence_arousal", name="predictions")
    labelled = ~np.isnan(truth).all(axis=1)
    return AffectScores(samples=int(labelled.sum()), metrics=all_scores(outputs, truth, head, seed=seed))


def _ids(names: Sequence[str], labels: Sequence[str], path: Path) -> np.ndarray:
    """Places among the labels; -1 for an empty cell."""
    places = {label: place for place, label in enumerate(labels)} | {"": -1}
    for row, name in enumerate(names, start=2):
        if name not in places:
            raise DataError(f"row {row}: no column of the class {name!r}", subject=str(path))
    return np.array([places[name] for name in names])


def _probabilities(columns: Columns, labels: Sequence[str], path: Path) -> np.ndarray:
    outputs = np.stack([_numbers(columns[label], label, path) for label in labels], axis=1)
    if not ((outputs >= 0) & (outputs <= 1)).all():
        raise DataError(
            "a probability is missing or outside [0, 1]",
            subject=str(path),
            fix="leave out columns that are no class; make probabilities of logits",
        )
    return outputs


def _check_calls(outputs: np.ndarray, called: np.ndarray, path: Path) -> None:
    for row, (scores, call) in enumerate(zip(outputs, called, strict=True), start=2):
        if call < 0 or scores[call] < scores.max():
            raise DataError(f"row {row}: the call is missing or not the most probable class", subject=str(path))


def _numbers(cells: Sequence[str], name: str, path: Path) -> np.ndarray:
    """Float64; NaN for an empty cell."""
    try:
        values = np.array([cell or "nan" for cell in cells]).astype(np.float64)
    except ValueError as exc:
        raise DataError(f"column {name!r}: {exc}", subject=str(path)) from exc
    if np.isinf(values).any():
        raise DataError(f"column {name!r} holds infinity", subject=str(path))
    return values
