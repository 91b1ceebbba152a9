"""Detached jobs as a device runs them: real processes, killed for real."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edgebench.agent import AGENT

SLOW = {"warmup_s": 0, "max_warmup_s": 0, "steady_change": 1, "measure_s": 0.2, "min_invocations": 1, "inputs": 1}
ENDLESS = {**SLOW, "measure_s": 600}
NO_VETO = {"foreign_load": 1e9, "frequency_change": 1.0, "max_temperature_c": None, "repeats": 0}


class Device:
    """A folder as `~/.edgebench` is one, and the agent in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.blocks: dict[str, list[dict[str, Any]]] = {}

    def folder(self, job: str) -> Path:
        (self.home / job).mkdir(parents=True, exist_ok=True)
        return self.home / job

    def popen(self, folder: Path, task: dict[str, Any], **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(AGENT), "-"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        process.stdin.write(json.dumps({"lifeline": True, "silence_s": 30, **task}) + "\n")
        process.stdin.flush()
        return process

    def ask(self, folder: Path, task: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        """All that the agent says, the answer last."""
        process = self.popen(folder, task, **options)
        said = [json.loads(line) for line in process.stdout]
        process.stdin.close()
        process.wait(timeout=60)
        errors = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        assert said, errors
        return said

    def start(self, job: str, *, settings: dict[str, Any] = SLOW, deadline_s: float | None = 60, **options: Any) -> Any:
        schedule = {
            "schema": 1,
            "task": "schedule",
            "job": job,
            "blocks": self.blocks[job],
            "settings": settings,
            "veto": NO_VETO,
            "inputs": {},
            "journal": "journal.jsonl",
        }
        task = {"task": "start", "schedule": schedule, "deadline_s": deadline_s, "holder": f"me@{job}"}
        return self.ask(self.folder(job), task, **options)[-1]

    def follow(self, job: str, **facts: Any) -> list[dict[str, Any]]:
        return self.ask(self.folder(job), {"task": "follow", "job": job, **facts})

    def state(self, job: str) -> dict[str, Any]:
        (told,) = (each for each in self.ask(self.home, {"task": "jobs"})[-1]["jobs"] if each["job"] == job)
        return told

    def journal(self, job: str) -> list[str]:
        return [json.loads(line)["block"] for line in (self.home / job / "journal.jsonl").read_text().splitlines()]

    def await_blocks(self, job: str, count: int) -> None:
        deadline = time.monotonic() + 60
        journal = self.home / job / "journal.jsonl"
        while not journal.exists() or journal.read_bytes().count(b"\n") < count:
            assert time.monotonic() < deadline, (self.home / job / "supervisor.log").read_text()
            time.sleep(0.02)

    def lease(self) -> dict[str, Any]:
        return json.loads((self.home / "lease.json").read_text())


def child_of(pid: int) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(OSError):
            if pids := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                return int(pids[0])
        time.sleep(0.01)
    raise AssertionError(f"{pid} has no child")


@pytest.fixture
def device(tmp_path: Path, block: Callable[..., dict[str, Any]]) -> Iterator[Device]:
    made = Device(tmp_path / "device")
    for job in ("j1", "j2"):
        made.blocks[job] = [block(f"r{k}.net.t1") for k in range(4)]
    yield made
    with suppress(OSError, ValueError):
        os.killpg(made.lease()["pid"], signal.SIGKILL)


def test_a_job_goes_on_without_whoever_started_it_and_its_end_is_told_later(device: Device) -> None:
    started = device.start("j1")
    assert started["started"]
    assert not started["detached"]
    *progress, answer = device.follow("j1")
    assert progress[-1]["done"] == 4
    assert answer["ended"] == {"schema": 1, "job": "j1", "total": 4, "errors": []}
    assert sorted(device.journal("j1")) == [f"r{k}.net.t1" for k in range(4)]
    assert device.state("j1") | {"age_s": 0} == {
        "job": "j1",
        "state": "finished",
        "why": "",
        "done": 4,
        "total": 4,
        "holder": "me@j1",
        "age_s": 0,
    }


def test_a_supervisor_is_in_a_session_of_its_own(device: Device) -> None:
    pid = device.start("j1", settings=ENDLESS)["pid"]
    assert os.getsid(pid) == pid
    assert device.state("j1")["state"] == "running"


def test_a_job_that_runs_is_not_started_twice(device: Device) -> None:
    first = device.start("j1", settings=ENDLESS)
    again = device.start("j1", settings=ENDLESS, deadline_s=None)
    assert (again["started"], again["pid"], again["detached"]) == (False, first["pid"], True)


def test_a_finished_job_started_again_measures_nothing(device: Device) -> None:
    device.start("j1")
    device.follow("j1")
    device.start("j1")
    assert device.follow("j1")[-1]["ended"]["errors"] == []
    assert len(device.journal("j1")) == 4


def test_a_device_in_use_says_by_whom_and_since_when(device: Device) -> None:
    device.start("j1", settings=ENDLESS)
    held = device.start("j2")["held"]
    assert (held["job"], held["holder"]) == ("j1", "me@j1")
    assert held["started_at"].startswith("20")
    assert not (device.home / "j2" / "job.json").exists()


def test_a_lease_of_a_dead_holder_or_another_boot_is_replaced(device: Device) -> None:
    device.folder("j1")
    stale = {"job": "old", "holder": "x@y", "pid": 1, "boot_id": "another", "started_at": "2020-01-01T00:00:00+00:00"}
    (device.home / "lease.lock").touch()
    (device.home / "lease.json").write_text(json.dumps(stale))
    assert device.ask(device.home, {"task": "jobs"})[-1]["lease"] == {}
    assert device.start("j1")["started"]
    assert device.lease()["job"] == "j1"
    assert device.follow("j1")[-1]["ended"]["errors"] == []


def test_a_lock_without_a_name_is_respected(device: Device) -> None:
    device.folder("j1")
    with (device.home / "lease.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert device.start("j1")["held"] == {}


def test_a_killed_supervisor_takes_the_block_with_it_frees_the_device_and_is_told(device: Device, gone) -> None:
    pid = device.start("j1", settings={**SLOW, "measure_s": 1})["pid"]
    device.await_blocks("j1", 1)
    schedule = child_of(pid)
    block = child_of(schedule)
    os.kill(pid, signal.SIGKILL)
    assert gone(schedule)
    assert gone(block)
    assert device.follow("j1")[-1]["ended"]["error"]["message"] == "its supervisor was killed"
    assert device.state("j1")["state"] == "interrupted"
    assert device.start("j1")["started"]
    assert device.follow("j1")[-1]["ended"]["errors"] == []
    assert sorted(device.journal("j1")) == [f"r{k}.net.t1" for k in range(4)]


def test_a_job_of_another_boot_was_ended_by_a_restart(device: Device) -> None:
    pid = device.start("j1", settings=ENDLESS)["pid"]
    os.kill(pid, signal.SIGKILL)
    job = json.loads((device.home / "j1" / "job.json").read_text())
    (device.home / "j1" / "job.json").write_text(json.dumps({**job, "boot_id": "the one before"}))
    assert device.follow("j1")[-1]["ended"]["error"]["message"] == "the device was started anew"


def test_a_killed_schedule_is_told_and_goes_on_when_started_again(device: Device) -> None:
    pid = device.start("j1", settings={**SLOW, "measure_s": 0.5})["pid"]
    device.await_blocks("j1", 1)
    os.kill(child_of(pid), signal.SIGKILL)
    error = device.follow("j1")[-1]["ended"]["error"]
    assert (error["type"], error["message"]) == ("Killed", "its agent was killed by SIGKILL")
    assert device.start("j1")["started"]
    assert device.follow("j1")[-1]["ended"]["errors"] == []
    assert sorted(device.journal("j1")) == [f"r{k}.net.t1" for k in range(4)]


def test_the_governor_that_a_killed_schedule_leaves_is_put_back(device: Device, tmp_path: Path) -> None:
    pid = device.start("j1", settings=ENDLESS)["pid"]
    schedule = child_of(pid)
    child_of(schedule)
    governor = tmp_path / "scaling_governor"
    governor.write_text("performance")
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    left = {"set": "performance", "before": {str(governor): "ondemand"}, "boot_id": boot_id}
    (device.home / "governor.json").write_text(json.dumps(left))
    os.kill(schedule, signal.SIGKILL)
    device.follow("j1")
    assert governor.read_text() == "ondemand"


def test_a_killed_block_is_an_error_of_that_block(device: Device) -> None:
    pid = device.start("j1", settings={**SLOW, "measure_s": 1})["pid"]
    os.kill(child_of(child_of(pid)), signal.SIGKILL)
    (error,) = device.follow("j1")[-1]["ended"]["errors"]
    assert error["type"] == "BlockDied"
    assert len(device.journal("j1")) == 4


def test_cancelling_ends_all_of_it_and_keeps_the_journal(device: Device, gone) -> None:
    pid = device.start("j1", settings={**SLOW, "measure_s": 0.5})["pid"]
    device.await_blocks("j1", 1)
    schedule = child_of(pid)
    assert device.ask(device.folder("j1"), {"task": "cancel", "job": "j1"})[-1]["cancelled"]
    assert gone(pid)
    assert gone(schedule)
    assert device.state("j1")["why"] == "it was cancelled"
    assert device.journal("j1")
    assert not device.ask(device.folder("j1"), {"task": "cancel", "job": "j1"})[-1]["cancelled"]


def test_a_supervisor_that_the_system_ends_is_not_taken_for_a_cancelled_one(device: Device, gone) -> None:
    pid = device.start("j1", settings={**SLOW, "measure_s": 0.5})["pid"]
    device.await_blocks("j1", 1)
    schedule = child_of(pid)
    os.killpg(pid, signal.SIGTERM)  # as before a reboot: supervisor, schedule and block
    assert gone(pid)
    assert gone(schedule)
    error = device.follow("j1")[-1]["ended"]["error"]
    assert (error["type"], error["message"]) == ("Killed", "its supervisor was told to end by the system")
    assert device.start("j1")["started"]
    assert device.follow("j1")[-1]["ended"]["errors"] == []
    assert sorted(device.journal("j1")) == [f"r{k}.net.t1" for k in range(4)]


def test_a_job_that_nobody_follows_ends_at_its_deadline(device: Device, gone) -> None:
    pid = device.start("j1", settings=ENDLESS, deadline_s=0.5)["pid"]
    assert gone(pid) or gone(pid)
    assert device.state("j1")["why"] == "nobody followed it for 0.5 s"


def test_a_job_is_renewed_only_by_lines_and_goes_on_for_ever_without_a_deadline(device: Device) -> None:
    device.start("j1", settings=ENDLESS, deadline_s=None)
    heartbeat = device.home / "j1" / "heartbeat.json"
    before = heartbeat.stat().st_mtime_ns
    follower = device.popen(device.folder("j1"), {"task": "follow", "job": "j1"})
    assert json.loads(follower.stdout.readline())["done"] == 0
    assert heartbeat.stat().st_mtime_ns == before
    follower.stdin.write("\n")
    follower.stdin.flush()
    deadline = time.monotonic() + 5
    while heartbeat.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    follower.stdin.close()
    assert json.loads(follower.stdout.readline())["silent"]
    assert follower.wait(timeout=5) == 0
    for pipe in (follower.stdout, follower.stderr):
        pipe.close()
    assert device.state("j1")["state"] == "running"


def test_a_follower_that_hears_nothing_ends_and_the_job_does_not(device: Device) -> None:
    device.start("j1", settings=ENDLESS)
    assert device.follow("j1", silence_s=0.5)[-1] == {"schema": 1, "silent": True}
    assert device.state("j1")["state"] == "running"


def test_what_is_no_job_is_told_so(device: Device) -> None:
    assert device.follow("none")[-1]["ended"]["error"]["message"] == "there is no such job"
    assert device.ask(device.home, {"task": "jobs"})[-1] == {"schema": 1, "lease": {}, "jobs": []}


def test_a_disk_that_takes_no_more_ends_the_job_with_its_name_and_loses_nothing(device: Device) -> None:
    few_bytes = 6000  # room for the job's own files and some blocks, not for all

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (few_bytes, resource.RLIM_INFINITY))

    device.start("j1", preexec_fn=limited)
    error = device.follow("j1")[-1]["ended"]["error"]
    assert error["type"] == "OSError"
    assert error["errno"] == 27
    device.start("j1")
    assert device.follow("j1")[-1]["ended"]["errors"] == []
    assert sorted(device.journal("j1")) == [f"r{k}.net.t1" for k in range(4)]


def test_a_full_disk_ends_the_job_with_its_name_and_loses_nothing(device: Device) -> None:
    device.home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(device.home)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a disk of its own takes the right to mount one")
    try:
        device.start("j1", settings={**SLOW, "measure_s": 0.5})
        device.await_blocks("j1", 1)
        filler = device.home / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        error = device.follow("j1")[-1]["ended"]["error"]
        assert error["errno"] == 28
        filler.unlink()
        assert device.start("j1")["started"]
        assert device.follow("j1")[-1]["ended"]["errors"] == []
        assert sorted(device.journal("j1")) == [f"r{k}.net.t1" for k in range(4)]
    finally:
        subprocess.run(["umount", "-l", str(device.home)], check=True)
