"""The criterion, usually accuracy, over latency and over size.

Drawn in a palette: literal colours for pictures, CSS variables for the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.records.results import Results
from edgebench.render import encodings, placement, scatter
from edgebench.render.criterion import Criterion, criterion_of
from edgebench.render.encodings import IN_FOCUS, LIVE
from edgebench.render.names import is_source
from edgebench.render.palette import Palette, shapes

if TYPE_CHECKING:
    import altair as alt

LATENCY_AXIS = {"title": "median latency, ms", "label": "format(datum.value, '~g')"}
SIZE_AXIS = {"title": "size, MB", "label": "format(datum.value / 1e6, '~g')"}
TOOLTIP = {
    "latency_text": "median latency",
    "size_text": "size",
    "drift_text": "drift",
    "front_text": "P(front)",
    "size_front_text": "P(front with size)",
}


def latency_charts(results: Results, palette: Palette, *, width: int | str = LIVE) -> dict[int, alt.LayerChart]:
    """Thread count -> the criterion over median latency; empty where nothing has both."""
    scenes = scatter.latency_scenes(results)
    return {n: _chart(scene, results, palette, width, LATENCY_AXIS) for n, scene in scenes.items()}


def size_chart(results: Results, palette: Palette, *, width: int | str = LIVE) -> alt.LayerChart | None:
    """The criterion over size; None where nothing has both."""
    scene = scatter.size_scene(results)
    return _chart(scene, results, palette, width, SIZE_AXIS) if scene else None


def _chart(
    scene: scatter.Scene, results: Results, palette: Palette, width: int | str, x_axis: dict[str, str]
) -> alt.LayerChart:
    import altair as alt

    criterion = criterion_of(results)
    base = alt.Chart(alt.InlineData(values=scatter.rows(scene, results))).encode(
        x=encodings.position(alt.X, "x", scene.x, **x_axis),
        y=encodings.position(alt.Y, "y", scene.y, title=criterion.title, label=criterion.tick),
        color=encodings.color(results, palette),
        opacity=alt.condition(IN_FOCUS, alt.value(1.0), alt.value(0.12)),
    )
    layers = [*_source_rules(scene, palette), _front_line(base, palette), *_error_bars(base)]
    layers += [_points(base, results, palette, criterion, live=width == LIVE), *_labels(base, palette)]
    return encodings.layered(*layers, width=width, height=scatter.HEIGHT_PX)


def _source_rules(scene: scatter.Scene, palette: Palette) -> list[alt.Chart]:
    """A dashed line at each source model's value, named at its left end."""
    import altair as alt

    if not scene.sources:
        return []
    lines = alt.Chart(alt.InlineData(values=[{"y": value} for value in scene.sources.values()]))
    labels = [{"label": label, "y": value} for label, value in scatter.source_labels(scene).items()]
    names = alt.Chart(alt.InlineData(values=labels))
    text = names.mark_text(align="left", baseline="bottom", dx=2, dy=-2, color=palette.muted, fontStyle="italic")
    return [
        lines.mark_rule(strokeDash=[2, 3], color=palette.muted, aria=False).encode(y=alt.Y("y:Q")),
        text.encode(x=alt.value(0), y=alt.Y("y:Q"), text="label:N"),
    ]


def _front_line(base: alt.Chart, palette: Palette) -> alt.Chart:
    import altair as alt

    line = base.transform_filter("datum.front").mark_line(interpolate="step-after", strokeWidth=1.5, aria=False)
    drawn: alt.Chart = line.encode(color=alt.value(palette.ink), opacity=alt.value(0.75), order=alt.Order("x:Q"))
    return drawn


def _error_bars(base: alt.Chart) -> list[alt.Chart]:
    import altair as alt

    faint = alt.condition(IN_FOCUS, alt.value(0.45), alt.value(0.08))
    across = base.transform_filter("isValid(datum.x_low) && isValid(datum.x_high)").mark_rule(aria=False)
    upright = base.transform_filter("isValid(datum.y_low) && isValid(datum.y_high)").mark_rule(aria=False)
    return [
        across.encode(x=alt.X("x_low:Q"), x2="x_high:Q", opacity=faint),
        upright.encode(y=alt.Y("y_low:Q"), y2="y_high:Q", opacity=faint),
    ]


def _points(base: alt.Chart, results: Results, palette: Palette, criterion: Criterion, *, live: bool) -> alt.Chart:
    import altair as alt

    scale = encodings.named_scale(shapes([v.recipe for v in results.variants if not is_source(v)]))
    linked = {"href": "href:N"} if live else {}
    points: alt.Chart = base.mark_point(filled=True, strokeWidth=1.4).encode(
        shape=alt.Shape("recipe:N", scale=scale, legend=encodings.legend("recipe", palette)),
        size=alt.Size("area:Q", scale=None),
        stroke=alt.condition("datum.front", alt.value(palette.ink), alt.value(palette.ground)),
        description="summary:N",
        tooltip=encodings.tooltip({"variant": "variant", "value_text": criterion.title} | TOOLTIP),
        **linked,
    )
    return points


def _labels(base: alt.Chart, palette: Palette) -> list[alt.Chart]:
    """One layer per place, since the offset of a label belongs to its layer."""
    import altair as alt

    chosen = f"(width < {scatter.NARROW_BELOW_PX} ? datum.narrow : datum.wide)"
    ink = alt.condition("datum.front", alt.value(palette.ink), alt.value(palette.muted))
    beside, above = placement.OFFSET_PX
    return [
        base.mark_text(
            align="left" if right > 0 else "right",
            baseline="top" if down > 0 else "bottom",
            dx=right * beside,
            dy=down * above,
            aria=False,
        )
        .transform_filter(f"{chosen} == '{anchor}'")
        .encode(text="label:N", color=ink)
        for anchor, (right, down) in placement.ANCHORS.items()
    ]
