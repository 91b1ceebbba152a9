"""The report as one page that needs nothing else: no network, no file beside it, no server."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import edgebench.units as units
from edgebench.records.artifact import Calibration
from edgebench.records.results import Results, VariantResult
from edgebench.render import (
    affect_map,
    answers,
    blocks,
    charts,
    encodings,
    frame_rates,
    names,
    page,
    palette,
    scatter,
    soaks,
    tables,
)
from edgebench.render.conclusions import conclusions
from edgebench.render.criterion import criterion_of
from edgebench.stats import FEWEST_CHANGES, FEWEST_SAMPLES

STILL_WIDTH_PX = 860


@dataclass(frozen=True)
class Figure:
    """A chart of the page: its name, what it shows, its specification, and a picture for readers without scripts."""

    name: str
    caption: str
    specification: dict[str, Any]
    picture: str


def render(results: Results) -> bytes:
    figures = _figures(results)
    columns, unmeasured = tables.shown(results)
    style = page.style()
    specifications = {f.name: f.specification for found in figures.values() for f in found}
    scripts = [_bundle(), page.source("report.js")]
    html = (
        page.environment()
        .get_template("report.html.j2")
        .render(
            results=results,
            names=names,
            tables=tables,
            columns=columns,
            unmeasured=unmeasured,
            frame_rates=frame_rates,
            affect_map=affect_map,
            answers=answers,
            soaks=soaks,
            conclusions=conclusions(results),
            criterion=criterion_of(results),
            fewest_samples=FEWEST_SAMPLES,
            fewest_changes=FEWEST_CHANGES,
            figures=figures,
            specifications=_json(specifications),
            style=style,
            scripts=scripts,
            policy=page.policy(style, scripts),
            legend=_legend(results),
            calibrations=_calibrations(results),
        )
    )
    return html.encode()


def _figures(results: Results) -> dict[str, list[Figure]]:
    """The page's figures by section; each empty where there is nothing to draw."""
    several, criterion = len(names.thread_counts(results)) > 1, criterion_of(results).title

    def drawn(draw: Callable[..., dict[int, Any]], name: str, caption: str) -> list[Figure]:
        live, still = (draw(results, palette.PAGE, width=width) for width in (encodings.LIVE, STILL_WIDTH_PX))
        at = {n: f", {names.threads_text(n)}" if several else "" for n in live}
        return [_figure(f"{name}-{n}", caption + at[n], live[n], still[n]) for n in live]

    def size(results: Results, colors: palette.Palette, *, width: int | str) -> dict[int, Any]:
        chart = charts.size_chart(results, colors, width=width)
        return {0: chart} if chart else {}

    return {
        "latency": drawn(charts.latency_charts, "latency", f"{criterion} over latency"),
        "size": drawn(size, "size", f"{criterion} over size, every format"),
        "blocks": drawn(blocks.block_charts, "blocks", "blocks"),
        "frames": drawn(frame_rates.stage_charts, "frames", "mean time of a frame, by stage"),
        "soaks": drawn(soaks.soak_charts, "soaks", "latency over the time of a soak"),
        "affect": _affect_figures(results),
    }


def _affect_figures(results: Results) -> list[Figure]:
    live, still = (affect_map.error_charts(results, palette.PAGE, live=live) for live in (True, False))
    return [_figure(f"affect-{axis}", f"RMSE of {axis}", live[axis], still[axis]) for axis in live]


def _figure(name: str, caption: str, live: Any, still: Any) -> Figure:
    import vl_convert

    picture = vl_convert.vegalite_to_svg(encodings.specification(still, palette.PAGE))
    specification = encodings.specification(live, palette.PAGE) | {"description": caption}
    return Figure(name, caption, specification, str(picture))


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script that loads nothing."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")


def _legend(results: Results) -> dict[str, Any]:
    variants = [v for v in results.variants if not names.is_source(v)]
    series = list(palette.colors([v.format for v in variants], palette.PAGE))
    sized = sorted({v.size_bytes for v in variants if v.size_bytes is not None})
    size_of = scatter.area(results)
    return {
        "formats": {name: palette.PAGE.series.index(c) for name, c in palette.colors(series, palette.PAGE).items()},
        "recipes": palette.shapes([v.recipe for v in variants]),
        "sizes": [
            (units.bytes_text(b), round((size_of(b) / 3.14159) ** 0.5, 2)) for b in sized[:: max(1, len(sized) - 1)]
        ],
        "shape": palette.SHAPES[0],
    }


def _calibrations(results: Results) -> list[tuple[Calibration, list[VariantResult]]]:
    """Each calibration set once, with the variants whose ranges it decided."""
    found: list[tuple[Calibration, list[VariantResult]]] = []
    for variant in results.variants:
        if variant.calibration is None:
            continue
        users = next((users for calibration, users in found if calibration == variant.calibration), None)
        if users is None:
            found.append((variant.calibration, [variant]))
        else:
            users.append(variant)
    return found
