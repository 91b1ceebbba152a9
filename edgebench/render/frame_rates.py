"""Frames a second behind a face detector: a stacked bar of the stages, and a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgebench.records.pipeline_timing import STAGES
from edgebench.records.results import FrameRate, Results, VariantResult
from edgebench.render import encodings
from edgebench.render.names import short_names
from edgebench.render.palette import Palette
from edgebench.render.text import estimate_text
from edgebench.units import NOT_MEASURED, fps_text, ms_text

if TYPE_CHECKING:
    import altair as alt

BAR_PX = 24
HEAD = ("variant", "detector", "frames", "threads", "fps", "frame", "with a face", "faces found in", *STAGES)
WORDS = 3
"""The first so many columns of the table hold words."""
TOOLTIP = {"variant": "variant", "detector": "detector", "stage": "stage", "text": "mean time", "fps": "fps"}


def timed(results: Results) -> list[tuple[VariantResult, FrameRate]]:
    return [(variant, rate) for variant in results.variants for rate in variant.frame_rates]


def table(results: Results) -> Iterator[list[str]]:
    """Cells under HEAD, a row for each variant, detector and thread count."""
    for variant, rate in timed(results):
        found = f"{len(rate.faces) - rate.faces.count(0)} of {len(rate.faces)}" if rate.faces else "not looked for"
        yield [
            variant.variant,
            rate.detector.text,
            f"{rate.frames.name}, {rate.size_text}",
            str(rate.threads),
            fps_text(rate.fps),
            estimate_text(rate.frame_ms, ms_text),
            NOT_MEASURED if rate.with_face_ms is None else ms_text(rate.with_face_ms),
            found,
            *(ms_text(rate.stages_ms[stage]) if stage in rate.stages_ms else "none" for stage in STAGES),
        ]


def stage_charts(results: Results, palette: Palette, *, width: int | str = encodings.LIVE) -> dict[int, alt.LayerChart]:
    """Thread count -> a bar for each variant and detector, its stages end to end, with its frames a second."""
    found = timed(results)
    names, several = short_names(results), len({(rate.detector, rate.frames) for _, rate in found}) > 1
    charts = {}
    for threads in sorted({rate.threads for _, rate in found}):
        rows = [
            row
            for variant, rate in found
            if rate.threads == threads
            for row in _rows(names[variant.variant] + (f", {_behind(rate)}" if several else ""), variant, rate)
        ]
        charts[threads] = _chart(rows, palette, width)
    return charts


def _behind(rate: FrameRate) -> str:
    return f"{rate.detector.text}, {rate.frames.name}"


def _rows(name: str, variant: VariantResult, rate: FrameRate) -> Iterator[dict[str, Any]]:
    end_ms = 0.0
    for stage, stage_ms in rate.stages_ms.items():
        start_ms, end_ms = end_ms, end_ms + stage_ms
        yield {
            "name": name,
            "variant": variant.variant,
            "format": variant.format,
            "recipe": variant.recipe,
            "detector": _behind(rate),
            "stage": stage,
            "start_ms": start_ms,
            "end_ms": end_ms,
            "text": ms_text(stage_ms),
            "fps": f"{fps_text(rate.fps)} fps",
            "last": stage == list(rate.stages_ms)[-1],
        }


def _chart(rows: list[dict[str, Any]], palette: Palette, width: int | str) -> alt.LayerChart:
    import altair as alt

    stages = [stage for stage in STAGES if any(row["stage"] == stage for row in rows)]
    color_of = dict(zip(STAGES, palette.series, strict=False))
    names = list(dict.fromkeys(row["name"] for row in rows))
    room_ms = 1.12 * max(row["end_ms"] for row in rows)  # for the text behind the longest bar
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("name:N", scale=alt.Scale(domain=names), title=None, axis=alt.Axis(labelLimit=230, ticks=False)),
        opacity=alt.condition(encodings.IN_FOCUS, alt.value(1.0), alt.value(0.12)),
    )
    scale = alt.Scale(domain=[0, room_ms], nice=False)
    bars = base.mark_bar(height=BAR_PX * 2 // 3).encode(
        x=alt.X("start_ms:Q", scale=scale, title="mean time of a frame, ms"),
        x2="end_ms:Q",
        color=alt.Color(
            "stage:N",
            scale=encodings.named_scale({stage: color_of[stage] for stage in stages}),
            legend=alt.Legend(title="stage", orient="top"),
        ),
        tooltip=encodings.tooltip(TOOLTIP),
    )
    ends = base.transform_filter("datum.last").mark_text(align="left", dx=5, color=palette.ink, aria=False)
    return encodings.layered(
        bars, ends.encode(x=alt.X("end_ms:Q", scale=scale), text="fps:N"), width=width, height=BAR_PX * len(names)
    )
