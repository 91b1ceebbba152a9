"""What blocks suffered from, and what helps against it."""

from __future__ import annotations

from typing import Any

import pytest
from test_latency import INT8, block, only, reading

from edgebench.records.measurement import Block


def five(**changes: Any) -> list[Block]:
    """Five blocks, the first of them changed."""
    return [block(INT8, 0, **changes), *(block(INT8, round_) for round_ in range(1, 5))]


@pytest.mark.parametrize(
    ("reason", "kind", "fix"),
    [
        ("under-voltage", "under-voltage", "power supply"),
        ("memory pressure: waited 12 % of the time", "memory-pressure", "end other programs"),
        ("85.0 C", "hot", "fan"),
        ("throttled", "hot", "fan"),
        ("soft temperature limit", "hot", "fan"),
        ("began at 62.4 C, not below 60 C after 45 s of cooling", "hot", "start_below_c"),
        ("others used 1.20 cores", "disturbed", "nothing else runs"),
        ("the clock went from 1500 to 1200 MHz", "disturbed", "nothing else runs"),
    ],
)
def test_each_disturbance_has_its_own_fix(reason: str, kind: str, fix: str) -> None:
    (caveat,) = only(five(disturbed=(reason,))).caveats
    assert caveat.kind == kind
    assert reason in caveat.text
    assert caveat.text.startswith("1 of 5 blocks were ")
    assert fix in caveat.fix


def test_a_block_that_suffered_from_two_things_counts_for_both() -> None:
    caveats = only(five(disturbed=("85.0 C", "throttled", "others used 0.40 cores"))).caveats
    assert {caveat.kind: caveat.text for caveat in caveats} == {
        "disturbed": "1 of 5 blocks were disturbed: others used 0.40 cores",
        "hot": "1 of 5 blocks were too hot: 85.0 C, throttled",
    }


def test_a_governor_that_could_not_be_set_is_told_with_the_command_that_sets_it() -> None:
    refused = {"governor_wanted": "performance", "governor_refused": "only root may set it"}
    slow = {"before": reading("ondemand"), "after": reading("ondemand")}
    (caveat,) = only([block(INT8, round_, **refused, **slow) for round_ in range(5)]).caveats
    assert caveat.kind == "governor-not-set"
    assert caveat.text == "the clock's governor was ondemand, not performance as its spec wants: only root may set it"
    assert caveat.fix.startswith("echo performance | sudo tee")
    assert only([block(INT8, round_, governor_wanted="performance") for round_ in range(5)]).caveats == ()


def test_power_and_energy_are_medians_over_blocks() -> None:
    readings = ([3.0, 5.0], [6.0], [2.0, 2.0, 2.0])
    blocks = [
        block(INT8, i, power={"meter": "pmic", "watts": watts, "invocations": 200, "seconds": 1.0})
        for i, watts in enumerate(readings)
    ]
    use = only(blocks).power
    assert use is not None
    assert (use.meter, use.mean_w) == ("pmic", 4.0)
    assert use.inference_j == pytest.approx(4.0 * 1.0 / 200)
    assert only(five()).power is None


def test_how_long_it_cooled_is_a_condition() -> None:
    assert only(five(cooled_s=34.6)).conditions["cooled_s"] == "35"
    assert "cooled_s" not in only(five()).conditions
