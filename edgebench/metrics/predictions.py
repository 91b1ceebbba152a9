"""Predictions that somebody kept in a table, scored by every metric that they allow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgebench.errors import DataError, NothingMeasured, UsageError
from edgebench.frozen import Frozen
from edgebench.metrics.calibration import CALIBRATION_ERROR
from edgebench.metrics.cells import affect_errors, heat_map
from edgebench.metrics.columns import UNIT, Bounds, Columns, affect_numbers, numbers, read_columns
from edgebench.metrics.confusion import ConfusionScores, from_confusion
from edgebench.metrics.csv_tables import adds_up, half_units, is_number
from edgebench.metrics.expression import confusion_of
from edgebench.metrics.literature import all_scores
from edgebench.records.results import AffectErrors, Estimate
from edgebench.specs.model import ClassesHead, RegressionHead, ValenceArousalHead

TRUTH, CALL = "truth", "predicted"
ANSWER = "predicted_"
"""How a column of predicted numbers begins; the rest of its name is the column of their labels."""

AFFECT = ("valence", "arousal")

OVERSHOOT = 1.0
"""Linear outputs go beyond the range of their labels; one that goes farther than a width of it is on another scale."""

HALF_STEP = 1 / 512
"""Probabilities that a model answers in 8 bits are rounded by as much, however many digits they are written with."""

LARGEST_ROUNDING = 0.05
"""Nobody rounds probabilities to whole numbers: 0 and 1 are 0.0 and 1.0."""

MOST_NAMED = 5


class NumberScores(Frozen):
    """Metrics of valence and arousal, or of any numbers, by name, over the rows that have a label."""

    samples: int
    metrics: dict[str, Estimate]


def score_predictions(path: Path, *, bounds: Bounds | None = None, seed: int = 0) -> ConfusionScores | NumberScores:
    """Scores of a CSV file of predictions, one row for each sample.

    Either the columns `truth` (empty: no label) and `predicted`, and, for the metrics of scores, one column of
    probabilities for each class, named as the class is; `predicted` may then be left out, and decides ties where
    it is there. Or numbers: `age` (empty: no label) and `predicted_age`, or several such pairs, in their own units.
    `valence` and `arousal`, with `predicted_valence` and `predicted_arousal`, are brought from `bounds` to [-1, 1]
    and have the metrics of affect.

    Args:
        bounds: what valence and arousal lie in, labels and predictions alike; [-1, 1] where it is not said.

    Raises:
        DataError: columns are missing, or hold what they may not.
        UsageError: bounds are stated of something else than valence and arousal.
        NothingMeasured: no row carries a label.
    """
    columns = read_columns(path)
    targets = [name for name in columns if ANSWER + name in columns]
    if bounds is not None and not set(targets) & set(AFFECT):
        raise UsageError("says something of valence and arousal only", subject="--range", fix="leave it out")
    if TRUTH in columns and targets:
        raise DataError(
            f"holds predictions of classes (`{TRUTH}`) and of numbers ({', '.join(targets)})",
            subject=str(path),
            fix="keep classes and numbers in two files",
        )
    if TRUTH in columns:
        return _classes(columns, path, seed)
    if not targets:
        raise DataError(
            f"lacks a column `{TRUTH}`; it has {', '.join(columns)}",
            subject=str(path),
            fix=f"name the columns {TRUTH}, {CALL} and the classes, or, of numbers, age and {ANSWER}age, or "
            f"{', '.join(_affect_columns())}",
        )
    return _numbers(columns, targets, path, bounds or UNIT, seed)


def errors_by_place(path: Path, *, bounds: Bounds | None = None) -> AffectErrors:
    """Errors of a CSV file of predicted valence and arousal by the place of the label, all in [-1, 1].

    Args:
        bounds: what they lie in, as of `score_predictions`.

    Raises:
        DataError: columns are missing, or hold what they may not.
        NothingMeasured: no row carries both labels.
    """
    columns = read_columns(path)
    _check_there(columns, _affect_columns(), path, fix="a heat map is of valence and arousal, and their labels")
    found = affect_errors(heat_map(*_affect_answers(columns, path, bounds or UNIT)))
    if found is None:
        raise NothingMeasured("no row has a label of both valence and arousal", subject=str(path))
    return found


def _classes(columns: Columns, path: Path, seed: int) -> ConfusionScores:
    truth, calls = columns[TRUTH], columns.get(CALL, [])
    seen = sorted({*truth, *calls} - {""})
    # A column without a name is the index that tables are often written with.
    labels = [name for name in columns if name not in (TRUTH, CALL, "")]
    if set(labels) & set(seen):
        outputs = _probabilities(columns, labels, seen, path)
    elif calls:
        labels, outputs = seen, None
    else:
        raise DataError(f"has neither a column `{CALL}` nor probabilities", subject=str(path))
    _check_classes(labels, path)
    ids, called = _ids(truth, labels, path), _called(calls, labels, outputs, path)
    scores = from_confusion(confusion_of(called, ids, classes=len(labels)), labels, seed=seed)
    return scores if outputs is None else _with_scores(scores, outputs, called, ids, labels, seed)


def _check_classes(labels: Sequence[str], path: Path) -> None:
    if len(labels) < 2:
        raise DataError("names fewer than two classes", subject=str(path))
    if all(map(is_number, labels)) and (part := next((label for label in labels if not _is_whole(label)), "")):
        raise DataError(
            f"holds numbers such as {part}, which are no classes",
            subject=str(path),
            fix=f"name the columns after the quantity, such as age and {ANSWER}age",
        )


def _is_whole(cell: str) -> bool:
    return float(cell.removesuffix("%")).is_integer()


def _with_scores(
    scores: ConfusionScores,
    outputs: np.ndarray,
    called: np.ndarray,
    ids: np.ndarray,
    labels: Sequence[str],
    seed: int,
) -> ConfusionScores:
    """With what probabilities tell; what calls tell is of the calls, for among tied scores they decide."""
    head = ClassesHead(kind="classes", name="predictions", labels=tuple(labels))
    found = all_scores(outputs, ids, head, seed=seed) | scores.metrics
    gap = CALIBRATION_ERROR.of(_with_ties_decided(outputs, called), ids)
    if gap is not None:
        found[CALIBRATION_ERROR.name] = Estimate(value=gap)
    unknown = {name: reason for name, reason in scores.unknown.items() if name not in found}
    return scores.model_copy(update={"metrics": found, "unknown": unknown})


def _with_ties_decided(outputs: np.ndarray, called: np.ndarray) -> np.ndarray:
    """The probabilities, those that tie with the call's made a trifle smaller."""
    others = np.arange(outputs.shape[1]) != called[:, None]
    ties = others & (outputs == outputs.max(axis=1, keepdims=True))
    return np.where(ties, np.nextafter(outputs, 0), outputs)


def _ids(names: Sequence[str], labels: Sequence[str], path: Path) -> np.ndarray:
    """Places among the labels; -1 for an empty cell."""
    places = {label: place for place, label in enumerate(labels)} | {"": -1}
    for row, name in enumerate(names, start=2):
        if name not in places:
            raise DataError(f"row {row}: no column of the class {name!r}", subject=str(path))
    return np.array([places[name] for name in names])


def _called(calls: Sequence[str], labels: Sequence[str], outputs: np.ndarray | None, path: Path) -> np.ndarray:
    """Places of the calls among the labels: as stated, or else of the most probable class."""
    if not calls:
        assert outputs is not None  # there are probabilities where no call is stated
        return np.asarray(outputs.argmax(axis=1))
    called = _ids(calls, labels, path)
    wrong = called < 0
    if outputs is not None:
        wrong |= outputs[np.arange(len(called)), called] < outputs.max(axis=1)
    if wrong.any():
        row = int(wrong.argmax()) + 2
        raise DataError(f"row {row}: the call is missing or not the most probable class", subject=str(path))
    return called


def _probabilities(columns: Columns, labels: Sequence[str], seen: Sequence[str], path: Path) -> np.ndarray:
    """Float64 [samples, classes], rows of which add up to 1 as far as they are exact."""
    outputs = np.stack([numbers(columns[label], label, path) for label in labels], axis=1)
    fix = "give each class a column of probabilities, which are not logits and not percentages"
    if strangers := [label for label in labels if label not in seen]:
        named = ", ".join(strangers[:MOST_NAMED]) + (", ..." if len(strangers) > MOST_NAMED else "")
        fix += f"; leave out what is no class (never one here: {named})"
    outside = ~((outputs >= 0) & (outputs <= 1))
    if outside.any():
        row, column = np.argwhere(outside)[0]
        problem = f"row {row + 2}: a probability is missing or outside [0, 1] in column {labels[column]!r}"
        raise DataError(problem, subject=str(path), fix=fix)
    for row in np.flatnonzero(~adds_up(outputs, HALF_STEP, total=1)):
        halves = half_units([columns[label][row] for label in labels])
        if not adds_up(outputs[row], np.clip(halves, HALF_STEP, LARGEST_ROUNDING), total=1):
            problem = f"row {row + 2}: its {len(labels)} probabilities add up to {outputs[row].sum():.4g}, not to 1"
            raise DataError(problem, subject=str(path), fix=fix)
    return outputs


def _numbers(columns: Columns, targets: Sequence[str], path: Path, bounds: Bounds, seed: int) -> NumberScores:
    head: RegressionHead | ValenceArousalHead
    answered = [name.removeprefix(ANSWER) for name in columns if name.startswith(ANSWER)]
    _check_there(columns, answered, path, fix="give each predicted number the column of its labels")
    if set(targets) & set(AFFECT):
        _check_there(columns, _affect_columns(), path, fix="valence and arousal go together")
        if others := [name for name in targets if name not in AFFECT]:
            problem = f"holds {', '.join(others)} beside valence and arousal"
            raise DataError(problem, subject=str(path), fix="keep them in two files")
        head = ValenceArousalHead(kind="valence_arousal", name="predictions")
        outputs, truth = _affect_answers(columns, path, bounds)
    else:
        head = _regression(targets, path)
        outputs, truth = _answers(
            [numbers(columns[ANSWER + name], ANSWER + name, path) for name in targets],
            [numbers(columns[name], name, path) for name in targets],
            path,
        )
    labelled = int((~np.isnan(truth)).any(axis=1).sum())
    if not labelled:
        raise NothingMeasured("no row carries a label", subject=str(path))
    return NumberScores(samples=labelled, metrics=all_scores(outputs, truth, head, seed=seed))


def _regression(targets: Sequence[str], path: Path) -> RegressionHead:
    try:
        return RegressionHead(kind="regression", name="predictions", targets=tuple(targets))
    except ValueError as exc:
        problem = f"a column cannot be called as one of {', '.join(targets)}"
        raise DataError(problem, subject=str(path), fix="use letters, digits, blanks, points, _ and -") from exc


def _affect_columns() -> list[str]:
    return [*AFFECT, *(ANSWER + name for name in AFFECT)]


def _affect_answers(columns: Columns, path: Path, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Answers and labels [samples, 2] on the scale of [-1, 1]; NaN for a label that is missing."""
    predicted = [
        affect_numbers(columns[ANSWER + name], ANSWER + name, path, bounds=bounds, overshoot=OVERSHOOT)
        for name in AFFECT
    ]
    return _answers(predicted, [affect_numbers(columns[name], name, path, bounds=bounds) for name in AFFECT], path)


def _answers(
    predicted: Sequence[np.ndarray], labels: Sequence[np.ndarray], path: Path
) -> tuple[np.ndarray, np.ndarray]:
    outputs, truth = np.stack(predicted, axis=1), np.stack(labels, axis=1)
    if np.isnan(outputs).any():
        raise DataError("a prediction is missing", subject=str(path))
    return outputs, truth


def _check_there(columns: Columns, names: Sequence[str], path: Path, *, fix: str) -> None:
    if missing := [name for name in names if name not in columns]:
        raise DataError(f"lacks {', '.join(missing)}", subject=str(path), fix=fix)
