"""The speed-accuracy front of everything that was both evaluated and timed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from edgebench.records.measurement import Block
from edgebench.records.results import VariantResult

if TYPE_CHECKING:
    import numpy as np

    from edgebench.drift import Judged


def with_front(
    rows: Sequence[VariantResult], judged: Mapping[str, Judged], blocks: Mapping[str, Sequence[Block]]
) -> Iterator[VariantResult]:
    """Marks the rows that no other beats in both accuracy and latency, and how sure that is."""
    import numpy as np

    from edgebench.drift import CRITERIA
    from edgebench.pareto import front, front_probability

    threads = min((latency.threads for row in rows for latency in row.latency), default=1)
    on_both = [
        row for row in rows if row.variant in judged and any(latency.threads == threads for latency in row.latency)
    ]
    criterion = next((c for c in CRITERIA if all(c in judged[row.variant].draws for row in on_both)), None)
    if not on_both or criterion is None:
        yield from rows
        return
    merit = np.stack([judged[row.variant].draws[criterion] for row in on_both], axis=1)
    medians_ms = _median_draws([row.variant for row in on_both], blocks, threads)
    sure = front_probability([merit, medians_ms], maximize=[True, False])
    points = np.array(
        [
            [row.scores.metrics[criterion].value, next(x for x in row.latency if x.threads == threads).median_ms.value]  # type: ignore[union-attr]
            for row in on_both
        ]
    )
    places = {row.variant: i for i, row in enumerate(on_both)}
    members = front(points, maximize=[True, False])
    for row in rows:
        place = places.get(row.variant)
        if place is None:
            yield row
        else:
            yield row.model_copy(update={"on_front": bool(members[place]), "front_probability": float(sure[place])})


def _median_draws(variants: Sequence[str], blocks: Mapping[str, Sequence[Block]], threads: int) -> np.ndarray:
    """Medians [resamples, variants] over resampled rounds, the rounds of one job drawn together."""
    import numpy as np

    from edgebench.latency import median_draws

    by_job: dict[str, list[str]] = defaultdict(list)
    for variant in variants:
        by_job[blocks[variant][0].job].append(variant)
    columns: dict[str, np.ndarray] = {}
    for seed, group in enumerate(by_job.values()):
        series = [[block for block in blocks[variant] if block.threads == threads] for variant in group]
        columns.update(zip(group, median_draws(series, seed=seed).T, strict=True))
    return np.stack([columns[variant] for variant in variants], axis=1)
