"""Axes with stated ends and ticks, so that labels can be placed before a chart is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LOG_FROM = 4.0
"""A logarithmic axis is used where the largest value is at least this many times the smallest."""
MANY_TICKS = 8


@dataclass(frozen=True)
class Axis:
    low: float
    high: float
    log: bool

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values inside the ends: about five on a linear axis, 1-2-5 or finer steps on a logarithmic one."""
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)


def axis_over(values: Iterable[float], *, log: bool = False, padding: float = 0.06) -> Axis:
    """An axis that holds all values with room to spare; `log` asks for a logarithmic one where it pays."""
    found = list(values)
    low, high = min(found), max(found)
    if log and low > 0 and high >= LOG_FROM * low:
        room = (high / low) ** padding
        return Axis(low / room, high * room, log=True)
    room = padding * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - room, high + room, log=False)


def _linear_ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    finest_first = (_steps(low, high, steps) for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5)))
    return next((ticks for ticks in finest_first if len(ticks) <= MANY_TICKS), _steps(low, high, (1,)))


def _steps(low: float, high: float, steps: tuple[float, ...]) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [round(step * 10.0**power, 12) for power in powers for step in steps]
    return [tick for tick in ticks if low <= tick <= high]
