"""Who a face is and how it is held: proportions, colours, hair, glasses, pose.

Lengths are in face units: 1 is half the height of the head, the origin its middle, y points down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

Colour = tuple[int, int, int]
HairStyle = Literal["bald", "short", "fringe", "long"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What stays the same whatever the face does."""

    head_width: float
    jaw_squareness: float  # above 1 square, below 1 pointed
    eye_distance: float  # of one eye from the middle
    eye_size: float
    eye_height: float
    brow_thickness: float
    nose_length: float
    nose_width: float
    mouth_width: float
    mouth_height: float
    lip_fullness: float
    hair_style: HairStyle
    hair_line: float
    glasses: bool
    beard: bool
    skin: Colour
    hair: Colour
    iris: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How the head is held: angles in radians, scale and position in pixels."""

    roll: float
    yaw: float
    pitch: float
    scale_px: float
    centre_px: tuple[float, float]


_SKINS: tuple[Colour, ...] = (
    (247, 214, 190),
    (232, 190, 160),
    (214, 165, 128),
    (178, 124, 86),
    (128, 84, 58),
    (88, 57, 42),
)
_HAIRS: tuple[Colour, ...] = ((28, 24, 24), (58, 38, 28), (104, 70, 42), (178, 136, 78), (140, 62, 32), (172, 168, 164))
_IRISES: tuple[Colour, ...] = ((70, 44, 28), (104, 72, 40), (70, 106, 78), (78, 112, 150), (96, 104, 112))
_STYLES: tuple[HairStyle, ...] = ("bald", "short", "fringe", "long")


def sample_identity(rng: Generator) -> Identity:
    style = _STYLES[int(rng.choice(4, p=(0.10, 0.42, 0.18, 0.30)))]
    return Identity(
        head_width=_around(rng, 0.76, 0.05),
        jaw_squareness=_around(rng, 1.0, 0.1),
        eye_distance=_around(rng, 0.335, 0.02),
        eye_size=_around(rng, 1.28, 0.08),
        eye_height=_around(rng, -0.06, 0.025),
        brow_thickness=_around(rng, 1.25, 0.25),
        nose_length=_around(rng, 0.36, 0.03),
        nose_width=_around(rng, 0.13, 0.02),
        mouth_width=_around(rng, 0.33, 0.02),
        mouth_height=_around(rng, 0.57, 0.025),
        lip_fullness=_around(rng, 1.2, 0.2),
        hair_style=style,
        hair_line=_around(rng, -0.66, 0.05),
        glasses=bool(rng.random() < 0.14),
        beard=bool(rng.random() < 0.12 and style != "long"),
        skin=_between(_SKINS, rng),
        hair=_between(_HAIRS, rng),
        iris=_between(_IRISES, rng),
    )


def sample_pose(rng: Generator, *, scale_px: float, centre_px: tuple[float, float]) -> Pose:
    return Pose(
        roll=_around(rng, 0.0, 0.08),
        yaw=_around(rng, 0.0, 0.15),
        pitch=_around(rng, 0.0, 0.10),
        scale_px=scale_px,
        centre_px=centre_px,
    )


def _around(rng: Generator, mean: float, deviation: float) -> float:
    """Normal, but never further than two deviations: no monsters."""
    return mean + deviation * float(np.clip(rng.normal(), -2, 2))


def _between(palette: tuple[Colour, ...], rng: Generator) -> Colour:
    """A colour on the way between two neighbours of a palette."""
    place = rng.uniform(0, len(palette) - 1)
    first = int(place)
    return blend(palette[first], palette[first + 1], place - first)


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with `share` (0 to 1) of `other` mixed in."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
