"""The latency of every block, over the median of its variant: how much to trust each median."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebench.records.results import BlockLatency, Latency, Results, VariantResult
from edgebench.render import encodings
from edgebench.render.axes import axis_over
from edgebench.render.names import short_names
from edgebench.render.palette import Palette
from edgebench.units import ms_text

if TYPE_CHECKING:
    import altair as alt

BLOCK_PX, GAP_PX = 6, 9
DRAWN = ("p5", "p25", "p50", "p75", "p95")
RATIO_AXIS = {"title": "latency over the variant's median", "label": "format(datum.value, '~g') + 'x'"}
TOOLTIP = {
    "variant": "variant",
    "round": "round",
    "invocations": "invocations",
    "quantiles_text": "quantiles",
    "note": "disturbed by",
}


def block_charts(results: Results, palette: Palette, *, width: int | str = encodings.LIVE) -> dict[int, alt.LayerChart]:
    """Thread count -> every block of every variant: median, quartiles, and 5th to 95th percentile."""
    names = short_names(results)
    by_threads: dict[int, list[dict[str, Any]]] = {}
    for variant in results.variants:
        for latency in variant.latency:
            rows = by_threads.setdefault(latency.threads, [])
            rows += [_row(names[variant.variant], variant, latency, block) for block in latency.blocks]
    return {n: _chart(rows, results, palette, width) for n, rows in sorted(by_threads.items()) if rows}


def _row(name: str, variant: VariantResult, latency: Latency, block: BlockLatency) -> dict[str, Any]:
    median_ms = latency.median_ms.value
    return {
        "variant": variant.variant,
        "name": f"{name}, {ms_text(median_ms)}",
        "format": variant.format,
        "recipe": variant.recipe,
        "round": block.round,
        "invocations": block.invocations,
        "quantiles_text": ", ".join(f"{q} {ms_text(value)}" for q, value in block.quantiles_ms.items()),
        "note": "; ".join(block.disturbed) or "nothing",
        "disturbed": bool(block.disturbed),
        **{q: block.quantiles_ms[q] / median_ms for q in DRAWN},
    }


def _chart(rows: list[dict[str, Any]], results: Results, palette: Palette, width: int | str) -> alt.LayerChart:
    import altair as alt

    variants = list(dict.fromkeys(row["name"] for row in rows))
    rounds = sorted({row["round"] for row in rows})
    axis = axis_over([1.0, *(row[q] for row in rows for q in ("p5", "p95"))], log=True, padding=0.03)
    warned = alt.condition(
        "datum.disturbed", alt.value(palette.warning), encodings.color(results, palette).legend(None)
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y(
            "name:N",
            scale=alt.Scale(domain=variants, paddingInner=0.25, paddingOuter=0.1),
            title=None,
            axis=alt.Axis(labelLimit=190, ticks=False, domain=False),
        ),
        yOffset=alt.YOffset("round:O", scale=alt.Scale(domain=rounds)),
        color=warned,
        opacity=alt.condition(encodings.IN_FOCUS, alt.value(1.0), alt.value(0.12)),
        tooltip=encodings.tooltip(TOOLTIP),
    )
    x = encodings.position(alt.X, "p5", axis, **RATIO_AXIS)
    layers = [
        base.mark_rule(strokeWidth=1).encode(x=x, x2="p95:Q"),
        base.mark_bar(height=4).encode(x=alt.X("p25:Q"), x2="p75:Q"),
        base.mark_tick(thickness=2, height=6).encode(x=alt.X("p50:Q"), color=alt.value(palette.ink)),
    ]
    return encodings.layered(*layers, width=width, height=len(variants) * (BLOCK_PX * len(rounds) + GAP_PX))
