from __future__ import annotations

import pytest

from edgebench.cli.soak import soak_settings
from edgebench.errors import UsageError
from edgebench.specs.bench import QUICK, BenchSettings


@pytest.mark.parametrize(
    ("text", "soak_s"), [("90s", 90), ("10m", 600), ("10 min", 600), ("1.5m", 90), ("2h", 7200), ("1s", 1)]
)
def test_a_time_is_read(text: str, soak_s: float) -> None:
    settings = soak_settings(text, BenchSettings())
    assert (settings.soak_s, settings.rounds) == (soak_s, 1)


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "0.5s", "3h", "10m5s", "1e3s", "٣m", "99999999h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a time from one second to two hours"):
        soak_settings(text, BenchSettings())


def test_the_rest_is_as_asked() -> None:
    settings = soak_settings("10s", QUICK.model_copy(update={"seed": 3}))
    assert settings.model_dump(exclude={"rounds", "soak_s", "seed"}) == QUICK.model_dump(exclude={"rounds", "seed"})
    assert settings.seed == 3
