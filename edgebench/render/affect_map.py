"""Valence and arousal by place: how far off answers are, over the square of labels.

Steps of colour are the same in every picture, so that two pictures can be held side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from edgebench.records.results import AffectErrors, Results, VariantResult
from edgebench.render import encodings
from edgebench.render.criterion import criterion_of
from edgebench.render.palette import LIGHT, Palette

if TYPE_CHECKING:
    import altair as alt

AXES = ("valence", "arousal")
TICKS = (-1, -0.5, 0, 0.5, 1)
CELL_PX = 5
PNG_SCALE = 2.0
TOOLTIP = {"valence_text": "valence", "arousal_text": "arousal", "value": "RMSE", "labels": "labels"}


@dataclass(frozen=True)
class _Shades:
    """Where colours change, which ones, and a Vega expression of a step's text."""

    steps: tuple[float, ...]
    scheme: Literal["viridis", "oranges"]
    text: str = "datum.label"


ERRORS = _Shades((0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1), "viridis")
DOUBLINGS = _Shades((1, 2, 3, 4, 5, 6, 7), "oranges", "datum.label ? pow(2, datum.value) : ''")
"""Of the number of labels, from 2 to 128."""


def svg(found: AffectErrors, *, name: str) -> bytes:
    """A picture of the errors, and of the labels they are means over; `name` says whose answers."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_specification(found, name))).encode()


def png(found: AffectErrors, *, name: str) -> bytes:
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_specification(found, name), scale=PNG_SCALE))


def summary(found: AffectErrors) -> str:
    """How many labels lie in how many cells, and the means of their errors."""
    count = len(found.labels)
    means = ", ".join(f"{axis} {sum(_errors(found, axis)) / count:.3f}" for axis in AXES)
    side = found.cells
    return f"{sum(found.labels)} labels in {count} of {side} x {side} cells; mean RMSE of these cells: {means}"


def drawn_on_page(results: Results) -> tuple[VariantResult, AffectErrors] | None:
    """The source model that the page draws: the best of those with errors by place, since each weighs much."""
    criterion = criterion_of(results)
    found = [(row, row.scores.affect_errors) for row in results.variants if row.scores and row.scores.affect_errors]

    def value(drawn: tuple[VariantResult, AffectErrors]) -> float:
        estimate = criterion.value(drawn[0])
        return estimate.value if estimate else -math.inf

    return max(found, key=value, default=None)


def error_charts(results: Results, palette: Palette, *, live: bool) -> dict[str, alt.LayerChart]:
    """Axis -> its errors over the square, as wide as the page gives or square; empty where there is nothing to draw."""
    drawn = drawn_on_page(results)
    if drawn is None:
        return {}
    _, found = drawn
    side = found.cells * CELL_PX
    width = encodings.LIVE if live else side
    return {axis: encodings.layered(_error_panel(found, axis, palette), width=width, height=side) for axis in AXES}


def _specification(found: AffectErrors, name: str) -> dict[str, Any]:
    import altair as alt

    panels = [_error_panel(found, axis, LIGHT).properties(title=f"RMSE of {axis}") for axis in AXES]
    doubled = tuple(math.log2(n) for n in found.labels)
    counts = _panel(found, doubled, DOUBLINGS, LIGHT)
    side = found.cells * CELL_PX
    sized = [panel.properties(width=side, height=side) for panel in (*panels, counts.properties(title="labels"))]
    title = alt.TitleParams(f"Errors of {name} by the place of the label", subtitle=[summary(found)], offset=14)
    return encodings.specification(
        alt.hconcat(*sized).resolve_scale(color="independent").properties(title=title), LIGHT
    )


def _error_panel(found: AffectErrors, axis: str, palette: Palette) -> alt.Chart:
    return _panel(found, _errors(found, axis), ERRORS, palette)


def _panel(found: AffectErrors, values: tuple[float, ...], shades: _Shades, palette: Palette) -> alt.Chart:
    """A coloured cell for each that holds a label."""
    import altair as alt

    side = found.cells
    # A row for each cell would be four times as long on the page.
    columns = {"valence": found.valence, "arousal": found.arousal, "labels": found.labels, "value": values}
    scale = alt.Scale(domain=[0, side], nice=False)
    ticks = alt.Axis(
        values=[(tick + 1) / 2 * side for tick in TICKS],
        labelExpr=f"format(2 * datum.value / {side} - 1, '~g')",
        grid=False,
    )
    colors = alt.Scale(type="threshold", domain=list(shades.steps), scheme=shades.scheme)
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=[columns]), view=alt.ViewBackground(fill=palette.line))
        .transform_flatten(list(columns))
        .transform_calculate(**{f"{axis}_end": f"datum.{axis} + 1" for axis in AXES})
        .transform_calculate(**{f"{axis}_text": _bounds(axis, side) for axis in AXES})
        .mark_rect(aria=False)
        .encode(
            x=alt.X("valence:Q", scale=scale, axis=ticks, title="valence"),
            x2="valence_end:Q",
            y=alt.Y("arousal:Q", scale=scale, axis=ticks, title="arousal"),
            y2="arousal_end:Q",
            color=alt.Color("value:Q", scale=colors, legend=alt.Legend(title=None, labelExpr=shades.text)),
            tooltip=encodings.tooltip(TOOLTIP),
        )
    )
    return chart


def _errors(found: AffectErrors, axis: str) -> tuple[float, ...]:
    return found.valence_rmse if axis == "valence" else found.arousal_rmse


def _bounds(axis: str, side: int) -> str:
    """A Vega expression: from where to where a cell reaches."""
    low, high = (f"format(2 * (datum.{axis} + {edge}) / {side} - 1, '.2f')" for edge in (0, 1))
    return f"{low} + ' to ' + {high}"
