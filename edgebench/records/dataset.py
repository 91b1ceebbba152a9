"""Which images a number was found on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import model_validator

from edgebench.frozen import Frozen
from edgebench.records.caveat import Caveat

NAMED = 10


class DatasetInfo(Frozen):
    """Identity and make-up of the evaluated images.

    `id` is the hash of the images' content hashes and labels, so two copies of one set are one set.
    `synthetic` is read from the images themselves; such a set is never called by another's name.
    """

    name: str
    id: str
    split: Literal["training", "validation"]
    layout: str
    synthetic: bool
    samples: int
    per_class: dict[str, int]
    """Class -> images, in the order of the set's numbers; empty for a set without classes."""
    per_value: dict[str, int] = {}
    """Column of numbers -> images that have one, in the order of the columns."""
    dropped: dict[str, int] = {}
    unreadable: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_before_columns(cls, stated: Any) -> Any:
        """Records of before a set's columns had names: valence and arousal together, and eight expressions."""
        if not isinstance(stated, dict) or "valence_arousal_samples" not in stated:
            return stated
        known = {key: value for key, value in stated.items() if key != "valence_arousal_samples"}
        return known | {"per_value": dict.fromkeys(("valence", "arousal"), stated["valence_arousal_samples"])}

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.per_class)

    @property
    def value_names(self) -> tuple[str, ...]:
        return tuple(self.per_value)

    @property
    def images_text(self) -> str:
        """How many images, and of those with each kind of label where it is not all: only these are scored by it."""
        alike: dict[int, list[str]] = {}
        for name, count in self.per_value.items():
            alike.setdefault(count, []).append(name)
        labelled = [(sum(self.per_class.values()), "a class")] if self.per_class else []
        labelled += [(count, " and ".join(names)) for count, names in alike.items()]
        partly = [f"{count} with {what}" for count, what in labelled if count != self.samples]
        return ", ".join([f"{self.samples} images", *partly])


def unreadable_caveats(unreadable: Sequence[str], *, read: int, purpose: str) -> tuple[Caveat, ...]:
    """The doubt about a set some of whose pictures could not be read; none where all could.

    Args:
        unreadable: the pictures, each with its reason.
        read: how many could be read.
        purpose: what the pictures are for.
    """
    if not unreadable:
        return ()
    more = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
    named = f"{', '.join(unreadable[:NAMED])}{more}"
    return (
        Caveat(
            kind="unreadable-images",
            text=f"{len(unreadable)} of {read + len(unreadable)} {purpose} images were left out: {named}",
            fix="copy them again, or remove them and their rows",
        ),
    )
