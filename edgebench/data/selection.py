"""Seeded choices of images, as even over the classes as the classes allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def balanced(classes: np.ndarray, count: int, seed: int, *, allowed: np.ndarray | None = None) -> np.ndarray:
    """Positions of `count` images, sorted, as many of each class as of any other.

    Class sizes differ by more than one only where a class is exhausted. The draw is nested: with one
    seed, a larger count holds every image of a smaller one as far as the classes last. Images
    without a class (-1) count as a class of their own, drawn on only when the others are exhausted.
    Barring images with `allowed` (bool [images]) replaces them and leaves the rest of the draw as it was.
    """
    import numpy as np

    priority = np.random.default_rng(seed).random(len(classes))
    order = np.argsort(priority, kind="stable")
    if allowed is not None:
        order = order[allowed[order]]
    turns = np.empty(len(order), np.int64)
    for label in np.unique(classes):
        members = np.flatnonzero(classes[order] == label)
        turns[members] = np.arange(len(members)) + (len(classes) if label < 0 else 0)
    return np.sort(order[np.argsort(turns, kind="stable")[: max(count, 0)]])
