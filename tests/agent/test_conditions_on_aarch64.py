"""Cooling and governor on a board that looks like a Raspberry Pi 4, over SSH, killed for real."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from boards.aarch64 import Emulated
from boards.raspberry_pi import RaspberryPi

from edgebench.pipeline.jobs.following import ask_job
from edgebench.specs.device import DeviceSpec, SshSettings
from edgebench.transports import Transport, ask_agent, connect

QUICK = {"warmup_s": 0, "max_warmup_s": 0, "steady_change": 1, "measure_s": 0.1, "min_invocations": 1, "inputs": 1}
VETO = {"foreign_load": 1e9, "frequency_change": 1.0, "max_temperature_c": None, "repeats": 0}
BLOCK = {"id": "b", "variant": "v", "runtime": "null", "model": "", "threads": 1, "round": 0, "position": 0}
TASK: dict[str, Any] = {
    "schema": 1,
    "task": "schedule",
    "job": "0" * 16,
    "journal": "journal.jsonl",
    "blocks": [BLOCK],
    "inputs": {},
    "settings": QUICK,
    "veto": VETO,
    "governor": "performance",
    "start_below_c": 60,
}

pytestmark = pytest.mark.slow


@pytest.fixture
def to(aarch64_board: Emulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Transport]]:
    """Ways to folders below edgebench's own one there."""
    (tmp_path / "edgebench").mkdir()
    (tmp_path / "edgebench" / "known_hosts").write_text(aarch64_board.host_key)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    board = aarch64_board
    stated = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key)}
    spec = DeviceSpec(name="pi", transport="ssh", ssh=SshSettings.model_validate({**stated, "folder": tmp_path.name}))
    opened: list[Any] = []

    def to(work: str = "") -> Transport:
        opened.append(connect(spec, tmp_path, work))
        return opened[-1]

    yield to
    for transport in opened:
        transport.close()


def await_governor(raspberry_pi: RaspberryPi, name: str) -> None:
    deadline = time.monotonic() + 30
    while raspberry_pi.governor != name:
        assert time.monotonic() < deadline, raspberry_pi.governor
        time.sleep(0.05)


def start(job: Transport) -> int:
    """The supervisor of a detached job that waits for the board to cool."""
    answer = ask_job(job, {"task": "start", "schedule": TASK, "deadline_s": 60, "holder": "the test"})
    pid: int = answer["pid"]
    return pid


def kill(job: Transport, *pids: str) -> None:
    assert job.run(["sh", "-c", f"kill -9 {' '.join(pids)}"]).returncode == 0


def test_a_warm_board_is_cooled_and_clocked_for_the_job_only(to, raspberry_pi: RaspberryPi) -> None:
    raspberry_pi.let_set_governor(True)
    raspberry_pi.heat(70)
    seen = []

    def on_progress(line: dict[str, Any]) -> None:
        if line.get("block", "").startswith("cooling"):
            seen.append((line["block"], raspberry_pi.governor))
            raspberry_pi.heat(50)

    ask_agent(to("job"), TASK, on_progress=on_progress)
    assert seen == [("cooling from 70 C to below 60 C", "performance")]
    assert raspberry_pi.governor == "ondemand"


def test_a_governor_that_only_root_may_set_stays(to, raspberry_pi: RaspberryPi) -> None:
    ask_agent(to("job"), TASK)
    assert raspberry_pi.governor == "ondemand"


def test_after_its_agent_was_killed_the_supervisor_restores_the_governor(to, raspberry_pi: RaspberryPi) -> None:
    raspberry_pi.let_set_governor(True)
    raspberry_pi.heat(70)
    job = to("0" * 16)
    supervisor = start(job)
    await_governor(raspberry_pi, "performance")
    kill(job, f"$(ps -o pid= --ppid {supervisor})")
    await_governor(raspberry_pi, "ondemand")


def test_after_all_were_killed_whoever_comes_next_restores_the_governor(to, raspberry_pi: RaspberryPi) -> None:
    raspberry_pi.let_set_governor(True)
    raspberry_pi.heat(70)
    job = to("0" * 16)
    supervisor = start(job)
    await_governor(raspberry_pi, "performance")
    kill(job, f"-{supervisor}")
    assert raspberry_pi.governor == "performance"
    ask_agent(to(), {"task": "describe"})
    assert raspberry_pi.governor == "ondemand"
