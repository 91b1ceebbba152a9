"""A data set's labels as a head takes them: classes by name, numbers by the name of their column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgebench.errors import DataError, UnknownName
from edgebench.specs.model import ClassHead, ExpressionHead, Head

SYNONYMS = (
    ("happy", "happiness", "joy", "joyful"),
    ("sad", "sadness"),
    ("anger", "angry"),
    ("fear", "fearful", "afraid", "scared"),
    ("disgust", "disgusted"),
    ("surprise", "surprised"),
    ("contempt", "contemptuous"),
    ("neutral", "neutrality"),
)
"""Nouns and adjectives of one expression, as data sets write them. `calm` is none of neutral: RAVDESS has both."""

_EXPRESSION = {word: words[0] for words in SYNONYMS for word in words}


def place_labels(dataset_labels: Sequence[str], head: ClassHead) -> tuple[int, ...]:
    """For each class of a data set, its place among the head's labels; -1 where the head has no such class.

    Equal names go together; then, for expressions, names that `SYNONYMS` holds to be one, whatever their case.

    Raises:
        DataError: a class of the data set could be either of two labels.
    """
    exact = {label: place for place, label in enumerate(head.labels)}
    if not isinstance(head, ExpressionHead):
        return tuple(exact.get(label, -1) for label in dataset_labels)
    meanings = [_meaning(label) for label in head.labels]
    return tuple(exact[label] if label in exact else _only_place(label, meanings, head) for label in dataset_labels)


def _meaning(label: str) -> str:
    word = label.strip().casefold()
    return _EXPRESSION.get(word, word)


def _only_place(label: str, meanings: Sequence[str], head: ExpressionHead) -> int:
    places = [place for place, meaning in enumerate(meanings) if meaning == _meaning(label)]
    if len(places) > 1:
        raise DataError(
            f"its class {label!r} may be any of {', '.join(head.labels[place] for place in places)}",
            subject=f"head {head.name!r}",
            fix="call the label as the data set does",
        )
    return places[0] if places else -1


def align_labels(ids: np.ndarray, dataset_labels: Sequence[str], head: ClassHead) -> np.ndarray:
    """Classes of a data set in the order of a head, matched by `place_labels`; -1 where there is none.

    Raises:
        UnknownName: no class of the data set is one of the head.
        DataError: a number is outside the data set's labels, or a class could be either of two labels.
    """
    ids = np.asarray(ids)
    if ids.size and not -1 <= ids.min() <= ids.max() < len(dataset_labels):
        raise DataError(
            f"label out of range: {ids.min()} to {ids.max()}",
            subject="class labels",
            fix=f"labels are numbered 0 to {len(dataset_labels) - 1}, and -1 where there is none",
        )
    places = place_labels(dataset_labels, head)
    if dataset_labels and max(places) < 0:
        raise UnknownName.among(head.labels[0], dataset_labels, kind="class of the data set")
    return np.take([*places, -1], ids)


def absent_labels(dataset_labels: Sequence[str], head: ClassHead) -> tuple[str, ...]:
    """Labels of the head that are no class of the data set."""
    found = set(place_labels(dataset_labels, head))
    return tuple(label for place, label in enumerate(head.labels) if place not in found)


def align_values(values: np.ndarray, names: Sequence[str], targets: Sequence[str]) -> np.ndarray:
    """Columns of a data set in the order of a head's targets; NaN where the set has no such column."""
    columns = {name: values[:, place] for place, name in enumerate(names)}
    missing = np.full(len(values), np.nan, np.float32)
    return np.stack([columns.get(target, missing) for target in targets], axis=1)


def truth_for(
    heads: Sequence[Head],
    *,
    classes: np.ndarray,
    labels: Sequence[str],
    values: np.ndarray,
    value_names: Sequence[str],
) -> dict[str, np.ndarray]:
    """What a model is judged by: kind of head -> labels in the head's own order, as `metrics.sampling` takes them.

    Raises:
        UnknownName, DataError: as `align_labels`.
    """
    return {
        head.kind: align_labels(classes, labels, head)
        if isinstance(head, ClassHead)
        else align_values(values, value_names, head.targets)
        for head in heads
    }


def classes_without_label(per_class: Mapping[str, int], head: ClassHead) -> dict[str, int]:
    """Classes with images that the head does not have, and their images."""
    places = place_labels(tuple(per_class), head)
    return {
        label: count for (label, count), place in zip(per_class.items(), places, strict=True) if place < 0 and count
    }
