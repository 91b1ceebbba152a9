"""Results in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebench.cli.session import Column, Session
from edgebench.units import NOT_MEASURED, bytes_text, ms_text, percent_text, points_text

if TYPE_CHECKING:
    from edgebench.records.results import Estimate, Results, VariantResult


SHOWN_TARGETS = 3


def show_results(session: Session, results: Results) -> None:
    """A table for each model; columns nobody measured are left out."""
    expression = any("accuracy" in (row.scores.metrics if row.scores else ()) for row in results.variants)
    targets = _targets(results)
    timed = any(row.latency for row in results.variants)
    columns = [Column("variant"), Column("size", numeric=True, rank=2)]
    if expression:
        columns += [Column("accuracy", numeric=True), Column("macro F1", numeric=True, rank=6)]
    if targets:
        columns.append(Column(f"CCC {' / '.join(targets)}", numeric=True, rank=5))
    columns += [Column("drift", numeric=True, rank=3 if timed else 0), Column("flips", numeric=True, rank=7)]
    columns.append(Column("verdict"))
    if timed:
        columns += [Column("median", numeric=True), Column("to fp32", numeric=True, rank=1)]
        columns.append(Column("P(front)", numeric=True, rank=4))
    for model in dict.fromkeys(row.model for row in results.variants):
        rows = [_row(row, expression, targets, timed) for row in results.variants if row.model == model]
        session.table(columns, rows, title=model)


def _targets(results: Results) -> list[str]:
    """Of heads of numbers; their mean alone where they are many."""
    names = dict.fromkeys(name for row in results.variants if row.scores for name in row.scores.metrics)
    found = [name.removeprefix("ccc_") for name in names if name.startswith("ccc_")]
    each = [name for name in found if name != "mean"]
    return each if len(each) <= SHOWN_TARGETS else ["mean"]


def _row(row: VariantResult, expression: bool, targets: Sequence[str], timed: bool) -> tuple[str, ...]:
    name = row.variant.removeprefix(f"{row.model}.")
    cells = [name, bytes_text(row.size_bytes) if row.size_bytes is not None else ""]
    metrics = row.scores.metrics if row.scores else {}
    if expression:
        cells += [_percent(metrics.get("accuracy")), percent_text(_value(metrics.get("macro_f1")))]
    if targets:
        values = (_value(metrics.get(f"ccc_{name}")) for name in targets)
        cells.append(" / ".join("" if value is None else f"{value:.3f}" for value in values))
    cells += _drift(row)
    if timed:
        cells += _latency(row)
    return tuple(cells)


def _drift(row: VariantResult) -> list[str]:
    if row.drift is None:
        return ["", "", "reference" if row.scores else NOT_MEASURED]
    accuracy = row.drift.deltas.get("accuracy")
    shown = _interval(accuracy) if accuracy else _change(row.drift.deltas["ccc_mean"])
    return [shown, str(row.drift.flips), row.drift.verdict]


def _latency(row: VariantResult) -> list[str]:
    if not row.latency:
        return [NOT_MEASURED, "", ""]
    first = row.latency[0]
    ratio = f"{first.ratio_to_fp32.value:.2f}" if first.ratio_to_fp32 else ""
    sure = percent_text(row.front_probability, 0) if row.front_probability is not None else ""
    return [ms_text(first.median_ms.value), ratio, sure]


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOT_MEASURED
    if estimate.low is None or estimate.high is None:
        return percent_text(estimate.value)
    return f"{percent_text(estimate.value)} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _interval(delta: Estimate) -> str:
    if delta.low is None or delta.high is None:
        return points_text(delta.value)
    return f"{points_text(delta.value)} [{100 * delta.low:+.2f}, {100 * delta.high:+.2f}]"


def _change(delta: Estimate) -> str:
    """Of a correlation, which has no unit."""
    if delta.low is None or delta.high is None:
        return f"{delta.value:+.3f}"
    return f"{delta.value:+.3f} [{delta.low:+.3f}, {delta.high:+.3f}]"
