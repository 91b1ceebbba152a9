"""What all charts share: how a position, a colour and the reader's focus are encoded, and how text looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from edgebench.records.results import Results
from edgebench.render.axes import Axis
from edgebench.render.names import is_source
from edgebench.render.palette import PAGE, Palette, colors

if TYPE_CHECKING:
    import altair as alt

FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
LIVE = "container"
"""The width of a chart in the page, whose points lead to their details; a still picture has pixels."""
IN_FOCUS = "focus == '' || datum.format == focus || datum.recipe == focus"
"""Whether a mark is in the format or recipe the reader picked; `focus` is a signal of every chart."""


def specification(chart: alt.TopLevelMixin, palette: Palette) -> dict[str, Any]:
    """What Vega-Lite takes, without the address of its schema."""
    spec: dict[str, Any] = chart.to_dict()
    spec.pop("$schema", None)
    return spec | {"config": _config(palette), "background": None if palette is PAGE else palette.ground}


def layered(*layers: alt.Chart, width: int | str, height: float) -> alt.LayerChart:
    import altair as alt

    chart = alt.layer(*layers).add_params(alt.param(name="focus", value=""))
    return cast("alt.LayerChart", chart.properties(width=width, height=height))


def position(channel: Any, field: str, axis: Axis, *, title: str, label: str) -> Any:
    """A quantitative x or y channel over a stated axis; `label` is a Vega expression of a tick's text."""
    import altair as alt

    kind = {"type": "log"} if axis.log else {"type": "linear", "zero": False}
    scale = alt.Scale(domain=[axis.low, axis.high], nice=False, **kind)
    title += ", logarithmic" if axis.log else ""
    return channel(f"{field}:Q", scale=scale, title=title, axis=alt.Axis(values=axis.ticks(), labelExpr=label))


def color(results: Results, palette: Palette) -> alt.Color:
    import altair as alt

    table = colors([v.format for v in results.variants if not is_source(v)], palette)
    return alt.Color("format:N", scale=named_scale(table), legend=legend("format", palette))


def named_scale(table: Mapping[str, str]) -> alt.Scale:
    import altair as alt

    return alt.Scale(domain=list(table), range=list(table.values()))


def legend(title: str, palette: Palette) -> alt.Legend | None:
    """A picture carries its legend; the page has one for all its charts."""
    import altair as alt

    return None if palette is PAGE else alt.Legend(title=title)


def tooltip(titles: Mapping[str, str]) -> list[alt.Tooltip]:
    import altair as alt

    return [alt.Tooltip(f"{field}:N", title=title) for field, title in titles.items()]


def _config(palette: Palette) -> dict[str, Any]:
    text = {"labelColor": palette.muted, "titleColor": palette.ink, "labelFontSize": 12, "titleFontSize": 12}
    lines = {"gridColor": palette.line, "domainColor": palette.line, "tickColor": palette.line}
    symbols = {"symbolFillColor": palette.muted, "symbolStrokeColor": palette.muted, "symbolOpacity": 1}
    return {
        "font": FONT,
        "view": {"stroke": None},
        "axis": text | lines | {"titleFontWeight": "normal", "gridOpacity": 0.7, "labelPadding": 6},
        "axisX": {"grid": False, "labelOverlap": True, "labelFlush": False},
        "legend": text | symbols,
        "title": {"color": palette.ink, "subtitleColor": palette.muted, "anchor": "start", "fontSize": 15},
        "text": {"fontSize": 11},
    }
