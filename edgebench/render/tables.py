"""The table of all variants: what each column says, and by what it is sorted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgebench.records.caveat import Caveat
from edgebench.records.results import Estimate, FrameRate, Latency, Results, Soak, VariantResult
from edgebench.render.criterion import Criterion, criterion_of
from edgebench.render.names import is_source, thread_counts, threads_text
from edgebench.render.text import interval_text, metric_title
from edgebench.units import (
    NOT_MEASURED,
    bytes_text,
    fps_text,
    ms_text,
    percent_text,
    probability_text,
    ratio_text,
    score_text,
)

VERDICT_ORDER = {"pass": 0, "inconclusive": 1, "fail": 2}


@dataclass(frozen=True)
class Cell:
    """What a cell shows: the number, a smaller note under it, and the value it is sorted by (None sorts last)."""

    text: str
    note: str = ""
    sort: float | str | None = None
    tone: str = ""
    """`pass`, `fail`, `inconclusive` or `absent`: how the page colours it."""


@dataclass(frozen=True)
class Column:
    """A heading, what it means, whether the first click on it brings the largest value up, and its cells."""

    title: str
    meaning: str
    cell: Callable[[VariantResult], Cell]
    largest_first: bool = False
    words: bool = False
    """Whether its cells hold words, set to the left, not numbers."""


ABSENT = Cell(NOT_MEASURED, tone="absent")
REFERENCE = Cell("reference", tone="absent")


def columns(results: Results) -> list[Column]:
    """All columns after the variant's name; latency once per thread count."""
    threads: list[int | None] = [*thread_counts(results)]
    criterion = criterion_of(results)
    found = [
        Column("size", "bytes that ship", _size),
        Column("size / fp32", "size over that of fp32 in the same format", _size_ratio),
        Column("int8 operators", "convolutions and matrix products that compute in int8", _int8, largest_first=True),
        Column(criterion.title, criterion.meaning, _metric(criterion.metric, criterion.value_text), True),
        Column(
            "delta", f"{criterion.title} minus that of the source model, on the same images", _delta(criterion), True
        ),
        Column("drift", "verdict on the delta against the stated margin", _verdict(criterion), words=True),
        *(_metric_column(name) for name in _shown_metrics(results)),
    ]
    for n in threads or [None]:
        found += _latency_columns(n, several=len(threads) > 1)
    return [
        *found,
        Column(
            "P(front)",
            f"probability that no variant beats it in {criterion.title} and latency, the front that is drawn",
            _front,
            largest_first=True,
        ),
        Column(
            "P(front with size)",
            f"probability that no variant beats it in {criterion.title}, latency and size",
            _front_with_size,
            largest_first=True,
        ),
        Column("caveats", "what to know before trusting these numbers", _caveats, words=True),
    ]


def shown(results: Results) -> tuple[list[Column], list[str]]:
    """The columns that say something of any variant, and the titles of the others."""

    def says(column: Column) -> bool:
        return any(cell.tone != ABSENT.tone or cell.note for cell in map(column.cell, results.variants))

    every = columns(results)
    return [column for column in every if says(column)], [column.title for column in every if not says(column)]


AFFECT = ("valence", "arousal")


def _shown_metrics(results: Results) -> list[str]:
    """Those beside the criterion that tell most: of any variant, or of affect where nothing was scored."""
    found = dict.fromkeys(name for v in results.variants if v.scores for name in v.scores.metrics)
    targets = [name.removeprefix("ccc_") for name in found if name.startswith("ccc_") and name != "ccc_mean"]
    errors = [f"rmse_{target}" for target in targets if target not in AFFECT]  # these have a unit to be read in
    wanted = ("top5_accuracy", "macro_f1", *(f"ccc_{target}" for target in targets), *errors)
    return [name for name in wanted if name in found] or ["macro_f1", *(f"ccc_{target}" for target in AFFECT)]


def _metric_column(name: str) -> Column:
    meaning = {
        "top5": "share of images whose label is among the five highest scores",
        "macro": "mean of the F1 scores of all classes",
        "ccc": "concordance correlation coefficient",
        "rmse": "root mean square error, in the units of the data set",
    }[name.partition("_")[0]]
    unit = percent_text if name == "top5_accuracy" else score_text
    return Column(metric_title(name), meaning, _metric(name, unit), largest_first=not name.startswith("rmse"))


def caveats_of(variant: VariantResult) -> tuple[Caveat, ...]:
    """The variant's caveats and those of its times, each once."""
    timed: tuple[Latency | FrameRate | Soak, ...] = (*variant.latency, *variant.frame_rates, *variant.soaks)
    times = [each.caveats for each in timed]
    return tuple(dict.fromkeys([*variant.caveats, *(caveat for caveats in times for caveat in caveats)]))


def latency_at(variant: VariantResult, threads: int | None) -> Latency | None:
    return next((latency for latency in variant.latency if latency.threads == threads), None)


def _latency_columns(threads: int | None, *, several: bool) -> list[Column]:
    at = f", {threads_text(threads)}" if several and threads else ""

    def of(show: Callable[[Latency], Cell]) -> Callable[[VariantResult], Cell]:
        def cell(variant: VariantResult) -> Cell:
            latency = latency_at(variant, threads)
            return show(latency) if latency else ABSENT

        return cell

    def median(variant: VariantResult) -> Cell:
        return of(_median)(variant) if variant.latency else _untimed(variant)

    return [
        Column(f"latency{at}", "median of the blocks' medians, with its interval over blocks", median),
        Column(f"latency / fp32{at}", "median over that of fp32 in the same format, paired by round", of(_ratio)),
        Column(
            f"fps{at}", "inferences per second", of(lambda latency: Cell(fps_text(latency.fps), sort=latency.fps)), True
        ),
    ]


def _untimed(variant: VariantResult) -> Cell:
    emulated = variant.answers and variant.answers.emulated
    note = "reference-executed" if variant.reference_executed else "emulated" if emulated else ""
    return Cell(NOT_MEASURED, note=note, tone="absent")


def _median(latency: Latency) -> Cell:
    return _estimate(latency.median_ms, ms_text)


def _ratio(latency: Latency) -> Cell:
    return _estimate(latency.ratio_to_fp32, ratio_text)


def _estimate(estimate: Estimate | None, unit: Callable[[float], str]) -> Cell:
    if estimate is None:
        return ABSENT
    return Cell(unit(estimate.value), note=interval_text(estimate, unit), sort=estimate.value)


def _size(variant: VariantResult) -> Cell:
    if variant.size_bytes is None:
        return ABSENT
    return Cell(bytes_text(variant.size_bytes), sort=variant.size_bytes)


def _size_ratio(variant: VariantResult) -> Cell:
    ratio = variant.size_ratio_to_fp32
    return ABSENT if ratio is None else Cell(ratio_text(ratio), sort=ratio)


def _int8(variant: VariantResult) -> Cell:
    found = variant.operators
    return ABSENT if found is None else Cell(f"{found.compute_int8} of {found.compute}", sort=found.compute_int8)


def _metric(name: str, unit: Callable[[float], str]) -> Callable[[VariantResult], Cell]:
    return lambda variant: _estimate(variant.scores.metrics.get(name) if variant.scores else None, unit)


def _delta(criterion: Criterion) -> Callable[[VariantResult], Cell]:
    def cell(variant: VariantResult) -> Cell:
        return REFERENCE if is_source(variant) else _estimate(criterion.delta(variant), criterion.change_text)

    return cell


def _verdict(criterion: Criterion) -> Callable[[VariantResult], Cell]:
    def cell(variant: VariantResult) -> Cell:
        drift = variant.drift
        if is_source(variant) or drift is None:
            return REFERENCE if is_source(variant) else ABSENT
        note = f"{drift.samples:,} images, margin {criterion.change_text(drift.margin).removeprefix('+')}"
        return Cell(drift.verdict, note=note, sort=VERDICT_ORDER[drift.verdict], tone=drift.verdict)

    return cell


def _front(variant: VariantResult) -> Cell:
    return _membership(variant.front_probability, member=variant.on_front)


def _front_with_size(variant: VariantResult) -> Cell:
    return _membership(variant.front_probability_with_size, member=variant.on_front_with_size)


def _membership(probability: float | None, *, member: bool) -> Cell:
    if probability is None:
        return ABSENT
    return Cell(probability_text(probability), note="on the front" if member else "", sort=probability)


def _caveats(variant: VariantResult) -> Cell:
    kinds = list(dict.fromkeys(caveat.kind for caveat in caveats_of(variant)))
    return Cell(", ".join(kinds) or "none", sort=len(kinds), tone="" if kinds else "absent")
