from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from edgebench.agent.edgebench_agent import processor_s, telemetry, throttle_bits, throttled
from edgebench.agent.edgebench_conditions import vetoes

CASES = Path(__file__).parents[1] / "cases"


@pytest.mark.parametrize("file", sorted((CASES / "telemetry").glob("*.json")), ids=lambda file: file.stem)
def test_veto(file):
    case = json.loads(file.read_text())
    assert vetoes(case["before"], case["after"], case["limits"]) == case["reasons"]


@pytest.mark.parametrize("case", json.loads((CASES / "vcgencmd.json").read_text()), ids=lambda case: case["out"][:20])
def test_what_vcgencmd_says_is_read(case):
    assert throttle_bits(case["out"]) == case["bits"]


def fake_vcgencmd(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (folder / "vcgencmd").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_vcgencmd_is_asked_where_there_is_one(tmp_path, monkeypatch):
    fake_vcgencmd(tmp_path, monkeypatch, 'test "$1" = get_throttled && echo throttled=0x50000')
    assert throttled() == 0x50000


def test_a_vcgencmd_that_hangs_is_given_up(tmp_path, monkeypatch):
    fake_vcgencmd(tmp_path, monkeypatch, "exec sleep 60")
    began = time.monotonic()
    assert throttled() is None
    assert time.monotonic() - began < 5


def test_boards_without_vcgencmd_have_no_bits(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert throttled() is None


def test_processor_time_is_read_from_the_line_of_all_processors():
    """user nice system idle iowait irq softirq steal guest guest_nice, in ticks: waiting is not work."""
    stat = "cpu  1000 200 300 90000 5000 10 20 40 7 0\ncpu0 500 100 150 45000 2500 5 10 20 3 0\nintr 1\n"
    ticks = os.sysconf("SC_CLK_TCK")
    assert processor_s(stat) == (1530 / ticks, 40 / ticks)
    assert processor_s("") == (None, None)


def test_a_reading_can_be_stored_and_judged():
    before, after = telemetry(), telemetry()
    assert json.loads(json.dumps(before)) == before
    limits = {"foreign_load": 1e9, "frequency_change": 1, "max_temperature_c": None}
    assert vetoes(before, after, limits) == []
    assert after["monotonic_s"] > before["monotonic_s"]
    assert after["own_s"] >= before["own_s"]
