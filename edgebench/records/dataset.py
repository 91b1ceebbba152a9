"""Which images a number was found on."""

from __future__ import annotations

from typing import Literal

from edgebench.frozen import Frozen


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
