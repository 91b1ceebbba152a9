"""Drawing one parametric face: an identity, an expression and a pose become shapes on a canvas.

Drawing is Pillow's, on a canvas twice as fine as the picture wanted (see `face_photo`), from back to
front: hair behind, neck, head, then eyes, nose, mouth, brows, hair in front and glasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebench.data.face_expression import ExpressionParameters
from edgebench.data.face_geometry import Eye, Geometry, head_outline, landmarks, project, trace
from edgebench.data.face_identity import Colour, Identity, Pose, blend

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    Curve = NDArray[np.float64]

_BLACK: Colour = (12, 8, 10)
_WHITE: Colour = (244, 242, 238)
_MOUTH: Colour = (84, 24, 30)
_TEETH: Colour = (240, 236, 226)
_BLOOD: Colour = (186, 60, 66)
_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


@dataclass(frozen=True, slots=True)
class Face:
    """Everything that says how one face looks."""

    identity: Identity
    expression: ExpressionParameters
    pose: Pose

    def landmarks_px(self) -> Curve:
        """The 68 iBUG points in pixels, shape (68, 2)."""
        return project(landmarks(trace(self.identity, self.expression)), self.identity, self.pose)

    def box_px(self) -> tuple[int, int, int, int]:
        """x, y, width, height of the box tight around the head."""
        outline = project(head_outline(self.identity, self.expression), self.identity, self.pose)
        left, top = (int(edge) for edge in np.floor(outline.min(axis=0)))
        right, bottom = (int(edge) for edge in np.ceil(outline.max(axis=0)))
        return left, top, right - left, bottom - top


@dataclass(frozen=True, slots=True)
class _Brush:
    """Draws curves given in face units."""

    canvas: ImageDraw
    identity: Identity
    pose: Pose
    fineness: int

    def fill(self, curve: Curve, colour: Colour, *, opacity: float = 1.0) -> None:
        self.canvas.polygon(self._pixels(curve), fill=(*colour, round(255 * opacity)))

    def line(self, curve: Curve, colour: Colour, *, width: float, opacity: float = 1.0) -> None:
        ink = (*colour, round(255 * min(1.0, opacity)))
        width_px = max(1, round(width * self.pose.scale_px * self.fineness))
        self.canvas.line(self._pixels(curve), fill=ink, width=width_px, joint="curve")

    def _pixels(self, curve: Curve) -> list[float]:
        pixels: list[float] = (project(curve, self.identity, self.pose) * self.fineness).ravel().tolist()
        return pixels


def draw_face(image: Image, face: Face, *, fineness: int = 2) -> None:
    """Draws onto an RGB image that has `fineness` pixels for each pixel of the face's pose."""
    from PIL import ImageDraw

    who, does = face.identity, face.expression
    brush = _Brush(ImageDraw.Draw(image, "RGBA"), who, face.pose, fineness)
    shape = trace(who, does)
    _draw_back(brush, who)
    _draw_head(brush, shape, who)
    for eye in (shape.left_eye, shape.right_eye):
        _draw_eye(brush, eye, who)
    _draw_nose(brush, shape, who)
    if who.beard:
        _draw_beard(brush, shape, who)
    _draw_folds(brush, shape, face)
    _draw_mouth(brush, shape, face)
    for brow in (shape.left_brow[::-1], shape.right_brow):
        _draw_brow(brush, brow, who)
    _draw_hair(brush, who)
    if who.glasses:
        _draw_glasses(brush, shape)


def _shade(who: Identity) -> Colour:
    return blend(who.skin, (50, 16, 12), 0.45)


def _draw_back(brush: _Brush, who: Identity) -> None:
    width = who.head_width
    if who.hair_style == "long":
        angle = np.linspace(np.pi, 1.5 * np.pi, 10)
        crown = np.stack([1.22 * np.cos(angle), 1.2 * np.sin(angle) + 0.02], axis=1)
        fall = np.concatenate([[(-1.15, 1.3), (-1.27, 0.6)], crown]) * (width, 1)
        brush.fill(_mirrored(fall), blend(who.hair, _BLACK, 0.25))
    neck = np.array([[-0.5, 0.5], [-0.55, 1.2], [-1.5, 1.45], [-1.7, 2.6]]) * (width, 1)
    brush.fill(_mirrored(neck)[::-1], blend(who.skin, _shade(who), 0.45))
    for side in (-1, 1):
        brush.fill(_ellipse(side * width, 0.06, 0.09, 0.19), blend(who.skin, _shade(who), 0.2))


def _draw_head(brush: _Brush, shape: Geometry, who: Identity) -> None:
    brush.fill(shape.head, blend(who.skin, _shade(who), 0.28))
    for inset, light in ((0.96, 0.18), (0.91, 0.1), (0.85, 0.04), (0.78, 0.0)):
        brush.fill(shape.head * inset, blend(who.skin, _shade(who), light))
    for side in (-1, 1):
        brush.fill(_ellipse(side * 0.42, 0.3, 0.15, 0.11), blend(who.skin, _BLOOD, 0.5), opacity=0.16)
        brush.fill(_ellipse(side * who.eye_distance, who.eye_height, 0.22, 0.15), _shade(who), opacity=0.13)


def _draw_eye(brush: _Brush, eye: Eye, who: Identity) -> None:
    brush.fill(eye.opening, _WHITE)
    x, y = eye.centre[0]
    for share, colour in ((1.0, blend(who.iris, _BLACK, 0.45)), (0.85, who.iris), (0.45, _BLACK)):
        radius = eye.iris_radius * share
        brush.fill(_within(_ellipse(x, y, radius, radius), eye), colour)
    glint = _ellipse(x + 0.3 * eye.iris_radius, y - 0.35 * eye.iris_radius, 0.016, 0.016)
    brush.fill(_within(glint, eye), _WHITE)
    brush.line(eye.upper, _BLACK, width=0.026)
    brush.line(eye.lower, _shade(who), width=0.014)
    brush.line(eye.upper - (0, 0.045), _shade(who), width=0.014, opacity=0.6)


def _within(disc: Curve, eye: Eye) -> Curve:
    """The part of a disc that the lids leave to be seen."""
    x, y = disc[:, 0], disc[:, 1]
    upper = np.interp(x, eye.upper[:, 0], eye.upper[:, 1])
    lower = np.interp(x, eye.lower[:, 0], eye.lower[:, 1])
    return np.stack([x, np.clip(y, upper, lower)], axis=1)


def _draw_nose(brush: _Brush, shape: Geometry, who: Identity) -> None:
    base = shape.nose_base
    flank = np.concatenate([shape.nose_bridge + np.array([0.035, 0]), base[4:]])
    brush.line(flank, _shade(who), width=0.02, opacity=0.35)
    brush.line(base, _shade(who), width=0.026, opacity=0.8)
    for x, y in (base[2], base[4]):
        brush.fill(_ellipse(x, y, 0.034, 0.018), blend(_shade(who), _BLACK, 0.5))
    brush.fill(_ellipse(0, base[3, 1] - 0.09, 0.045, 0.04), (255, 250, 240), opacity=0.16)


def _draw_folds(brush: _Brush, shape: Geometry, face: Face) -> None:
    """The wrinkles that an expression makes: beside the nose, on its bridge, between the brows, on the forehead."""
    does, ink = face.expression, _shade(face.identity)
    fold = 0.75 * max(does.cheek_raise, does.nose_wrinkle) + 0.08
    for side, corner in ((0, shape.mouth.upper_outer[0]), (-1, shape.mouth.upper_outer[-1])):
        start = shape.nose_base[side] + (0.03 * (-1 if side == 0 else 1), -0.03)
        outward = np.array([0.07 * (-1 if side == 0 else 1), 0.0])
        brush.line(np.stack([start, (start + corner) / 2 + outward, corner + outward]), ink, width=0.03, opacity=fold)
    top = face.identity.eye_height
    for row in range(3):
        bent = np.array([[-0.09, top - 0.02], [0, top + 0.015], [0.09, top - 0.02]]) + np.array([0, 0.06 * row])
        brush.line(bent, ink, width=0.026, opacity=0.9 * does.nose_wrinkle)
    for side in (-1, 1):
        furrow = np.array([[side * 0.05, top - 0.27], [side * 0.035, top - 0.13]])
        brush.line(furrow, ink, width=0.028, opacity=0.9 * does.brow_pinch)
    for row in range(2):
        lift = max(0.0, does.brow_inner) * 0.75
        wave = np.array([[-0.33, top - 0.4], [0, top - 0.43], [0.33, top - 0.4]]) - np.array([0, 0.08 * row])
        brush.line(wave, ink, width=0.022, opacity=lift)


def _draw_mouth(brush: _Brush, shape: Geometry, face: Face) -> None:
    mouth, skin = shape.mouth, face.identity.skin
    lips = blend(blend(skin, _BLOOD, 0.5), _BLACK, 0.08)
    brush.fill(mouth.lips, lips)
    brush.fill(mouth.opening, _MOUTH)
    edge = np.minimum(mouth.lower_inner, mouth.upper_inner + np.array([0, 0.085]))
    edge[:, 0] = mouth.upper_inner[:, 0]
    brush.fill(np.concatenate([mouth.upper_inner, edge[::-1]]), _TEETH)
    brush.line(mouth.upper_inner, _MOUTH, width=0.022)
    brush.line(mouth.lower_outer, _shade(face.identity), width=0.014, opacity=0.5)


def _draw_brow(brush: _Brush, brow: Curve, who: Identity) -> None:
    half = 0.034 * who.brow_thickness * np.linspace(1.0, 0.35, len(brow))[:, None] * (0.0, 1.0)
    hair = blend(who.hair, _BLACK, 0.35) if who.hair[0] < 150 else blend(who.hair, _shade(who), 0.5)
    brush.fill(np.concatenate([brow - half, (brow + half)[::-1]]), hair, opacity=0.92)


def _draw_beard(brush: _Brush, shape: Geometry, who: Identity) -> None:
    jaw = shape.head[1:32]
    inner = np.stack([np.linspace(-0.55, 0.55, 9) * who.head_width / 0.76, np.full(9, who.mouth_height - 0.12)], axis=1)
    brush.fill(np.concatenate([jaw, inner]), who.hair, opacity=0.45)


def _draw_hair(brush: _Brush, who: Identity) -> None:
    if who.hair_style == "bald":
        return
    angle = np.linspace(np.pi + 0.1, 2 * np.pi - 0.1, 25)
    crown = np.stack([np.cos(angle) * who.head_width * 1.07, np.sin(angle) * 1.1], axis=1)
    low = who.hair_line + (0.16 if who.hair_style == "fringe" else 0.0)
    side = -0.2 if who.hair_style == "short" else -0.1
    across = np.linspace(0.94, -0.94, 15)
    line = low + (side - low) * np.abs(across) ** (3 if who.hair_style == "short" else 5)
    brush.fill(np.concatenate([crown, np.stack([across * who.head_width, line], axis=1)]), who.hair)
    brush.line(crown[6:14] * (0.82, 0.9), blend(who.hair, _WHITE, 0.3), width=0.05, opacity=0.3)


def _draw_glasses(brush: _Brush, shape: Geometry) -> None:
    frame: Colour = (34, 30, 34)
    for eye in (shape.left_eye, shape.right_eye):
        rim = _ellipse(eye.centre[0, 0], eye.centre[0, 1] + 0.03, 0.235, 0.19)
        brush.line(np.concatenate([rim, rim[:1]]), frame, width=0.026)
        brush.fill(rim, _WHITE, opacity=0.08)
    y = shape.left_eye.centre[0, 1]
    brush.line(np.array([[-0.09, y], [0, y - 0.03], [0.09, y]]), frame, width=0.026)


def _ellipse(x: float, y: float, half_width: float, half_height: float) -> Curve:
    return _CIRCLE * (half_width, half_height) + (x, y)


def _mirrored(half: Curve) -> Curve:
    """A closed outline from its left half."""
    return np.concatenate([half, half[::-1] * (-1, 1)])
