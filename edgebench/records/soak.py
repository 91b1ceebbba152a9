"""How a variant's speed lasts: one long block, second by second."""

from __future__ import annotations

from edgebench.frozen import Frozen
from edgebench.records.measurement import Block, MeasurementJob


class Seconds(Frozen):
    """A soak, an entry for each second, or for each invocation that took longer.

    All columns go together. A block of two hours has 7,200 of them; the single latencies are not kept.
    """

    at_s: tuple[float, ...]
    """When it began, since the warm-up's end."""
    median_ns: tuple[int, ...]
    p90_ns: tuple[int, ...]
    invocations: tuple[int, ...]
    millicelsius: tuple[int | None, ...]
    """Of the hottest sensor when it ended; None where there is none."""
    frequency_khz: tuple[int | None, ...]
    """Of the fastest core, likewise."""


class SoakJob(MeasurementJob):
    """One long block of each variant, from the same temperature on."""


class SoakBlock(Block):
    """`latencies_ns` is empty: the seconds stand for them. It was measured once, however hot the board became."""

    seconds: Seconds
