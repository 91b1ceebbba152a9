"""The measurement settings are those of the issue, and nonsense is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edgebench.specs.bench import QUICK, BenchSettings


def test_the_defaults_are_those_that_were_asked_for():
    settings = BenchSettings()
    assert (settings.rounds, settings.warmup_s, settings.steady_change) == (5, 0.5, 0.02)
    assert (settings.measure_s, settings.min_invocations) == (1.0, 30)


def test_quick_takes_a_fraction_of_the_time():
    def least_s(settings: BenchSettings) -> float:
        return settings.rounds * (settings.warmup_s + settings.measure_s)

    assert least_s(QUICK) < least_s(BenchSettings()) / 4


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"warmup_s": -1}, {"inputs": 0}, {"steady_change": 0}, {"runds": 1}])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValidationError):
        BenchSettings(**wrong)
