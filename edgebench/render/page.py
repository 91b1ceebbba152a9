"""What every page of a report shares: its templates, its style, and what it may run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import edgebench.units as units
from edgebench.render import palette, text

if TYPE_CHECKING:
    import jinja2

SHADES = 10


@cache
def environment() -> jinja2.Environment:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("edgebench.render"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"bytes": units.bytes_text, "ms": units.ms_text, "percent": units.percent_text}
    found.filters |= {"score": units.score_text, "fps": units.fps_text}
    found.filters |= {
        "estimate": text.estimate_text,
        "metric": text.metric_title,
        "shade": _shade,
        "plain": _plain,
    }
    found.globals |= {"units": units, "not_measured": units.NOT_MEASURED}
    return found


def source(name: str) -> str:
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0]


def style() -> str:
    """The colours of both schemes, then everything that uses them."""
    light, dark = palette.LIGHT.css(), palette.DARK.css()
    schemes = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f"{schemes}\n{source('style.css')}"


def policy(style: str, scripts: Sequence[str] = ()) -> str:
    """Only these very scripts and this very style may run; nothing may be fetched from anywhere."""
    allowed = " ".join(_digest(script) for script in scripts) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; base-uri 'none'; form-action 'none'"


def _digest(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _shade(count: int, row: tuple[int, ...]) -> int:
    """A cell's share of its row, in tenths."""
    return round(SHADES * count / (sum(row) or 1))


def _plain(value: float | int | str) -> str:
    """A number with its thousands apart; text as it is, so that marked-up text stays escaped once."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value
