"""What a face does: the movements of an expression, drawn around the place of one of AffectNet's eight.

Each expression is a cloud, not a point: an intensity says how strongly it shows (a weak one looks
neutral), and every movement varies from person to person. Valence and arousal are the expression's
place in the circumplex (Russell 1980) scaled by that intensity, plus an annotator's scatter.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionParameters:
    """Movements of a face from rest, in units of a strong expression (0 is rest, 1 strong)."""

    brow_inner: float = 0.0  # raised (+) or lowered (-)
    brow_outer: float = 0.0
    brow_pinch: float = 0.0  # drawn together over the nose
    eye_open: float = 0.0  # wider (+) or narrower (-) than at rest
    cheek_raise: float = 0.0  # pushes the lower lid up, deepens the fold beside the nose
    nose_wrinkle: float = 0.0
    upper_lip: float = 0.0  # raised, showing the teeth
    mouth_corner: float = 0.0  # up (+) or down (-)
    mouth_stretch: float = 0.0  # wider (+) or rounder (-)
    mouth_open: float = 0.0
    lip_press: float = 0.0  # thin, tight lips
    smirk: float = 0.0  # one corner pulled up: the right (+) or the left (-)


@dataclass(frozen=True, slots=True)
class Affect:
    """One drawn expression: how it looks, and what an annotator says of it."""

    parameters: ExpressionParameters
    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class Expression:
    """One of the eight: its movements and circumplex place at full intensity, and what it is mistaken for."""

    movements: ExpressionParameters
    valence: float
    arousal: float
    neighbours: tuple[int, ...]


def _expression(valence: float, arousal: float, neighbours: tuple[int, ...], **movements: float) -> Expression:
    return Expression(ExpressionParameters(**movements), valence, arousal, neighbours)


NEUTRAL, HAPPY, SAD, SURPRISE, FEAR, DISGUST, ANGER, CONTEMPT = range(8)

# fmt: off
EXPRESSIONS: tuple[Expression, ...] = (  # in AffectNet's label order
    _expression(0.0, -0.05, (SAD, CONTEMPT)),
    _expression(0.85, 0.25, (NEUTRAL, CONTEMPT), brow_outer=0.1, eye_open=-0.35, cheek_raise=0.9,
                mouth_corner=1.0, mouth_stretch=0.6, mouth_open=0.35),
    _expression(-0.75, -0.4, (NEUTRAL, FEAR), brow_inner=0.8, brow_outer=-0.5, eye_open=-0.5,
                mouth_corner=-1.0, mouth_stretch=-0.15, lip_press=0.2),
    _expression(0.2, 0.8, (FEAR,), brow_inner=1.0, brow_outer=1.0, eye_open=0.9,
                mouth_stretch=-0.7, mouth_open=0.9),
    _expression(-0.6, 0.75, (SURPRISE, SAD), brow_inner=1.0, brow_outer=0.1, brow_pinch=0.7, eye_open=0.9,
                mouth_corner=-0.5, mouth_stretch=0.6, mouth_open=0.4),
    _expression(-0.75, 0.35, (ANGER,), brow_inner=-0.5, brow_pinch=0.3, eye_open=-0.55, nose_wrinkle=1.0,
                cheek_raise=0.4, upper_lip=1.0, mouth_corner=-0.5),
    _expression(-0.65, 0.65, (DISGUST, NEUTRAL), brow_inner=-1.0, brow_outer=0.3, brow_pinch=1.0, eye_open=0.15,
                mouth_corner=-0.4, lip_press=0.8),
    _expression(-0.5, 0.2, (NEUTRAL, HAPPY), brow_outer=0.15, eye_open=-0.35, mouth_corner=0.1,
                lip_press=0.4, smirk=1.0),
)
# fmt: on

INTENSITY = (4.0, 1.3)  # of the beta distribution that says how strongly an expression shows
REST_SCATTER = 0.13  # how far a resting face strays from the average one
MOVEMENT_SCATTER = 0.2  # how differently two people make the same expression
MISLABELLED = 0.08  # share of images whose label is a plausible neighbour of what they show
AFFECT_SCATTER = 0.10  # of the annotated valence and arousal
_ONE_SIDED = ("cheek_raise", "nose_wrinkle", "upper_lip", "mouth_open", "lip_press", "brow_pinch")


def sample_affect(label: int, rng: Generator) -> Affect:
    """One face that an annotator called `label` (0 to 7), which a share of the time shows a neighbour of it."""
    shown = EXPRESSIONS[label]
    if rng.random() < MISLABELLED:
        shown = EXPRESSIONS[int(rng.choice(shown.neighbours))]
    intensity = float(rng.beta(*INTENSITY))
    return Affect(
        _move(shown.movements, intensity, rng),
        _rated(shown.valence * intensity, rng),
        _rated(shown.arousal * intensity, rng),
    )


def _move(place: ExpressionParameters, intensity: float, rng: Generator) -> ExpressionParameters:
    strong = np.array(astuple(place))
    own = strong * (1 + rng.normal(0, MOVEMENT_SCATTER, strong.size))
    drawn = intensity * own + rng.normal(0, REST_SCATTER, strong.size)
    names = [field.name for field in fields(place)]
    moved = dict(zip(names, np.clip(drawn, -1.3, 1.3).tolist(), strict=True))
    moved["smirk"] *= rng.choice((-1.0, 1.0))
    return ExpressionParameters(**moved | {name: max(0.0, moved[name]) for name in _ONE_SIDED})


def _rated(truth: float, rng: Generator) -> float:
    return float(np.clip(truth + rng.normal(0, AFFECT_SCATTER), -1, 1))
