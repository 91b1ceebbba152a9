"""Cooling, governor, power and soak, on a machine whose sensors and clocks are files of the test's."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.agent import AGENT, edgebench_agent
from edgebench.agent import edgebench_conditions as conditions

RUN = """
import sys
sys.path.insert(0, {folder!r})
import edgebench_agent, edgebench_conditions
edgebench_agent.CPUFREQ, edgebench_agent.THERMAL = {cpufreq!r}, {thermal!r}
edgebench_conditions.STALLED_S = 0.5
sys.exit(edgebench_agent.main(["agent", "-"]))
"""
QUICK = {"warmup_s": 0, "max_warmup_s": 0, "steady_change": 1, "measure_s": 0.05, "min_invocations": 1, "inputs": 1}
NO_VETO = {"foreign_load": 1e9, "frequency_change": 1.0, "max_temperature_c": None, "repeats": 0}


class Machine:
    """A machine with two cores of one clock, a thermometer, and edgebench's folder on it."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "home"
        self.governor_file, self.boot = root / "cpu/policy0/scaling_governor", root / "boot_id"
        (root / "cpu/policy0").mkdir(parents=True)
        (self.home / "job").mkdir(parents=True)
        for core in (0, 1):
            (root / f"cpu/cpu{core}").mkdir()
            (root / f"cpu/cpu{core}/cpufreq").symlink_to("../policy0")
        (root / "cpu/policy0/scaling_cur_freq").write_text("1500000\n")
        (root / "zone0").mkdir()
        self.set_governor("ondemand")
        self.boot.write_text("first\n")
        self.heat(45)

    cpufreq = property(lambda self: str(self.root / "cpu/cpu{}/cpufreq/scaling_{}"))
    thermal = property(lambda self: str(self.root / "zone*/temp"))
    governor = property(lambda self: self.governor_file.read_text().strip())
    remembered = property(lambda self: self.home / "governor.json")

    def set_governor(self, name: str) -> None:
        self.governor_file.write_text(f"{name}\n")

    def heat(self, celsius: float) -> None:
        new = self.root / "new"
        new.write_text(f"{round(celsius * 1000)}\n")
        new.replace(self.root / "zone0/temp")

    @property
    def agent(self) -> Any:
        """The agent as it is on that machine."""
        text_of = edgebench_agent.text_of
        return SimpleNamespace(
            CPUFREQ=self.cpufreq,
            THERMAL=self.thermal,
            HWMON=str(self.root / "hwmon*"),
            GOVERNORS=edgebench_agent.GOVERNORS,
            numbers=edgebench_agent.numbers,
            timed=edgebench_agent.timed,
            text_of=lambda path: text_of(str(self.boot) if path.endswith("boot_id") else path),
        )

    def schedule(self, **task: Any) -> subprocess.Popen[str]:
        code = RUN.format(folder=str(AGENT.parent), cpufreq=self.cpufreq, thermal=self.thermal)
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=self.home / "job",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        block = {"id": "b", "variant": "v", "runtime": "null", "model": "", "threads": 1, "round": 0, "position": 0}
        asked = {"schema": 1, "task": "schedule", "job": "j", "journal": "journal.jsonl", "veto": NO_VETO, "inputs": {}}
        process.stdin.write(json.dumps({**asked, "settings": QUICK, "blocks": [block], **task}) + "\n")
        process.stdin.flush()
        return process

    def line(self) -> dict[str, Any]:
        (line,) = (self.home / "job/journal.jsonl").read_text().splitlines()
        return json.loads(line)["measured"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def schedule(machine: Machine) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts schedules there, and ends what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def start(**task: Any) -> subprocess.Popen[str]:
        started.append(machine.schedule(**task))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def said(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.stdout]


def await_governor(machine: Machine, name: str) -> None:
    deadline = time.monotonic() + 10
    while machine.governor != name:
        assert time.monotonic() < deadline, machine.governor
        time.sleep(0.01)


# ---- judgement ------------------------------------------------------------------------------------------------------


def telemetry(**changes: Any) -> dict[str, Any]:
    at_rest = {"busy_s": None, "own_s": 0.0, "steal_s": None, "memory_pressure_us": 0, "throttled": 0}
    return {"monotonic_s": 0.0, **at_rest, "frequency_khz": {}, "millicelsius": {}, **changes}


def test_a_block_that_waited_for_memory_is_vetoed() -> None:
    after = telemetry(monotonic_s=2.0, memory_pressure_us=500_000)
    reasons = conditions.vetoes(telemetry(), after, {**NO_VETO, "memory_pressure": 0.05})
    assert reasons == ["memory pressure: waited 25 % of the time"]
    assert conditions.vetoes(telemetry(), after, {**NO_VETO, "memory_pressure": 0.3}) == []
    assert conditions.vetoes(telemetry(), after, NO_VETO) == []


def test_heat_is_told_from_a_weak_power_supply() -> None:
    after = telemetry(monotonic_s=1.0, throttled=0b1101)
    assert conditions.overheated(telemetry(), after, NO_VETO) == ["throttled", "soft temperature limit"]
    assert conditions.intrusions(telemetry(), after, NO_VETO) == ["under-voltage"]


@given(before=st.integers(0, 0xFFFFF), after=st.integers(0, 0xFFFFF))
def test_bits_since_boot_count_when_they_are_new_and_others_always(before: int, after: int) -> None:
    bits = conditions.new_bits(telemetry(throttled=before), telemetry(throttled=after))
    assert bits & 0xF == after & 0xF
    assert bits >> 16 == (after >> 16) & ~(before >> 16)


# ---- temperature ----------------------------------------------------------------------------------------------------


def test_a_cool_board_a_board_without_sensors_and_one_without_a_limit_do_not_wait(machine: Machine) -> None:
    told: list[str] = []
    assert conditions.cool_down(machine.agent, 60, told.append) == (0.0, "")
    assert conditions.cool_down(machine.agent, None, told.append) == (0.0, "")
    (machine.root / "zone0/temp").unlink()
    assert conditions.cool_down(machine.agent, 20, told.append) == (0.0, "")
    assert told == []


def test_a_warm_board_is_waited_for_until_it_is_cool(machine: Machine) -> None:
    machine.heat(66)
    threading.Timer(0.5, machine.heat, [59.5]).start()
    told: list[str] = []
    waited_s, why = conditions.cool_down(machine.agent, 60, told.append)
    assert (0.4 < waited_s < 5, why) == (True, "")
    assert told == ["cooling from 66 C to below 60 C"]


def test_a_board_that_gets_no_cooler_starts_nevertheless_and_says_so(machine: Machine, monkeypatch) -> None:
    monkeypatch.setattr(conditions, "STALLED_S", 0.3)
    machine.heat(62.4)
    waited_s, why = conditions.cool_down(machine.agent, 60, lambda _: None)
    assert 0.3 <= waited_s < 5
    assert why == "began at 62.4 C, not below 60 C after 0 s of cooling"


def test_cooling_has_an_end(machine: Machine, monkeypatch) -> None:
    monkeypatch.setattr(conditions, "COOLING_LIMIT_S", 0.3)
    machine.heat(70)
    assert conditions.cool_down(machine.agent, 60, lambda _: None)[1].startswith("began at 70.0 C")


def test_after_heat_a_block_waits_for_the_start_temperature_or_for_relief() -> None:
    hot = telemetry(millicelsius={"zone0": 84_000, "zone1": 50_000})
    assert conditions.relief_c(60, hot) == 60
    assert conditions.relief_c(None, hot) == 74
    assert conditions.relief_c(None, telemetry()) is None


def test_a_soak_begins_as_cool_as_the_board_was_unless_told_otherwise(machine: Machine) -> None:
    assert conditions.start_below_c({"measures": "soak"}, machine.agent) == 48
    assert conditions.start_below_c({"measures": "soak", "start_below_c": 40}, machine.agent) == 40
    assert conditions.start_below_c({"measures": "bench"}, machine.agent) is None


def test_a_schedule_cools_before_a_block_and_tells_it(machine: Machine, schedule) -> None:
    machine.heat(70)
    process = schedule(start_below_c=60)
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if seen[-1].get("block", "").startswith("cooling"):
            machine.heat(50)
    assert [line["block"] for line in seen if "block" in line] == ["cooling from 70 C to below 60 C", "b"]
    assert machine.line()["cooled_s"] > 0
    assert machine.line()["disturbed"] == []


def test_a_block_that_began_too_warm_says_so(machine: Machine, schedule) -> None:
    machine.heat(70)
    said(schedule(start_below_c=60))
    (reason,) = machine.line()["disturbed"]
    assert reason.startswith("began at 70.0 C, not below 60 C")


# ---- governor -------------------------------------------------------------------------------------------------------


def test_the_governor_is_set_and_restored(machine: Machine) -> None:
    assert conditions.prepare(str(machine.home), "performance", machine.agent) == ""
    assert machine.governor == "performance"
    assert list(json.loads(machine.remembered.read_text())["before"].values()) == ["ondemand"]
    conditions.restore(str(machine.home), machine.agent)
    assert machine.governor == "ondemand"
    assert not machine.remembered.exists()
    conditions.restore(str(machine.home), machine.agent)


def test_nothing_is_touched_where_nothing_is_wanted_or_all_is_well(machine: Machine) -> None:
    for wanted in (None, "ondemand"):
        assert conditions.prepare(str(machine.home), wanted, machine.agent) == ""
        assert machine.governor == "ondemand"
        assert not machine.remembered.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_governor_that_only_root_may_set_is_told_and_left(machine: Machine) -> None:
    machine.governor_file.chmod(0o444)
    assert conditions.prepare(str(machine.home), "performance", machine.agent) == "only root may set it"
    assert machine.governor == "ondemand"
    assert not machine.remembered.exists()


def test_a_governor_that_the_system_refuses_is_told_and_restored(machine: Machine, monkeypatch) -> None:
    set_governor = conditions.set_governor

    def refusing(path: str, governor: str) -> None:
        if governor == "warp":
            raise OSError(22, "Invalid argument")
        set_governor(path, governor)

    monkeypatch.setattr(conditions, "set_governor", refusing)
    assert conditions.prepare(str(machine.home), "warp", machine.agent) == "Invalid argument"
    assert machine.governor == "ondemand"
    assert not machine.remembered.exists()


def test_a_machine_without_governors_says_so(machine: Machine) -> None:
    machine.governor_file.unlink()
    assert conditions.prepare(str(machine.home), "performance", machine.agent) == "the system shows none"
    assert conditions.prepare(str(machine.home), None, machine.agent) == ""


def test_what_somebody_set_meanwhile_stays(machine: Machine) -> None:
    conditions.prepare(str(machine.home), "performance", machine.agent)
    machine.set_governor("powersave")
    conditions.restore(str(machine.home), machine.agent)
    assert machine.governor == "powersave"


def test_after_a_start_of_the_system_there_is_nothing_to_restore(machine: Machine) -> None:
    conditions.prepare(str(machine.home), "performance", machine.agent)
    machine.boot.write_text("second\n")
    conditions.restore(str(machine.home), machine.agent)
    assert machine.governor == "performance"
    assert not machine.remembered.exists()


def test_what_is_left_is_restored_only_while_nobody_measures(machine: Machine) -> None:
    conditions.prepare(str(machine.home), "performance", machine.agent)
    with open(machine.home / "lease.lock", "w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        conditions.restore_left(str(machine.home), machine.agent)
        assert machine.governor == "performance"
    conditions.restore_left(str(machine.home), machine.agent)
    assert machine.governor == "ondemand"


def test_a_schedule_sets_the_governor_for_its_time(machine: Machine, schedule) -> None:
    assert said(schedule(governor="performance"))[-1]["errors"] == []
    assert machine.governor == "ondemand"
    assert not machine.remembered.exists()
    line = machine.line()
    assert (line["governor_wanted"], line["governor_refused"]) == ("performance", "")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None], ids=["SIGTERM", "SIGINT", "left alone"])
def test_a_schedule_that_is_stopped_restores_the_governor(machine: Machine, schedule, end) -> None:
    process = schedule(governor="performance", settings={**QUICK, "measure_s": 60})
    await_governor(machine, "performance")
    if end is None:
        process.stdin.close()
    else:
        process.send_signal(end)
    assert process.wait(timeout=10) == 130
    assert machine.governor == "ondemand"
    assert not machine.remembered.exists()


def test_after_a_kill_the_next_schedule_restores_the_governor(machine: Machine, schedule) -> None:
    process = schedule(governor="performance", settings={**QUICK, "measure_s": 60})
    await_governor(machine, "performance")
    process.kill()
    process.wait()
    assert machine.governor == "performance"
    said(schedule())
    assert machine.governor == "ondemand"


# ---- power ----------------------------------------------------------------------------------------------------------

PMIC = """\
 3V7_WL_SW_A current(0)=0.10000000A
   VDD_CORE_A current(7)=1.50000000A
 3V7_WL_SW_V volt(8)=3.70000000V
   VDD_CORE_V volt(15)=0.80000000V
      EXT5V_V volt(24)=5.15000000V
"""


def test_the_rails_of_a_power_chip_add_up() -> None:
    assert conditions.pmic_watts(PMIC) == pytest.approx(0.1 * 3.7 + 1.5 * 0.8)


@pytest.mark.parametrize("text", ["", 'error=1 error_msg="Command not registered"', "EXT5V_V volt(24)=5.15V", "X_A =A"])
def test_a_board_without_a_power_chip_tells_no_watts(text: str) -> None:
    assert conditions.pmic_watts(text) is None


@given(st.text())
def test_any_answer_is_read_without_an_error(text: str) -> None:
    assert conditions.pmic_watts(text) is None or "_A" in text


def test_a_sensor_on_the_supply_is_read(machine: Machine, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(machine.root))
    assert conditions.meter(machine.agent) == ("", None)
    for place, (name, microwatts) in enumerate({"cpu_thermal": None, "ina219": 3_250_000, "amdgpu": 9_000_000}.items()):
        folder = machine.root / f"hwmon{place}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        if microwatts:
            (folder / "power1_input").write_text(f"{microwatts}\n")
    assert conditions.meter(machine.agent) == ("ina219", 3.25)


def test_power_is_read_beside_invocations_of_its_own(machine: Machine, monkeypatch) -> None:
    monkeypatch.setattr(conditions, "POWER_S", 0.3)
    (machine.root / "vcgencmd").write_text(f"#!/bin/sh\ntest $1 = pmic_read_adc && echo '{PMIC}'\n")
    (machine.root / "vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", str(machine.root), prepend=os.pathsep)
    calls: list[Any] = []

    def invoke(item: Any) -> None:
        calls.append(item)
        time.sleep(0.01)

    found = conditions.power(invoke, ["x"], machine.agent)
    assert found["meter"] == "pmic"
    assert found["watts"] == pytest.approx([1.57] * len(found["watts"]))
    assert 1 <= len(found["watts"]) <= conditions.POWER_SAMPLES
    assert found["invocations"] == len(calls)
    assert 0.3 <= found["seconds"] < 3


def test_without_a_meter_nothing_is_invoked_for_it(machine: Machine, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(machine.root))
    assert conditions.power(lambda _: pytest.fail("invoked"), ["x"], machine.agent) is None


# ---- soak -----------------------------------------------------------------------------------------------------------


def test_a_soak_keeps_its_seconds(machine: Machine, monkeypatch) -> None:
    monkeypatch.setattr(conditions, "SECOND_S", 0.1)
    rows = list(conditions.by_second(lambda _: time.sleep(0.004), ["x"], 0.35, machine.agent))
    assert 3 <= len(rows) <= 5
    assert [row["at_s"] for row in rows] == sorted({row["at_s"] for row in rows})
    assert all(4_000_000 <= row["median_ns"] <= row["p90_ns"] for row in rows)
    assert all(1 <= row["invocations"] <= 25 for row in rows)
    assert {row["millicelsius"] for row in rows} == {45_000}
    assert {row["frequency_khz"] for row in rows} == {1_500_000}


def test_a_slow_model_has_a_row_for_each_invocation(machine: Machine, monkeypatch) -> None:
    monkeypatch.setattr(conditions, "SECOND_S", 0.01)
    rows = list(conditions.by_second(lambda _: time.sleep(0.05), ["x"], 0.12, machine.agent))
    assert [row["invocations"] for row in rows] == [1] * len(rows)
    assert 2 <= len(rows) <= 3


def test_a_schedule_soaks_once_whatever_the_heat(machine: Machine, schedule) -> None:
    veto = {**NO_VETO, "max_temperature_c": 40, "repeats": 3}
    said(schedule(measures="soak", settings={**QUICK, "soak_s": 1.2}, veto=veto))
    line = machine.line()
    assert (line["attempt"], line["latencies_ns"], line["vetoes"], line["disturbed"]) == (1, [], [], [])
    assert len(line["seconds"]["median_ns"]) == len(line["seconds"]["at_s"]) >= 2
