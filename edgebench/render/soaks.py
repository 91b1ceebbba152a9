"""How speed lasts: latency over the time of a soak, and burst beside sustained in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edgebench.records.results import Results, Soak, VariantResult
from edgebench.render import encodings
from edgebench.render.axes import axis_over
from edgebench.render.names import short_names
from edgebench.render.palette import Palette
from edgebench.units import NOT_MEASURED, duration_text, joules_text, ms_text, ratio_text, watts_text

if TYPE_CHECKING:
    import altair as alt

HEIGHT_PX = 220
HEAD = (
    "variant",
    "threads",
    "burst",
    "sustained",
    "sustained / burst",
    "lasted",
    "temperature",
    "clock",
    "power",
    "energy of an inference",
)
TOOLTIP = {
    "variant": "variant",
    "time": "time",
    "latency": "latency",
    "temperature": "temperature",
    "clock": "clock",
}


def soaked(results: Results) -> list[tuple[VariantResult, Soak]]:
    return [(variant, soak) for variant in results.variants for soak in variant.soaks]


def table(results: Results) -> Iterator[list[str]]:
    """Cells under HEAD, a row for each variant and thread count."""
    for variant, soak in soaked(results):
        yield [
            variant.variant,
            str(soak.threads),
            ms_text(soak.burst_ms),
            ms_text(soak.sustained_ms),
            ratio_text(soak.ratio),
            duration_text(soak.duration_s),
            _ends(soak.temperature_c, "C"),
            _ends(soak.frequency_mhz, "MHz"),
            watts_text(soak.power.mean_w if soak.power else None),
            joules_text(soak.power.inference_j if soak.power else None),
        ]


def _ends(column: Sequence[float | None], unit: str) -> str:
    read = [value for value in column if value is not None]
    return f"{read[0]:.0f} to {read[-1]:.0f} {unit}" if read else NOT_MEASURED


def soak_charts(results: Results, palette: Palette, *, width: int | str = encodings.LIVE) -> dict[int, alt.LayerChart]:
    """Thread count -> a line for each variant: its latency over that of its first seconds."""
    names = short_names(results)
    by_threads: dict[int, list[dict[str, Any]]] = {}
    for variant, soak in soaked(results):
        by_threads.setdefault(soak.threads, []).extend(_rows(names[variant.variant], variant, soak))
    return {threads: _chart(rows, results, palette, width) for threads, rows in sorted(by_threads.items())}


def _rows(name: str, variant: VariantResult, soak: Soak) -> Iterator[dict[str, Any]]:
    columns = (soak.at_s, soak.median_ms, soak.temperature_c, soak.frequency_mhz)
    for at_s, median_ms, temperature_c, frequency_mhz in zip(*columns, strict=True):
        yield {
            "name": name,
            "variant": variant.variant,
            "format": variant.format,
            "recipe": variant.recipe,
            "minutes": at_s / 60,
            "ratio": median_ms / soak.burst_ms,
            "time": duration_text(at_s),
            "latency": ms_text(median_ms),
            "temperature": _reading(temperature_c, "C"),
            "clock": _reading(frequency_mhz, "MHz"),
        }


def _reading(value: float | None, unit: str) -> str:
    return NOT_MEASURED if value is None else f"{value:.0f} {unit}"


def _chart(rows: list[dict[str, Any]], results: Results, palette: Palette, width: int | str) -> alt.LayerChart:
    import altair as alt

    axis = axis_over([1.0, *(row["ratio"] for row in rows)], log=False, padding=0.05)
    label = {"title": "latency over the burst's", "label": "format(datum.value, '~g') + 'x'"}
    recipes = list(dict.fromkeys(row["recipe"] for row in rows))
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("minutes:Q", title="minutes", scale=alt.Scale(nice=False)),
        y=encodings.position(alt.Y, "ratio", axis, **label),
        color=encodings.color(results, palette),
        detail="variant:N",
        opacity=alt.condition(encodings.IN_FOCUS, alt.value(1.0), alt.value(0.12)),
    )
    lines = base.mark_line(strokeWidth=1.5).encode(
        strokeDash=alt.StrokeDash("recipe:N", sort=recipes, legend=alt.Legend(title="recipe", orient="top"))
    )
    points = base.mark_circle(size=40, opacity=0).encode(
        opacity=alt.value(0), tooltip=encodings.tooltip(TOOLTIP), detail="variant:N"
    )
    return encodings.layered(lines, points, width=width, height=HEIGHT_PX)
