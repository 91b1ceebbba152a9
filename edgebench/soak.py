"""What long blocks amount to: the speed a variant begins with, and the one that lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from edgebench.conditions import conditions, disturbance_caveats, governor_caveats, power_use
from edgebench.records.caveat import Caveat
from edgebench.records.results import Soak
from edgebench.records.soak import SoakBlock

BURST_S, SUSTAINED_S = 10.0, 60.0
"""From the beginning, and before the end: but neither more than half of the block."""
LONG_S = 300.0
"""A small board with a bare processor takes minutes to become as hot as it will."""
SLOWER = 1.05
MOST_POINTS = 240

T = TypeVar("T")
U = TypeVar("U")


def summarize_soaks(blocks: Sequence[SoakBlock]) -> dict[tuple[str, int], Soak]:
    """How the speed of each (variant, threads) lasts."""
    return {(block.variant, block.threads): _soak(block) for block in blocks}


def _soak(block: SoakBlock) -> Soak:
    seconds = block.seconds
    at_s, median_ms = np.array(seconds.at_s), np.maximum(seconds.median_ns, 1) / 1e6
    end_s = max(block.after["monotonic_s"] - block.before["monotonic_s"], seconds.at_s[-1])
    burst_s, sustained_s = min(BURST_S, end_s / 2), min(SUSTAINED_S, end_s / 2)
    burst_ms = float(np.median(median_ms[at_s <= burst_s]))
    sustained_ms = float(np.median(median_ms[at_s >= min(end_s - sustained_s, at_s[-1])]))
    soak = Soak(
        job=block.job,
        threads=block.threads,
        runtime=block.runtime,
        runtime_version=block.runtime_version,
        duration_s=end_s,
        burst_s=burst_s,
        sustained_s=sustained_s,
        burst_ms=burst_ms,
        sustained_ms=sustained_ms,
        ratio=sustained_ms / burst_ms,
        invocations=sum(seconds.invocations),
        at_s=_joined(seconds.at_s, min),
        median_ms=_joined(seconds.median_ns, _median_ms),
        p90_ms=_joined(seconds.p90_ns, _median_ms),
        temperature_c=_joined(seconds.millicelsius, _mean_of_thousandths),
        frequency_mhz=_joined(seconds.frequency_khz, _mean_of_thousandths),
        power=power_use([block]),
        conditions=conditions([block]),
    )
    return soak.model_copy(update={"caveats": (*_caveats(soak), *_caveats_of_block(block))})


def _joined(column: Sequence[T], join: Callable[[Sequence[T]], U]) -> tuple[U, ...]:
    """At most MOST_POINTS values, each of as many seconds."""
    size = -(-len(column) // MOST_POINTS)
    return tuple(join(column[i : i + size]) for i in range(0, len(column), size))


def _median_ms(group: Sequence[int]) -> float:
    return float(np.median(group)) / 1e6


def _mean_of_thousandths(group: Sequence[float | None]) -> float | None:
    read = [value for value in group if value is not None]
    return sum(read) / len(read) / 1000 if read else None


def _caveats(soak: Soak) -> Iterator[Caveat]:
    if soak.ratio > SLOWER:
        text = f"at the end an inference took {soak.ratio:.2f} times as long as at the beginning{_heat(soak)}"
        yield Caveat(kind="slows-down", text=text, fix="count on the sustained latency, or cool the device better")
    if soak.duration_s < LONG_S:
        text = f"it lasted {soak.duration_s:.0f} s, in which a device may not become as hot as it will"
        yield Caveat(kind="short-soak", text=text, fix="write --soak 10m")
    if all(each is None for each in soak.temperature_c):
        text = "the device tells no temperature: whether it began cool is not known"
        yield Caveat(kind="no-temperature", text=text)


def _heat(soak: Soak) -> str:
    read = [each for each in soak.temperature_c if each is not None]
    return f", {read[0]:.0f} C at first and {read[-1]:.0f} C at last" if read else ""


def _caveats_of_block(block: SoakBlock) -> Iterator[Caveat]:
    yield from disturbance_caveats([block])
    yield from governor_caveats([block])
