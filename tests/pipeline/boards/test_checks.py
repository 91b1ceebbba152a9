from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgebench.pipeline.boards.board import Basics
from edgebench.pipeline.boards.checks import Check, board_checks, runtime_checks, system_checks, throttle_text
from edgebench.specs.device import DeviceSpec

SPEC = DeviceSpec(name="pi", board="Raspberry Pi 4", runtimes=("litert", "onnxruntime"))
PI = Basics("aarch64", "Linux", "6.6", 64, (2, 36), "", 1_700_000_000, (3, 11, 2), "CPython")
TELEMETRY = {
    "governor": "performance",
    "throttled": 0,
    "millicelsius": {"zone0": 45_000},
    "available_bytes": 3_000_000_000,
    "load_1min": 0.1,
}
FACTS: dict[str, Any] = {
    "system": "Linux",
    "board": "Raspberry Pi 4 Model B Rev 1.4",
    "cores": 4,
    "disk_free_bytes": 10_000_000_000,
    "used_bytes": 0,
    "memory_bytes": 4_000_000_000,
    "governors": ["ondemand", "performance"],
    "governor_writable": False,
    "cooling": [],
    "under_voltage": False,
    "telemetry": TELEMETRY,
    "runtimes": {"litert": "2.3.0"},
    "site": [],
    "busy": None,
}


def of_board(name: str, spec: DeviceSpec = SPEC, telemetry: dict[str, Any] | None = None, **facts: Any) -> Check:
    told = {**FACTS, "telemetry": {**TELEMETRY, **(telemetry or {})}, **facts}
    return {check.name: check for check in board_checks(told, spec)}[name]


def of_system(name: str, *, here_s: float = 1_700_000_000, **facts: Any) -> Check:
    found = system_checks(replace(PI, **facts), SPEC, here_s=here_s, delay_s=0.1)
    return {check.name: check for check in found}[name]


def test_a_board_at_rest_is_all_right() -> None:
    found = [*system_checks(PI, SPEC, here_s=1_700_000_001, delay_s=0.1), *board_checks(FACTS, SPEC)]
    assert {check.state for check in found} == {"ok"}
    assert {check.fix for check in found} == {""}


def test_whatever_is_not_all_right_says_what_helps() -> None:
    bad = {**TELEMETRY, "governor": "ondemand", "throttled": 0xF000F, "millicelsius": {"z": 84_000}, "load_1min": 4}
    facts = {**FACTS, "telemetry": {**bad, "available_bytes": 1}, "disk_free_bytes": 1, "board": "?", "busy": {}}
    found = [
        *system_checks(replace(PI, machine="armv7l", python=None, glibc=None), SPEC, here_s=0, delay_s=0),
        *board_checks(facts, SPEC),
    ]
    assert len([check for check in found if check.state != "ok"]) >= 10
    assert all(check.fix for check in found if check.state != "ok")


@pytest.mark.parametrize(
    ("off_s", "state", "found"),
    [
        (3, "ok", "as here"),
        (-90, "warn", "1 min 30 s ahead"),
        (7200, "warn", "120 min 00 s behind"),
        (365 * 86400, "fail", "365 days behind"),
    ],
)
def test_a_wrong_clock_is_told(off_s: float, state: str, found: str) -> None:
    check = of_system("clock", here_s=1_700_000_000 + off_s)
    assert (check.state, check.found[: len(found)]) == (state, found)


def test_a_clock_that_tells_nothing_is_a_warning() -> None:
    assert of_system("clock", now_s=None).state == "warn"


@pytest.mark.parametrize(
    ("python", "state", "found"),
    [
        ((3, 9, 2), "warn", "older runtimes"),
        ((3, 13, 5), "ok", "3.13.5"),
        ((3, 14, 0), "warn", "may lack wheels"),
        ((3, 8, 1), "fail", "too old"),
        (None, "fail", "no Python"),
    ],
)
def test_pythons(python: tuple[int, ...] | None, state: str, found: str) -> None:
    check = of_system("Python", python=python)
    assert (check.state, found in check.found) == (state, True)


@pytest.mark.parametrize(
    ("bits", "throttling", "power", "text"),
    [
        (0, "ok", "ok", "none since its start"),
        (0x1, "ok", "fail", "now: under-voltage"),
        (0x50000, "warn", "warn", "not now; since its start: under-voltage, throttled"),
        (0x20002, "warn", "ok", "now: frequency capped"),
        (0xE0008, "warn", "ok", "now: soft temperature limit"),
    ],
)
def test_throttle_bits_are_read_as_the_firmware_means_them(bits: int, throttling: str, power: str, text: str) -> None:
    assert of_board("throttling", telemetry={"throttled": bits}).state == throttling
    assert of_board("power", telemetry={"throttled": bits}).state == power
    assert throttle_text(bits) == text


def test_a_pi_that_does_not_tell_its_bits_is_a_warning_and_other_boards_are_not() -> None:
    assert "vcgencmd" in of_board("throttling", telemetry={"throttled": None}).found
    assert of_board("power", telemetry={"throttled": None}, under_voltage=True).state == "fail"
    other = {**FACTS, "board": "Rock 5", "under_voltage": None, "telemetry": {**TELEMETRY, "throttled": None}}
    assert not {"throttling", "power"} & {check.name for check in board_checks(other, DeviceSpec(name="rock"))}


WANTS = SPEC.model_copy(update={"governor": "performance"})


@pytest.mark.parametrize(
    ("spec", "now", "facts", "state", "found"),
    [
        (SPEC, "ondemand", {}, "warn", "follows the load"),
        (WANTS, "performance", {}, "ok", "performance"),
        (WANTS, "ondemand", {}, "warn", "only root may set"),
        (WANTS, "ondemand", {"governor_writable": True}, "ok", "set to performance while measuring"),
        (WANTS, "ondemand", {"governors": ["ondemand"]}, "warn", "is not known there"),
        (SPEC, "", {}, "ok", "shows none"),
        (WANTS, "", {}, "warn", "shows none"),
    ],
)
def test_governors(spec: DeviceSpec, now: str, facts: dict[str, Any], state: str, found: str) -> None:
    check = of_board("governor", spec, telemetry={"governor": now}, **facts)
    assert (check.state, found in check.found) == (state, True)


def test_too_warm_is_above_what_the_spec_says() -> None:
    warm = {"millicelsius": {"a": 50_000, "b": 62_500}}
    assert of_board("temperature", telemetry=warm).state == "ok"
    cool = SPEC.model_copy(update={"start_below_c": 60.0})
    assert of_board("temperature", cool, telemetry=warm).found == "62.5 C, above 60 C"
    assert of_board("temperature", telemetry={"millicelsius": {}}).state == "ok"
    assert of_board("temperature", cooling=["pwm-fan 2 of 4"]).found == "45.0 C, pwm-fan 2 of 4"


def test_another_board_than_the_spec_says_fails() -> None:
    assert of_board("board", board="Raspberry Pi 5 Model B").state == "fail"
    assert of_board("board", DeviceSpec(name="any"), board="").state == "ok"


def test_a_full_disk_fails_before_the_set_up_and_warns_after_it() -> None:
    assert of_board("disk", disk_free_bytes=10_000_000).state == "fail"
    assert of_board("disk", disk_free_bytes=10_000_000, site=[{"name": "numpy"}]).state == "warn"


def test_foreign_load_and_a_job_are_told() -> None:
    assert of_board("load", telemetry={"load_1min": 3.0}).state == "warn"
    assert of_board("load", telemetry={"load_1min": 3.0}, busy={"job": "j"}).state == "ok"
    assert of_board("lease", busy={"job": "j", "holder": "ann@desk"}).found == "job j of ann@desk"


def test_runtimes_are_those_of_this_machine_or_say_so() -> None:
    spec = SPEC.model_copy(update={"runtimes": ("litert", "onnxruntime", "coreml")})
    here = {"litert": "2.4.0", "onnxruntime": "1.31.1"}
    found = {check.name: check for check in runtime_checks(FACTS, spec, here, supported=True)}
    assert found["litert"] == Check("litert", "warn", "2.3.0, here it is 2.4.0", "edgebench devices setup pi")
    assert found["onnxruntime"] == Check("onnxruntime", "warn", "not set up, can be", "edgebench devices setup pi")
    assert found["coreml"].state == "ok"
    (mac,) = runtime_checks(
        {**FACTS, "system": "Darwin"}, DeviceSpec(name="m", runtimes=("coreml",)), here, supported=True
    )
    assert (mac.state, mac.found) == ("warn", "not there")
    assert [check.state for check in runtime_checks(FACTS, SPEC, {"litert": "2.3.0"}, supported=False)] == [
        "ok",
        "warn",
    ]
