"""The Pareto plot as a picture: what the page shows first, for a README or a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebench.records.results import Results
from edgebench.render import charts, encodings, names
from edgebench.render.palette import LIGHT

if TYPE_CHECKING:
    import altair as alt

WIDTH_PX = 720
PNG_SCALE = 2.0


def svg(results: Results) -> bytes:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_specification(results))).encode()


def png(results: Results) -> bytes:
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_specification(results), scale=PNG_SCALE))


def _specification(results: Results) -> dict[str, Any]:
    return encodings.specification(_picture(results), LIGHT)


def _picture(results: Results) -> alt.TopLevelMixin:
    """Accuracy over latency, one panel per thread count; over size where nothing has a latency."""
    import altair as alt

    panels, key = _panels(results)
    subtitle = [*_setting(results), key]
    title = alt.TitleParams(names.title(results), subtitle=subtitle, offset=14)
    return alt.vconcat(*panels).properties(title=title)


def _panels(results: Results) -> tuple[list[Any], str]:
    """The panels, and how to read them."""
    import altair as alt

    by_threads = charts.latency_charts(results, LIGHT, width=WIDTH_PX)
    if by_threads:
        key = f"area of a point: bytes; bars: intervals; dashes: source models; line: {names.front_text(results)}"
        if len(by_threads) == 1:
            return list(by_threads.values()), key
        return [chart.properties(title=names.threads_text(n)) for n, chart in by_threads.items()], key
    by_size = charts.size_chart(results, LIGHT, width=WIDTH_PX)
    if by_size:
        return [by_size], "nothing has a latency; bars: intervals; dashes: source models"
    return [alt.Chart(alt.InlineData(values=[{}])).mark_text(text="nothing to draw")], "no variant has been evaluated"


def _setting(results: Results) -> list[str]:
    lines = []
    if results.dataset:
        device = f", timed on {results.device.name}" if results.device and not results.device.emulated else ""
        lines.append(f"{results.dataset.name}, {results.dataset.split}: {results.dataset.images_text}{device}")
    if results.dataset and results.dataset.synthetic:
        lines.append(names.SYNTHETIC)
    return lines
