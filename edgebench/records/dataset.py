"""Which images a number was found on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

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
    valence_arousal_samples: int
    dropped: dict[str, int] = {}
    unreadable: tuple[str, ...] = ()

    @property
    def images_text(self) -> str:
        """How many images, and of those with each kind of label where it is not all: only these are scored by it."""
        labelled = {
            "an expression": sum(self.per_class.values()),
            "valence and arousal": self.valence_arousal_samples,
        }
        partly = [f"{count} with {what}" for what, count in labelled.items() if count != self.samples]
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
