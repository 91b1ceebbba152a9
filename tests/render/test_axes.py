"""Axes hold their values, and their ticks are round."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgebench.render.axes import Axis, axis_over

VALUES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20)


@given(VALUES, st.booleans())
def test_every_value_lies_inside_with_room_to_spare(values, log):
    axis = axis_over(values, log=log)
    assume(axis.high > axis.low)
    assert all(0 < axis.share(value) < 1 for value in values)


@given(VALUES, st.booleans())
def test_ticks_rise_and_stay_inside(values, log):
    axis = axis_over(values, log=log)
    ticks = axis.ticks()
    assert ticks == sorted(set(ticks))
    assert all(axis.low - 1e-9 <= tick <= axis.high + 1e-9 for tick in ticks)
    assert len(ticks) < 40


def test_a_logarithmic_axis_is_taken_only_where_values_spread():
    assert axis_over([1, 4], log=True).log
    assert not axis_over([1, 3.9], log=True).log
    assert not axis_over([0, 4], log=True).log, "zero has no logarithm"
    assert not axis_over([1, 100]).log


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0.58, 0.76, log=False), [0.6, 0.65, 0.7, 0.75]),
        (Axis(0.1, 20, log=True), [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]),
        (Axis(0.18, 1.4, log=True), [0.2, 0.3, 0.5, 0.7, 1]),
    ],
)
def test_ticks_are_round(axis, ticks):
    assert axis.ticks() == ticks


def test_the_middle_of_a_logarithmic_axis_is_the_geometric_mean():
    assert Axis(1, 100, log=True).share(10) == pytest.approx(0.5)
    assert Axis(1, 99, log=False).share(50) == pytest.approx(0.5)


def test_a_lone_value_gets_an_axis():
    assert axis_over([0.0]).share(0.0) == pytest.approx(0.5)
    assert axis_over([5.0], log=True).share(5.0) == pytest.approx(0.5)
