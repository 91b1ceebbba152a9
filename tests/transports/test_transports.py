from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgebench.agent import AGENT
from edgebench.errors import AgentFailed
from edgebench.specs.device import DeviceSpec
from edgebench.transports import agent_failed, ask_agent, connect

SETTINGS = {"inputs": 1, "warmup_s": 0, "max_warmup_s": 0, "steady_change": 1, "measure_s": 0, "min_invocations": 3}
NO_VETO = {"foreign_load": 1e9, "frequency_change": 1, "max_temperature_c": None, "repeats": 0}


@pytest.fixture
def here(tmp_path):
    return connect(DeviceSpec(name="here"), tmp_path / "work")


def test_the_agent_is_shipped_and_answers(here):
    answer = ask_agent(here, {"schema": 1, "task": "describe"})
    assert answer["device"]["cores"] >= 1
    assert (Path(here.folder) / AGENT.name).read_bytes() == AGENT.read_bytes()


def test_progress_comes_while_the_agent_works(here):
    block = {"variant": "null", "runtime": "null", "model": "", "threads": 1, "round": 0, "position": 0}
    job = {"job": "j", "journal": "j.jsonl", "settings": SETTINGS, "veto": NO_VETO, "inputs": {}}
    blocks = [{"id": name, **block} for name in ("a", "b")]
    seen = []
    answer = ask_agent(here, {"task": "schedule", "blocks": blocks, **job}, on_progress=seen.append)
    assert [line["done"] for line in seen] == [0, 1, 2]
    assert answer["errors"] == []
    assert len((Path(here.folder) / "j.jsonl").read_text().splitlines()) == 2


def test_an_error_of_the_agent_names_device_and_model(here, tmp_path):
    task = {"task": "bench", "runtime": "sleep", "model": "none.json", "threads": 1, "settings": SETTINGS}
    with pytest.raises(AgentFailed, match=r"^here, none\.json: FileNotFoundError: .*none\.json"):
        ask_agent(here, task)


@pytest.mark.parametrize("answer", ["", "not json", "[1]", json.dumps({"half": 1})[:5]])
def test_an_agent_without_an_answer_has_failed(here, answer):
    """A stand-in for the interpreter: it says something else and goes."""
    python = Path(here.folder) / "python"
    python.write_text(f"#!/bin/sh\necho '{answer}'\necho 'no module named numpy' >&2\nexit 1\n")
    python.chmod(0o755)
    here.python = str(python)
    with pytest.raises(AgentFailed, match="exit status 1: no module named numpy"):
        ask_agent(here, {"task": "describe"})


def test_an_agent_killed_from_outside_names_the_signal_and_what_helps(here):
    python = Path(here.folder) / "python"
    python.write_text("#!/bin/sh\nkill -9 $$\n")
    python.chmod(0o755)
    here.python = str(python)
    with pytest.raises(AgentFailed, match=r"killed by SIGKILL, .*memory.*--jobs 1"):
        ask_agent(here, {"task": "describe"})


@pytest.mark.parametrize(
    ("raising", "problem"),
    [
        ("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", "no space left on device"),
        ("raise OSError('4096 requested and 17 written')", "no space left on device"),
        ("raise PermissionError(errno.EACCES, 'Permission denied', 'x.npz')", "PermissionError: [Errno 13]"),
        ("raise ValueError('No space')", "ValueError: No space"),
    ],
)
def test_a_full_disk_there_is_told_in_our_words(raising, problem):
    told = subprocess.run(
        [sys.executable, "-c", TELLING.format(raising)], cwd=AGENT.parent, capture_output=True, text=True, check=True
    )
    failed = agent_failed(json.loads(told.stdout), "pi, net")
    assert failed.problem.startswith(problem)
    assert failed.subject == "pi, net"


TELLING = """
import errno, json, os, edgebench_agent
try:
    {}
except Exception as error:
    print(json.dumps(edgebench_agent.failure(error)))
"""
