"""Colours and shapes of every chart, stated once for the page (as CSS variables) and for the pictures.

Series colours follow Okabe and Ito (2008), "Color universal design", lightened for a dark ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgebench.specs.variant import FORMATS, RECIPES


@dataclass(frozen=True)
class Palette:
    """Colours as a chart takes them: hexadecimal, or `var(--name)` inside the page."""

    ground: str
    ink: str
    muted: str
    line: str
    warning: str
    series: tuple[str, ...]

    def css(self) -> str:
        """The palette as CSS custom properties."""
        named = {"ground": self.ground, "ink": self.ink, "muted": self.muted, "line": self.line}
        named |= {"warning": self.warning} | {f"series-{i}": color for i, color in enumerate(self.series)}
        return "".join(f"--{name}:{color};" for name, color in named.items())


LIGHT = Palette(
    ground="#ffffff",
    ink="#1b1f24",
    muted="#57606a",
    line="#d5dae0",
    warning="#b3261e",
    series=("#0072b2", "#d55e00", "#008560", "#9b4f86", "#8a6d00", "#444c56"),
)
DARK = Palette(
    ground="#111418",
    ink="#e6e9ed",
    muted="#9aa4af",
    line="#31373e",
    warning="#ff6b6b",
    series=("#56b4e9", "#f28e3c", "#2fc79a", "#d68fc0", "#e2c541", "#b3bcc6"),
)
PAGE = Palette(
    ground="var(--ground)",
    ink="var(--ink)",
    muted="var(--muted)",
    line="var(--line)",
    warning="var(--warning)",
    series=tuple(f"var(--series-{i})" for i in range(len(LIGHT.series))),
)
"""What the page's charts are drawn in, so that a change between light and dark needs no drawing."""

SHAPES = (
    "M1.128,0A1.128,1.128,0,1,1,-1.128,0A1.128,1.128,0,1,1,1.128,0Z",
    "M-1,-1H1V1H-1Z",
    "M0,-1.414L1.414,0L0,1.414L-1.414,0Z",
    "M0,-1.754L1.52,0.877H-1.52Z",
    "M0,1.754L1.52,-0.877H-1.52Z",
    "M-1.342,-0.447H-0.447V-1.342H0.447V-0.447H1.342V0.447H0.447V1.342H-0.447V0.447H-1.342Z",
)
"""Circle, square, diamond, triangles, cross: SVG paths of one area (4) around the origin."""


def ordered(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """The distinct names, those in `known` first and in its order."""
    found = set(names)
    return [name for name in known if name in found] + sorted(found.difference(known))


def colors(formats: Iterable[str], palette: Palette) -> dict[str, str]:
    """Format -> colour. A known format keeps its colour whatever else the report holds."""
    found = ordered(formats, FORMATS)
    places = ordered({*found, *FORMATS}, FORMATS)
    cycle = dict(zip(places, palette.series * len(places), strict=False))
    return {name: cycle[name] for name in found}


def shapes(recipes: Iterable[str]) -> dict[str, str]:
    """Recipe -> SVG path, in the same manner."""
    found = ordered(recipes, RECIPES)
    places = ordered({*found, *RECIPES}, RECIPES)
    cycle = dict(zip(places, SHAPES * len(places), strict=False))
    return {name: cycle[name] for name in found}
