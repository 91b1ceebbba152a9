"""What blocks were measured under, whether that may be compared, and what to know before one trusts them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from edgebench.records.caveat import Caveat
from edgebench.records.measurement import Block
from edgebench.records.results import PowerUse

MUST_MATCH = ("job", "device", "runtime", "threads", "governor")
"""Conditions without which two latencies are two different experiments."""

MANY_BLOCKS = 5
"""With fewer blocks Student's quantile, and so the interval, is half as wide again, and one disturbed block decides."""

SPREAD = 0.10
"""Block medians further apart than this share of their median are shown with a caveat."""

DISTURBED = Caveat(kind="disturbed", text="disturbed", fix="measure again while nothing else runs")
REMEDIES = {
    r"^under-voltage": Caveat(
        kind="under-voltage", text="short of voltage", fix="use the power supply made for the board, and a short cable"
    ),
    r"^memory pressure": Caveat(
        kind="memory-pressure", text="short of memory", fix="end other programs there, or measure fewer at once"
    ),
    r"^(clock capped|throttled|soft temperature limit)$| C$|of cooling$": Caveat(
        kind="hot", text="too hot", fix="give the device a fan or a heat sink, or raise `start_below_c`"
    ),
}
"""What a reason begins or ends with -> the caveat of its kind, with what the blocks were."""

GOVERNOR_FIX = "echo {} | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


def conditions(blocks: Sequence[Block]) -> dict[str, str]:
    """What the blocks were measured under; what varied between them names all it was."""
    readings = [reading for block in blocks for reading in (block.before, block.after)]
    found = {
        "job": joined(block.job for block in blocks),
        "device": joined(block.device for block in blocks),
        "runtime": joined(f"{block.runtime} {block.runtime_version}".strip() for block in blocks),
        "executed_by": joined(_paths(blocks)),
        "threads": joined(str(block.threads) for block in blocks),
        "governor": joined(reading.get("governor") or "unknown" for reading in readings),
        "frequency_mhz": _span(_highest(reading.get("frequency_khz")) for reading in readings),
        "temperature_c": _span(_highest(reading.get("millicelsius")) for reading in readings),
        "cooled_s": _span([sum(block.cooled_s for block in blocks) or None]),
        "started_at": min((block.started_at for block in blocks), default=""),
    }
    return {name: text for name, text in found.items() if text}


def differences(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the conditions that must match for two latencies to be compared, and do not."""
    return tuple(name for name in MUST_MATCH if a.get(name) != b.get(name))


def block_medians_ms(blocks: Sequence[Block]) -> np.ndarray:
    """Median of each block's invocations: float64 [blocks]; at least the clock's one nanosecond."""
    return np.array([max(float(np.median(block.latencies_ns)), 1.0) for block in blocks]) / 1e6


def block_caveats(blocks: Sequence[Block]) -> Iterator[Caveat]:
    """What to know of a variant's blocks before trusting them."""
    count, medians = len(blocks), block_medians_ms(blocks)
    if count < MANY_BLOCKS:
        text = "one block gives no interval" if count == 1 else f"its interval rests on {count} blocks"
        yield Caveat(kind="few-blocks", text=text, fix=f"measure {MANY_BLOCKS} rounds or more")
    yield from disturbance_caveats(blocks)
    if repeated := [block for block in blocks if block.vetoes]:
        reasons = _listed(reason for block in repeated for reason in block.vetoes)
        yield Caveat(kind="repeated", text=f"{len(repeated)} of {count} blocks were measured again: {reasons}")
    spread = float(np.ptp(medians) / np.median(medians))
    if spread > SPREAD:
        text = f"block medians from {medians.min():.3g} to {medians.max():.3g} ms, {100 * spread:.0f} % apart"
        yield Caveat(kind="unsteady", text=text, fix="fix the clock rate, cool the device, measure more rounds")
    paths = _paths(blocks)
    if len(paths) > 1:
        text = f"its blocks were executed by {joined(paths)}"
        yield Caveat(kind="path-changed", text=text, fix="measure again; if that does not help, look at the runtime")
    governors = conditions(blocks)["governor"]
    if " / " in governors:
        yield Caveat(kind="governor-changed", text=f"the governor was {governors}", fix="set one and measure again")
    yield from governor_caveats(blocks)


def disturbance_caveats(blocks: Sequence[Block]) -> Iterator[Caveat]:
    """What the last attempts suffered from, each kind with what helps against it."""
    suffered: dict[Caveat, list[str]] = defaultdict(list)
    for block in blocks:
        for remedy in {_remedy(reason) for reason in block.disturbed}:
            suffered[remedy] += [reason for reason in block.disturbed if _remedy(reason) == remedy]
    for remedy in sorted(suffered, key=lambda remedy: remedy.kind):
        hit = sum(any(_remedy(reason) == remedy for reason in block.disturbed) for block in blocks)
        text = f"{hit} of {len(blocks)} blocks were {remedy.text}: {_listed(suffered[remedy])}"
        yield remedy.model_copy(update={"text": text})


def _remedy(reason: str) -> Caveat:
    """Kind and fix of a disturbance that the agent told in its own words."""
    return next((remedy for pattern, remedy in REMEDIES.items() if re.search(pattern, reason)), DISTURBED)


def governor_caveats(blocks: Sequence[Block]) -> Iterator[Caveat]:
    """Where the wanted governor could not be set."""
    for wanted, why in sorted({(block.governor_wanted, block.governor_refused) for block in blocks}):
        if why:
            now = conditions(blocks)["governor"]
            text = f"the clock's governor was {now}, not {wanted} as its spec wants: {why}"
            yield Caveat(kind="governor-not-set", text=text, fix=GOVERNOR_FIX.format(wanted))


def power_use(blocks: Sequence[Block]) -> PowerUse | None:
    """Medians over the blocks whose power was measured."""
    found = [block.power for block in blocks if block.power]
    if not found:
        return None
    return PowerUse(
        meter=joined(each.meter for each in found),
        mean_w=float(np.median([each.mean_w for each in found])),
        inference_j=float(np.median([each.joules for each in found])),
    )


def _paths(blocks: Sequence[Block]) -> set[str]:
    """What executed the blocks, as far as their runtimes told."""
    return {block.path for block in blocks if block.path}


def joined(texts: Iterable[str]) -> str:
    return " / ".join(sorted(set(texts)))


def _listed(reasons: Iterable[str], most: int = 3) -> str:
    distinct = list(dict.fromkeys(reasons))
    more = f" and {len(distinct) - most} more" if len(distinct) > most else ""
    return ", ".join(distinct[:most]) + more


def _highest(readings: Mapping[str, int] | None) -> float | None:
    return max(readings.values()) / 1000 if readings else None


def _span(values: Iterable[float | None]) -> str:
    """`1500`, or `600 to 1500`; nothing where nothing was read."""
    read = [round(value) for value in values if value is not None]
    if not read:
        return ""
    return str(read[0]) if min(read) == max(read) else f"{min(read)} to {max(read)}"
