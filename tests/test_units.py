"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.units import NOT_MEASURED, bytes_text, duration_text, ms_text, percent_text, points_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (985_300, "985.3 kB"), (3_270_000, "3.27 MB")],
)
def test_sizes_are_decimal(size_bytes, text):
    assert bytes_text(size_bytes) == text


@pytest.mark.parametrize(
    ("latency_ms", "text"),
    [(0.4567, "0.457 ms"), (1.034, "1.03 ms"), (24.06, "24.1 ms"), (335.4, "335 ms"), (None, NOT_MEASURED)],
)
def test_latencies_have_three_digits(latency_ms, text):
    assert ms_text(latency_ms) == text


@given(st.floats(0.1, 900))
def test_a_latency_is_read_back_within_half_a_percent(latency_ms):
    assert float(ms_text(latency_ms).removesuffix(" ms")) == pytest.approx(latency_ms, rel=0.0051)


def test_shares_are_percents_and_their_differences_signed_points():
    assert percent_text(0.1234) == "12.3 %"
    assert percent_text(0.1234, 0) == "12 %"
    assert percent_text(None) == NOT_MEASURED
    assert points_text(-0.0123) == "-1.23 pt"
    assert points_text(0.02) == "+2.00 pt"


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(1.25, "1.2 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (119.7, "2 min 00 s"), (3_601, "60 min 01 s")],
)
def test_durations_turn_to_minutes(duration_s, text):
    assert duration_text(duration_s) == text
