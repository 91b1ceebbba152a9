"""Where the lines of a face run: curves from an identity and an expression, and their way to pixels.

Every curve is an array of shape (points, 2) in face units (see `face_identity`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebench.data.face_expression import ExpressionParameters
    from edgebench.data.face_identity import Identity, Pose

    Curve = NDArray[np.float64]

_ACROSS = np.linspace(-1, 1, 17)
_BULGE = 1 - _ACROSS**2


@dataclass(frozen=True, slots=True)
class Eye:
    upper: Curve  # both lids run from the left corner to the right one
    lower: Curve
    centre: Curve
    iris_radius: float

    @property
    def opening(self) -> Curve:
        return np.concatenate([self.upper, self.lower[::-1]])


@dataclass(frozen=True, slots=True)
class Mouth:
    """Four lines from the left corner to the right one, top to bottom."""

    upper_outer: Curve
    upper_inner: Curve
    lower_inner: Curve
    lower_outer: Curve

    @property
    def lips(self) -> Curve:
        return np.concatenate([self.upper_outer, self.lower_outer[::-1]])

    @property
    def opening(self) -> Curve:
        return np.concatenate([self.upper_inner, self.lower_inner[::-1]])


@dataclass(frozen=True, slots=True)
class Geometry:
    head: Curve  # closed; starts at the right temple and runs over the chin
    left_eye: Eye
    right_eye: Eye
    left_brow: Curve  # centre lines, from left to right
    right_brow: Curve
    nose_bridge: Curve
    nose_base: Curve  # from the left nostril to the right one
    mouth: Mouth


def trace(who: Identity, does: ExpressionParameters) -> Geometry:
    return Geometry(
        head=head_outline(who, does),
        left_eye=_eye(who, does, side=-1),
        right_eye=_eye(who, does, side=1),
        left_brow=_brow(who, does, side=-1)[::-1],
        right_brow=_brow(who, does, side=1),
        nose_bridge=_nose_bridge(who),
        nose_base=_nose_base(who, does),
        mouth=_mouth(who, does),
    )


def head_outline(who: Identity, does: ExpressionParameters, *, points: int = 64, grown: float = 1.0) -> Curve:
    """The skull above, the jaw below; an open mouth lowers the chin."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    across, down = np.cos(angle), np.sin(angle)
    jaw = down > 0
    width = np.where(jaw, np.sign(across) * np.abs(across) ** (0.85 / who.jaw_squareness), across)
    drop = np.where(jaw, 1 + 0.13 * does.mouth_open * down, 1.0)
    return np.stack([who.head_width * grown * width, down * drop * grown], axis=1)


def _eye(who: Identity, does: ExpressionParameters, *, side: int) -> Eye:
    half_width = 0.15 * who.eye_size
    opening = max(0.12, 1 + 0.75 * does.eye_open)
    x = side * who.eye_distance + half_width * _ACROSS
    corner = who.eye_height - 0.012 * side * _ACROSS
    # Raised inner brows pull the inner part of the upper lid along, lowered ones press it down.
    lift = 0.02 * does.brow_inner * (1 - side * _ACROSS) * _BULGE
    upper = corner - 0.085 * who.eye_size * opening * _BULGE**0.7 - lift
    lower = corner + (0.055 * opening**0.5 - 0.04 * does.cheek_raise) * _BULGE
    centre = np.array([[side * who.eye_distance, who.eye_height - 0.012 * opening]])
    upper = np.minimum(upper, lower)
    return Eye(_curve(x, upper), _curve(x, lower), centre, 0.068 * who.eye_size)


def _brow(who: Identity, does: ExpressionParameters, *, side: int) -> Curve:
    along = np.linspace(0, 1, 9)  # from the nose outwards
    inner = who.eye_distance - 0.17 - 0.05 * does.brow_pinch
    x = side * (inner + (who.eye_distance + 0.2 - inner) * along)
    rise = 0.18 * (does.brow_inner * (1 - along) ** 1.2 + does.brow_outer * along**1.2)
    y = who.eye_height - 0.235 - 0.05 * np.sin(np.pi * along**0.8) - rise
    return _curve(x, y)


def _nose_bridge(who: Identity) -> Curve:
    y = np.linspace(who.eye_height + 0.02, who.eye_height + who.nose_length, 4)
    return _curve(np.zeros(4), y)


def _nose_base(who: Identity, does: ExpressionParameters) -> Curve:
    x = who.nose_width * (1 + 0.15 * does.nose_wrinkle) * np.array([-1, -0.75, -0.35, 0, 0.35, 0.75, 1])
    shape = np.array([-0.05, 0.01, 0.0, 0.03, 0.0, 0.01, -0.05])
    return _curve(x, who.eye_height + who.nose_length + 0.03 + shape - 0.04 * does.nose_wrinkle)


def _mouth(who: Identity, does: ExpressionParameters) -> Mouth:
    half_width = who.mouth_width * (1 + 0.3 * does.mouth_stretch)
    x = half_width * _ACROSS
    pulled = np.clip(np.sign(does.smirk) * _ACROSS + 0.15, 0, None) ** 1.4
    x = x + 0.035 * does.smirk * pulled
    line = who.mouth_height + does.mouth_corner * (0.07 - 0.19 * _ACROSS**2) - 0.13 * abs(does.smirk) * pulled
    upper_inner = line - (0.07 * does.mouth_open + 0.11 * does.upper_lip) * _BULGE**0.6
    lower_inner = line + 0.28 * does.mouth_open * _BULGE**0.7
    thickness = who.lip_fullness * (1 - 0.65 * min(1.0, does.lip_press))
    bow = 1 - 0.4 * np.exp(-((_ACROSS / 0.16) ** 2))
    upper_outer = upper_inner - 0.055 * thickness * bow * _BULGE**0.6
    lower_outer = lower_inner + 0.075 * thickness * _BULGE**0.6
    return Mouth(*(_curve(x, y) for y in (upper_outer, upper_inner, lower_inner, lower_outer)))


def _curve(x: Curve, y: Curve) -> Curve:
    curve = np.empty((len(x), 2))
    curve[:, 0], curve[:, 1] = x, y
    return curve


def project(points: Curve, who: Identity, pose: Pose) -> Curve:
    """Face units to pixels: the front of the face moves with yaw and pitch, all of it rolls."""
    x, y = points[:, 0], points[:, 1]
    front = np.maximum(1 - (x / who.head_width) ** 2 - np.minimum(y, 0) ** 2, 0)
    x = x * cos(pose.yaw) + 0.5 * sin(pose.yaw) * front
    y = y + 0.4 * sin(pose.pitch) * front
    across, down = pose.scale_px * cos(pose.roll), pose.scale_px * sin(pose.roll)
    pixels = np.empty((len(points), 2))
    pixels[:, 0] = x * across - y * down + pose.centre_px[0]
    pixels[:, 1] = x * down + y * across + pose.centre_px[1]
    return pixels


def landmarks(face: Geometry) -> Curve:
    """The 68 points of the iBUG scheme, in its order, shape (68, 2)."""
    jaw = np.roll(face.head, 4, axis=0)[:41][::-1]  # from the left ear over the chin to the right one
    mouth = face.mouth
    return np.concatenate(
        [
            _even(jaw, 17),
            _even(face.left_brow, 5),
            _even(face.right_brow, 5),
            _even(face.nose_bridge, 4),
            _even(face.nose_base, 5),
            *(_around_clockwise(eye.upper, eye.lower, 4) for eye in (face.left_eye, face.right_eye)),
            _around_clockwise(mouth.upper_outer, mouth.lower_outer, 7),
            _around_clockwise(mouth.upper_inner, mouth.lower_inner, 5),
        ]
    )


def _around_clockwise(upper: Curve, lower: Curve, along: int) -> Curve:
    """`along` points from corner to corner above, and back below without the corners."""
    return np.concatenate([_even(upper, along), _even(lower, along)[-2:0:-1]])


def _even(curve: Curve, count: int) -> Curve:
    chosen: Curve = curve[np.linspace(0, len(curve) - 1, count).round().astype(int)]
    return chosen
