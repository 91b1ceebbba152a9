from __future__ import annotations

import pytest

from edgebench.cli.tables import _change, _interval
from edgebench.records.results import Estimate


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (Estimate(value=-0.01, low=-0.02, high=0.005), "-1.00 pt [-2.00, +0.50]"),
        (Estimate(value=0.0), "+0.00 pt"),
    ],
)
def test_a_change_of_accuracy_is_in_points(estimate: Estimate, said: str) -> None:
    assert _interval(estimate) == said


def test_a_change_of_a_correlation_has_no_unit() -> None:
    assert _change(Estimate(value=-0.01, low=-0.02, high=0.005)) == "-0.010 [-0.020, +0.005]"
    assert _change(Estimate(value=0.25)) == "+0.250"
