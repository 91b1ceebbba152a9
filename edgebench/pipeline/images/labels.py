"""A data set's labels against a model's heads: what it is judged by, what is refused, what the reader is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from edgebench.errors import DataError
from edgebench.metrics.labels import absent_labels, classes_without_label, place_labels, truth_for
from edgebench.records.caveat import Caveat
from edgebench.records.dataset import NAMED, DatasetInfo
from edgebench.specs.model import ClassHead, Head, ModelSpec

if TYPE_CHECKING:
    import numpy as np

FEWER, MISSING = CLASS_CAVEATS = ("fewer-classes", "missing-classes")


def model_truth(spec: ModelSpec, info: DatasetInfo, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a model is judged by, from the `classes` and `values` of samples or of a truth blob.

    Raises:
        UnknownName: the set has classes, and none of them is one of the model's.
        DataError: a class of the set could be either of two labels.
    """
    # Blobs of before columns had names.
    classes = arrays["classes"] if "classes" in arrays else arrays["expression"]
    values = arrays["values"] if "values" in arrays else arrays["valence_arousal"]
    return truth_for(spec.heads, classes=classes, labels=info.labels, values=values, value_names=info.value_names)


def refuse_unlabelled(spec: ModelSpec, info: DatasetInfo, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuses images that no head could be judged by, or that lack one of several targets."""
    from edgebench.metrics.sampling import judged_by

    judges = judged_by(spec.heads, model_truth(spec, info, arrays))
    if not judges:
        raise DataError(
            f"none of its {info.samples} images has a label for {spec.name}",
            subject=info.name,
            fix=f"evaluate on images labelled with {' or '.join(_answers(head) for head in spec.heads)}",
        )
    for head in judges:
        targets = head.targets if head.kind == "regression" else ()
        if lacking := [target for target in targets if not info.per_value.get(target)]:
            raise DataError(
                f"no image has a number for {shortened(lacking)} (its columns: {shortened(info.value_names)})",
                subject=info.name,
                fix=f"name the targets of {head.name!r} as the set does, or add that column",
            )


def refuse_missing_classes(spec: ModelSpec, info: DatasetInfo) -> None:
    head = spec.class_head
    if head is None or not info.labels:
        return
    if missing := _without_images(head, info.per_class):
        absent = absent_labels(info.labels, head)
        raise DataError(
            f"no image of {shortened(missing)}" + (f" (its classes: {shortened(info.labels)})" if absent else ""),
            subject=info.name,
            fix="use a set with every class, or say --allow-missing-classes",
        )


def calibration_labels(spec: ModelSpec, per_class: Mapping[str, int], *, allow_missing: bool) -> tuple[str, ...] | None:
    """The set's classes that calibration images are balanced over; None for all that it has.

    A label of the model that the set lacks stands for itself, to be named as the class without an image.
    """
    head = spec.class_head
    if head is None or not per_class:
        return None
    labels = tuple(per_class)
    shared = [label for label, place in zip(labels, place_labels(labels, head), strict=True) if place >= 0]
    if allow_missing:
        return tuple(label for label in shared if per_class[label])
    return (*shared, *absent_labels(labels, head))


def class_caveats(spec: ModelSpec, info: DatasetInfo) -> Iterator[Caveat]:
    """Of a model that does not have, or was not shown, all of the classes."""
    head = spec.class_head
    if head is None or not info.labels:
        return
    if unknown := classes_without_label(info.per_class, head):
        total = sum(info.per_class.values())
        counts = shortened([f"{label} ({count})" for label, count in unknown.items()])
        yield Caveat(
            kind=FEWER,
            text=f"{spec.name} is scored on {total - sum(unknown.values())} of {total} images, for it has no class "
            f"{counts}",
            fix="compare its accuracy only with that of models with the same classes",
        )
    if missing := _without_images(head, info.per_class):
        yield Caveat(
            kind=MISSING,
            text=f"{spec.name} was shown no image of {len(missing)} of its {head.width} classes: {shortened(missing)}",
            fix="evaluate on a set with every class",
        )


def shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _without_images(head: ClassHead, per_class: Mapping[str, int]) -> list[str]:
    places = place_labels(tuple(per_class), head)
    shown = {place for place, count in zip(places, per_class.values(), strict=True) if count}
    return [label for place, label in enumerate(head.labels) if place not in shown]


def _answers(head: Head) -> str:
    """What a head answers, in words."""
    if not isinstance(head, ClassHead):
        return " and ".join(head.targets)
    return "an expression" if head.kind == "expression" else f"classes such as {head.labels[0]!r}"
