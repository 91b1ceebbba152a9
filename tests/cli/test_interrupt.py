"""Ctrl-C: over within a second, nothing lost, and the way on is said."""

from __future__ import annotations

import json
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


def test_what_is_loaded_before_ctrl_c_is_answered_is_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import edgebench.cli; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) <= {"__future__", "edgebench", "edgebench.cli", "edgebench.cli.signals"}


START = """
import os, signal, sys, threading, time
from edgebench.cli import main
sys.argv = ["edgebench", *sys.argv[2:]]
def interrupt():
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # Python's own start is not ours to answer for
        time.sleep(0.0001)
    time.sleep(int(os.environ["DELAY"]) / 1000)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
main()
"""


@pytest.mark.parametrize("delay_ms", [0, 20, 50, 80])
@pytest.mark.parametrize("json_", [False, True])
def test_ctrl_c_while_the_command_is_loaded_is_no_traceback(tmp_path: Path, delay_ms: int, json_: bool) -> None:
    arguments = ["selftest", "--store", str(tmp_path), *(["--json"] if json_ else [])]
    found = subprocess.run(
        [sys.executable, "-c", START, "-", *arguments],
        env={**os.environ, "DELAY": str(delay_ms)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 130
    assert "Traceback" not in found.stderr
    assert "edgebench: stopped" in found.stderr
    if json_:
        assert json.loads(found.stdout)["error"]["exit_code"] == 130


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As for a job in the background of a shell."""
    code = START.replace("from edgebench", "signal.signal(signal.SIGINT, signal.SIG_IGN)\nfrom edgebench", 1)
    found = subprocess.run(
        [sys.executable, "-c", code, "-", "models", "list", "--json"],
        cwd=tmp_path,
        env={**os.environ, "DELAY": "50"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0
    assert "mobilenet_v1_a0.5" in json.loads(found.stdout)
