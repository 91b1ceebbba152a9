"""What the raw latency blocks of one interleaved job amount to, and which of them may be compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from edgebench.conditions import block_caveats, block_medians_ms, conditions, differences, joined, power_use
from edgebench.errors import NothingMeasured, UsageError
from edgebench.records.measurement import Block
from edgebench.records.results import BlockLatency, Estimate, Latency
from edgebench.specs.variant import Variant
from edgebench.stats import CONFIDENCE, RESAMPLES, bootstrap_medians, median_interval

TAIL_CONFIDENCE = 0.99
"""MLPerf's, in loadgen's early stopping."""

QUANTILES = {"min": 0.0, "p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}


def summarize(blocks: Sequence[Block], *, confidence: float = CONFIDENCE) -> dict[tuple[str, int], Latency]:
    """Latency of each (variant, threads) over all blocks of one job.

    The median is that of the block medians, its interval `stats.median_interval` over blocks: invocations of one
    block share its process and its moment, so it is blocks that count, not they.

    Raises:
        NothingMeasured: there are no blocks.
        UsageError: they are of several jobs, one variant's are of several artifacts or runtimes, or a round
            holds two blocks that a ratio would have to choose from.
    """
    if not blocks:
        raise NothingMeasured("no latency block", fix="run `edgebench run`")
    _one("job", (block.job for block in blocks), subject="latency blocks")
    series: dict[tuple[str, int], list[Block]] = defaultdict(list)
    for block in sorted(blocks, key=lambda block: block.round):
        series[block.variant, block.threads].append(block)
    summaries = {}
    for (variant, threads), own in series.items():
        base = series.get((_fp32_of(variant), threads), [])
        ratio = None
        if _common_rounds([own, base]) and not differences(conditions(own), conditions(base)):
            ratio = paired_ratio(own, base, confidence=confidence)
        median_ms = _estimate(block_medians_ms(own), confidence)
        summaries[variant, threads] = _latency(own, median_ms, ratio)
    return summaries


def paired_ratio(blocks: Sequence[Block], base: Sequence[Block], *, confidence: float = CONFIDENCE) -> Estimate:
    """Latency over that of `base`: the median of the rounds' ratios, with `stats.median_interval` over rounds.

    Raises:
        UsageError: the two were not measured under the same conditions, or one has several blocks in a round.
        NothingMeasured: no round holds both.
    """
    subject = f"{blocks[0].variant} against {base[0].variant}"
    if changed := differences(conditions(blocks), conditions(base)):
        raise UsageError(
            f"not comparable: other {' and '.join(changed)}", subject=subject, fix="measure both in one interleaved job"
        )
    rounds = _common_rounds([blocks, base])
    if not rounds:
        raise NothingMeasured("no round holds both", subject=subject, fix="measure both in one interleaved job")
    above, below = (_medians_of(series, rounds) for series in (blocks, base))
    return _estimate(above / below, confidence)


def median_draws(series: Sequence[Sequence[Block]], *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Medians in ms of several variants' blocks over resampled rounds, the same rounds for all.

    Args:
        series: the blocks of each variant with one thread count, all of one job.

    Returns:
        float64 [resamples, variants], for `pareto.front_probability`.

    Raises:
        UsageError: the blocks are of several jobs, or a variant has several in a round.
        NothingMeasured: no round holds all variants.
    """
    _one("job", (block.job for blocks in series for block in blocks), subject="latency blocks")
    rounds = _common_rounds(series)
    if not rounds:
        raise NothingMeasured("no round holds all variants", fix="run the job to its end")
    medians = np.stack([_medians_of(blocks, rounds) for blocks in series])
    return bootstrap_medians(medians, resamples=resamples, seed=seed)


def tail_ms(latencies_ns: np.ndarray, percentile: float) -> float | None:
    """Bound on a percentile (0 to 1) that holds with 99 % confidence; None with too few invocations.

    MLPerf's early stopping: of n latencies, the t - 1 highest are dropped and the next is the answer,
    for the largest t with P(Binomial(n, 1 - percentile) <= t) < 1 %. A p90 needs 64, a p99 662.
    """
    from scipy.stats import binom  # 240 ms

    count = len(latencies_ns)
    dropped = int(binom.ppf(1 - TAIL_CONFIDENCE, count, 1 - percentile)) - 1
    return float(np.sort(latencies_ns)[count - dropped]) / 1e6 if dropped >= 1 else None


def _latency(blocks: Sequence[Block], median_ms: Estimate, ratio: Estimate | None) -> Latency:
    first = blocks[0]
    for name in ("artifact", "runtime", "runtime_version"):
        _one(name, (getattr(block, name) for block in blocks), subject=first.variant)
    latencies_ns = np.concatenate([block.latencies_ns for block in blocks])
    return Latency(
        job=first.job,
        threads=first.threads,
        runtime=first.runtime,
        runtime_version=first.runtime_version,
        median_ms=median_ms,
        p90_ms=tail_ms(latencies_ns, 0.90),
        p99_ms=tail_ms(latencies_ns, 0.99),
        fps=1000 / median_ms.value,
        load_ms=float(np.median([block.load_ns for block in blocks])) / 1e6,
        first_ms=float(np.median([block.first_ns for block in blocks])) / 1e6,
        peak_rss_bytes=max(block.peak_rss_bytes for block in blocks),
        invocations=len(latencies_ns),
        ratio_to_fp32=ratio,
        power=power_use(blocks),
        conditions=conditions(blocks),
        blocks=tuple(_block(block) for block in blocks),
        caveats=tuple(block_caveats(blocks)),
    )


def _block(block: Block) -> BlockLatency:
    levels = np.quantile(block.latencies_ns, list(QUANTILES.values())) / 1e6
    return BlockLatency(
        round=block.round,
        position=block.position,
        invocations=len(block.latencies_ns),
        load_ms=block.load_ns / 1e6,
        first_ms=block.first_ns / 1e6,
        quantiles_ms=dict(zip(QUANTILES, levels.tolist(), strict=True)),
        device=block.device,
        vetoes=block.vetoes,
        disturbed=block.disturbed,
    )


def _estimate(values: np.ndarray, confidence: float) -> Estimate:
    """Median of `values` [units] with its interval; a single unit has none."""
    low, high = median_interval(values, confidence=confidence) or (None, None)
    return Estimate(value=float(np.median(values)), low=low, high=high, confidence=confidence)


def _common_rounds(series: Sequence[Sequence[Block]]) -> list[int]:
    rounds = [{block.round for block in blocks} for blocks in series]
    return sorted(set.intersection(*rounds)) if rounds else []


def _medians_of(blocks: Sequence[Block], rounds: Sequence[int]) -> np.ndarray:
    """float64 [rounds]; a round that holds two blocks has no one median."""
    held = Counter(block.round for block in blocks)
    repeated = next((number for number, count in held.items() if count > 1), None)
    if repeated is not None:
        threads = joined(str(block.threads) for block in blocks)
        raise UsageError(
            f"round {repeated} holds {held[repeated]} blocks (threads: {threads})",
            subject=blocks[0].variant,
            fix="pass the blocks of one thread count",
        )
    by_round = dict(zip((block.round for block in blocks), block_medians_ms(blocks), strict=True))
    return np.array([by_round[number] for number in rounds])


def _fp32_of(variant: str) -> str:
    try:
        return Variant.parse(variant).fp32.id
    except UsageError:  # a self-test's runtime, not a variant of a model
        return ""


def _one(name: str, values: Iterable[str], *, subject: str) -> None:
    found = sorted(set(values))
    if len(found) > 1:
        raise UsageError(f"more than one {name}: {', '.join(found)}", subject=subject, fix="summarize each by itself")
