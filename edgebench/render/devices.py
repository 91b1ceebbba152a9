"""devices.html: what the same variants do on several devices, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgebench.records.results import Results, VariantResult
from edgebench.render import answers, charts, encodings, names, page, palette
from edgebench.render.criterion import criterion_of
from edgebench.render.tables import latency_at
from edgebench.render.text import estimate_text, interval_text
from edgebench.units import NOT_MEASURED, ms_text, ratio_text

PICTURE_WIDTH_PX = 520


@dataclass(frozen=True)
class Beside:
    """One device's page: its results, and the folder beside this page that it lies in."""

    results: Results
    folder: str


@dataclass(frozen=True)
class Row:
    """A variant at a thread count, with a cell for each device: the latency, and a smaller note under it."""

    variant: str
    threads: int
    size_bytes: int | None
    score: str
    verdict: str
    cells: tuple[tuple[str, str], ...]


def render(pages: Sequence[Beside]) -> bytes:
    """The page of one data set's devices, two or more."""
    style = page.style()
    html = (
        page.environment()
        .get_template("devices.html.j2")
        .render(
            pages=pages,
            title=f"{names.title(pages[0].results)}: {len(pages)} devices",
            synthetic=names.SYNTHETIC if (data := pages[0].results.dataset) and data.synthetic else "",
            criterion=criterion_of(pages[0].results).title,
            rows=list(rows(pages)),
            pictures=pictures(pages),
            is_emulated=answers.is_emulated,
            style=style,
            policy=page.policy(style),
        )
    )
    return html.encode()


def rows(pages: Sequence[Beside]) -> Iterator[Row]:
    """Every variant that any device ran, at every thread count that any was timed at."""
    criterion = criterion_of(pages[0].results)
    found: dict[str, list[VariantResult | None]] = {}
    for place, each in enumerate(pages):
        for variant in each.results.variants:
            found.setdefault(variant.variant, [None] * len(pages))[place] = variant
    threads = sorted({n for each in pages for n in names.thread_counts(each.results)}) or [1]
    for name, beside in found.items():
        known = [each for each in beside if each]
        if not any(each.latency or each.answers for each in known):
            continue
        scored = next((each for each in known if each.scores), known[0])
        for n in threads:
            yield Row(
                name,
                n,
                known[0].size_bytes,
                estimate_text(criterion.value(scored), criterion.value_text),
                scored.drift.verdict if scored.drift else NOT_MEASURED,
                tuple(_cell(each, n) for each in beside),
            )


def _cell(variant: VariantResult | None, threads: int) -> tuple[str, str]:
    if variant is None:
        return NOT_MEASURED, ""
    latency = latency_at(variant, threads)
    if latency is None:
        emulated = variant.answers and variant.answers.emulated
        same = variant.answers and variant.answers.same
        return NOT_MEASURED, "emulated: runs there" + (", same answers" if same else "") if emulated else ""
    notes = [interval_text(latency.median_ms, ms_text)]
    if latency.ratio_to_fp32 and variant.recipe != "fp32":
        notes.append(f"{ratio_text(latency.ratio_to_fp32.value)} of fp32")
    if variant.on_front and latency is variant.latency[0]:
        notes.append("on the front")
    return ms_text(latency.median_ms.value), ", ".join(filter(None, notes))


def pictures(pages: Sequence[Beside]) -> list[tuple[str, str]]:
    """Device and its picture of the criterion over latency, at its lowest thread count."""
    import vl_convert

    drawn = []
    for each in pages:
        by_threads = charts.latency_charts(each.results, palette.PAGE, width=PICTURE_WIDTH_PX)
        if by_threads and each.results.device:
            threads, chart = min(by_threads.items())
            svg = vl_convert.vegalite_to_svg(encodings.specification(chart, palette.PAGE))
            at = f", {names.threads_text(threads)}" if len(by_threads) > 1 else ""
            drawn.append((f"{each.results.device.name}{at}", str(svg)))
    return drawn
