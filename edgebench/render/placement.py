"""Where the name of each point goes: the first of a few places that covers nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ANCHORS = {"nw": (-1, -1), "ne": (1, -1), "sw": (-1, 1), "se": (1, 1)}
"""Direction from the point, x to the right and y down. Nothing can lie north-west of a Pareto front."""
CHARACTER_PX = 6.2
LINE_PX = 13.0
OFFSET_PX = (9.0, 5.0)
"""How far beside, and above or below, of its point a label starts."""


@dataclass(frozen=True)
class Point:
    """A point at (x, y) pixels and what it wants to be called."""

    x: float
    y: float
    radius: float
    text: str


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def place(
    points: Sequence[Point], *, width: float, height: float, solid: Sequence[Box] = (), faint: Sequence[Box] = ()
) -> list[str]:
    """The anchor of each point's label, earlier points first to choose; "" where no place is free.

    A label never covers a point, another label or a `solid` box; it crosses as few `faint` ones as it can.
    """
    discs = [_around(point) for point in points]
    taken, anchors = list(solid), []
    for i, point in enumerate(points):
        boxes = {anchor: label_box(point, anchor) for anchor in ANCHORS} if point.text else {}
        covered = [*taken, *discs[:i], *discs[i + 1 :]]
        free = [a for a, box in boxes.items() if _inside(box, width, height) and not _hits(box, covered)]
        anchors.append(chosen := min(free, key=lambda a: _hits(boxes[a], faint), default=""))
        if chosen:
            taken.append(boxes[chosen])
    return anchors


def label_box(point: Point, anchor: str) -> Box:
    right, down = ANCHORS[anchor]
    length = CHARACTER_PX * len(point.text)
    x, y = point.x + right * OFFSET_PX[0], point.y + down * OFFSET_PX[1]
    left, top = (x if right > 0 else x - length), (y if down > 0 else y - LINE_PX)
    return left, top, left + length, top + LINE_PX


def _around(point: Point) -> Box:
    r = point.radius
    return point.x - r, point.y - r, point.x + r, point.y + r


def _inside(box: Box, width: float, height: float) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height


def _hits(box: Box, others: Sequence[Box]) -> int:
    return sum(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in others)
