"""Burst against sustained speed, from the seconds of a long block."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_latency import INT8, block, reading

from edgebench.records.results import Soak
from edgebench.records.soak import SoakBlock
from edgebench.soak import MOST_POINTS, summarize_soaks


def soaked(medians_ms: list[float], *, celsius: list[float | None] | None = None, **changes: Any) -> Soak:
    """A soak with so many seconds."""
    count = len(medians_ms)
    warmth = celsius or [None] * count
    seconds = {
        "at_s": [float(n) for n in range(count)],
        "median_ns": [round(ms * 1e6) for ms in medians_ms],
        "p90_ns": [round(1.1 * ms * 1e6) for ms in medians_ms],
        "invocations": [round(1000 / ms) for ms in medians_ms],
        "millicelsius": [None if c is None else round(c * 1000) for c in warmth],
        "frequency_khz": [1_500_000] * count,
    }
    times = {"before": {**reading(), "monotonic_s": 100.0}, "after": {**reading(), "monotonic_s": 100.0 + count}}
    plain = block(INT8, latencies_ns=()).model_dump() | {**times, **changes}
    ((key, soak),) = summarize_soaks([SoakBlock.model_validate({**plain, "seconds": seconds})]).items()
    assert key == (INT8, 1)
    return soak


def kinds(soak: Soak) -> list[str]:
    return [caveat.kind for caveat in soak.caveats]


def test_burst_is_the_first_ten_seconds_and_sustained_the_last_minute() -> None:
    soak = soaked([10.0] * 11 + [12.0] * 529 + [15.0] * 60, celsius=[45.0] * 300 + [82.0] * 300)
    assert (soak.burst_s, soak.sustained_s, soak.duration_s) == (10, 60, 600)
    assert (soak.burst_ms, soak.sustained_ms, soak.ratio) == (10.0, 15.0, 1.5)
    assert kinds(soak) == ["slows-down"]
    assert soak.caveats[0].text == (
        "at the end an inference took 1.50 times as long as at the beginning, 45 C at first and 82 C at last"
    )


def test_of_a_short_soak_each_has_half_at_most() -> None:
    soak = soaked([10.0] * 6 + [20.0] * 6)
    assert (soak.burst_s, soak.sustained_s) == (6, 6)
    assert soak.sustained_ms == 20.0
    assert kinds(soak) == ["slows-down", "short-soak", "no-temperature"]


def test_steady_speed_has_no_caveat() -> None:
    assert kinds(soaked([10.0] * 400, celsius=[50.0] * 400)) == []


@pytest.mark.parametrize("count", [1, 2, 239, 240, 241, 7200])
def test_what_is_drawn_is_bounded_and_the_columns_go_together(count: int) -> None:
    soak = soaked([10.0] * count, celsius=[50.0] * count)
    columns = (soak.at_s, soak.median_ms, soak.p90_ms, soak.temperature_c, soak.frequency_mhz)
    assert len({len(column) for column in columns}) == 1
    assert min(count, MOST_POINTS / 2) <= len(soak.at_s) <= MOST_POINTS
    assert set(soak.temperature_c) == {50.0}
    assert soak.invocations == 100 * count


@given(st.lists(st.floats(0.01, 1000), min_size=1, max_size=400))
def test_burst_and_sustained_lie_among_what_was_measured(medians_ms: list[float]) -> None:
    soak = soaked(medians_ms)
    low, high = min(medians_ms) * 0.999 - 1e-6, max(medians_ms) * 1.001 + 1e-6
    assert low <= soak.burst_ms <= high
    assert low <= soak.sustained_ms <= high


def test_a_disturbed_soak_and_a_governor_not_set_say_so() -> None:
    refused = {"governor_wanted": "performance", "governor_refused": "only root may set it"}
    found = kinds(soaked([10.0] * 400, celsius=[50.0] * 400, disturbed=("under-voltage",), **refused))
    assert found == ["under-voltage", "governor-not-set"]
