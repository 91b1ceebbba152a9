"""The speed-accuracy front of what was both evaluated and timed side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from edgebench.records.measurement import Block
from edgebench.records.results import CRITERIA, Latency, VariantResult

if TYPE_CHECKING:
    from edgebench.drift import Judged


def with_front(
    rows: Sequence[VariantResult], judged: Mapping[str, Judged], blocks: Mapping[str, Sequence[Block]]
) -> Iterator[VariantResult]:
    """Marks the rows that no other beats in both accuracy and latency, and with size as a third; and how sure that is.

    Latencies of different jobs are not compared: with several, the front is that of the job with most rows.
    """
    import numpy as np

    from edgebench.latency import median_draws
    from edgebench.pareto import front, front_probability

    timed = _side_by_side([row for row in rows if row.variant in judged])
    names = list(timed)
    criterion = next((c for c in CRITERIA if all(c in judged[name].draws for name in names)), None)
    if not names or criterion is None:
        yield from rows
        return
    threads = timed[names[0]].threads
    merit = np.stack([judged[name].draws[criterion] for name in names], axis=1)
    medians_ms = median_draws([[b for b in blocks[name] if b.threads == threads] for name in names])
    size_bytes = {row.variant: row.size_bytes for row in rows}
    sizes = np.array([[size_bytes[name] or np.nan for name in names]])
    point = [
        np.array([[judged[name].scores.metrics[criterion].value for name in names]]),
        np.array([[timed[name].median_ms.value for name in names]]),
    ]
    found: dict[str, dict[str, bool | float]] = {name: {} for name in names}
    for suffix, exact in (("", []), ("_with_size", [sizes])):
        maximize = [True, False, False][: 2 + len(exact)]
        members = front(np.stack([*point, *exact], axis=-1)[0], maximize=maximize)
        sure = front_probability([merit, medians_ms, *exact], maximize=maximize)
        for name, member, share in zip(names, members, sure, strict=True):
            found[name] |= {f"on_front{suffix}": bool(member), f"front_probability{suffix}": float(share)}
    for row in rows:
        yield row.model_copy(update=found.get(row.variant, {}))


def _side_by_side(rows: Sequence[VariantResult]) -> dict[str, Latency]:
    """Variant -> latency at the lowest thread count, for the rows of the one job that has most of them."""
    by_job: dict[str, dict[str, Latency]] = {}
    for row in rows:
        for latency in row.latency[:1]:
            by_job.setdefault(latency.job, {})[row.variant] = latency
    most = max(by_job.values(), key=len, default={})
    threads = min((latency.threads for latency in most.values()), default=1)
    return {variant: latency for variant, latency in most.items() if latency.threads == threads}
