"""Ctrl-C: over within a second, nothing lost, and the way on is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def children_of(pid: int) -> set[int]:
    found = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found |= {int(child) for child in path.read_text().split()}
    return found | {each for child in found for each in children_of(child)}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds children through /proc")
def test_a_conversion_in_full_swing_stops_within_a_second(tmp_path: Path, signal_: signal.Signals) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "edgebench", "quantize", "--model", "mobilenet_v1_a0.35"],
        cwd=tmp_path,
        env={**os.environ, "EDGEBENCH_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "home" / "logs" / "workers.log").exists() or not children_of(child.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(2.0)  # by now a worker is inside TensorFlow or drawing faces
    workers = children_of(child.pid)
    assert workers
    child.send_signal(signal_)
    started = time.monotonic()
    _, said = child.communicate(timeout=20)
    assert time.monotonic() - started < 3  # a second, on a machine that is not busy with other tests
    assert child.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said
    time.sleep(0.2)
    assert not [pid for pid in workers if alive(pid)]
