"""The verbs of a board, with the real command and a real sshd."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from boards.shims import with_programs, write_device
from boards.sshd import Board
from boards.wheels import make_runtimes

Run = Callable[..., subprocess.CompletedProcess[str]]
NASTY = ("; touch x", "$(touch x)", "`touch x`", "| cat", "&& id", "> x", "a\nb", "'", '"', "\\", "*", "{a,b}", "\x00")


@pytest.fixture
def run(edgebench: Run, board: Board, tmp_path: Path) -> Run:
    """`edgebench devices ...` where `devices/pi.yaml` is the board."""
    write_device(board, tmp_path / "devices")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return edgebench("devices", *arguments, stdin=subprocess.DEVNULL)

    return run


def distrust(tmp_path: Path) -> Path:
    known = tmp_path / "user" / ".config" / "edgebench" / "known_hosts"
    known.unlink()
    return known


def fingerprint(board: Board) -> str:
    told = subprocess.run(["ssh-keygen", "-lf", board.folder / "host_ed25519.pub"], capture_output=True, text=True)
    return told.stdout.split()[1]


def answered(tmp_path: Path, answer: str) -> tuple[int, str]:
    """`devices trust pi` in a terminal where somebody types the answer."""
    ours, its = pty.openpty()
    argv = [sys.executable, "-m", "edgebench", "devices", "trust", "pi"]
    environment = {**os.environ, "EDGEBENCH_HOME": str(tmp_path / "home")}
    with subprocess.Popen(argv, stdin=its, stdout=its, stderr=its, cwd=tmp_path, env=environment) as process:
        os.close(its)
        said, deadline = "", time.monotonic() + 30
        while "[y/N]" not in said and time.monotonic() < deadline:
            said += os.read(ours, 4096).decode()
        os.write(ours, f"{answer}\n".encode())
        while process.poll() is None or select.select([ours], [], [], 0.1)[0]:
            try:
                said += os.read(ours, 4096).decode()
            except OSError:  # the terminal's other end is closed
                break
    os.close(ours)
    return process.returncode, said


def test_a_person_is_shown_the_key_and_asked(run: Run, board: Board, tmp_path: Path) -> None:
    known = distrust(tmp_path)
    code, said = answered(tmp_path, "n")
    assert code == 1
    assert fingerprint(board) in said
    assert not known.exists()
    code, said = answered(tmp_path, "y")
    assert (code, "trusted from now on" in said) == (0, True)
    assert run("trust", "pi").stdout.endswith("is trusted already\n")


def test_a_person_is_warned_of_a_changed_key(run: Run, board: Board, tmp_path: Path) -> None:
    before = fingerprint(board)
    board.stop()
    board.new_host_key()
    board.start()
    code, said = answered(tmp_path, "")
    assert code == 1
    assert "WARNING: trusted until now is" in said
    assert {before, fingerprint(board)} <= set(said.split())


def test_where_nobody_can_be_asked_one_says_which_key(run: Run, board: Board, tmp_path: Path) -> None:
    known = distrust(tmp_path)
    done = run("trust", "pi")
    assert done.returncode == 2
    assert f"--fingerprint {fingerprint(board)}" in done.stderr
    wrong = run("trust", "pi", "--fingerprint", "SHA256:wrong")
    assert (wrong.returncode, known.exists()) == (6, False)
    right = run("trust", "pi", "--fingerprint", fingerprint(board), "--json")
    assert (right.returncode, known.exists()) == (0, True)
    (key,) = json.loads(right.stdout)["keys"]
    assert (key["state"], key["trusted"], key["fingerprint"]) == ("new", True, fingerprint(board))


def test_yes_trusts_a_new_key_and_never_a_changed_one(run: Run, board: Board, tmp_path: Path) -> None:
    known = distrust(tmp_path)
    assert run("trust", "pi", "--yes").returncode == 0
    kept = known.read_text()
    board.stop()
    board.new_host_key()
    board.start()
    done = run("trust", "pi", "--yes")
    assert (done.returncode, known.read_text()) == (2, kept)
    assert "its host key has changed" in done.stderr
    assert run("trust", "pi", "--fingerprint", fingerprint(board)).returncode == 0


def test_this_machine_is_no_board(edgebench: Run) -> None:
    for verb in ("trust", "setup", "status", "clean"):
        done = edgebench("devices", verb, "local")
        assert (done.returncode, "local: is this machine" in done.stderr) == (2, True)


def test_from_trust_to_clean(run: Run, board: Board, tmp_path: Path) -> None:
    distrust(tmp_path)
    wheels = make_runtimes(tmp_path / "wheels")
    refused = run("setup", "pi", "--wheels", wheels)
    assert (refused.returncode, "edgebench devices trust pi" in refused.stderr) == (6, True)
    assert run("trust", "pi", "--yes").returncode == 0
    done = run("setup", "pi", "--wheels", wheels)
    assert done.returncode == 0
    # A step that took long says how long, and nothing else is said.
    assert not [line for line in done.stderr.splitlines() if not re.fullmatch(r"[\w ,]+: [\d.]+ s", line)]
    assert f"litert {metadata.version('ai-edge-litert')}" in done.stdout
    assert "nothing had to be sent" in run("setup", "pi", "--wheels", wheels).stdout
    told = json.loads(run("status", "pi", "--json").stdout)
    assert set(told["runtimes"]) == {"litert", "onnxruntime"}
    assert "nothing for edgebench" in run("status", "pi").stdout
    assert "site" in run("clean", "pi").stdout
    assert list(board.home.rglob("*")) == []


def test_the_doctor_answers_in_one_object_too(run: Run, board: Board) -> None:
    done = run("doctor", "pi", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["exit_code"], told["device"]) == (0, 0, "pi")
    assert {"name", "state", "found", "fix"} == set(told["checks"][0])


def test_a_board_that_cannot_be_measured_on_is_exit_6(run: Run, board: Board) -> None:
    with_programs(board, uname="case $1 in -m) echo armv7l;; *) exec /usr/bin/uname $@;; esac")
    done = run("doctor", "pi")
    assert done.returncode == 6
    assert "a 32-bit system (armv7l), for which there are no runtimes" in done.stdout
    assert "install the 64-bit Raspberry Pi OS" in done.stdout
    setup = run("setup", "pi")
    assert (setup.returncode, setup.stderr.count("\n")) == (6, 1)
    board.stop()
    for verb in ("doctor", "setup", "status", "clean", "trust"):
        done = run(verb, "pi")
        assert (done.returncode, done.stderr.count("\n") <= 1) == (6, True)
        assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("nasty", NASTY)
def test_a_shell_metacharacter_is_refused_in_every_field_that_could_reach_a_shell(tmp_path: Path, nasty: str) -> None:
    from edgebench.specs.catalog import devices

    keys = ("host", "user", "key", "jump", "folder", "python")
    stated = {"ssh": dict.fromkeys(keys, f"pi{nasty}"), "board": f"Pi{nasty}", "governor": f"performance{nasty}"}
    (tmp_path / "bad.yaml").write_text(json.dumps({**stated, "runtimes": [f"litert{nasty}"], "transport": "ssh"}))
    if nasty == "\x00":
        (tmp_path / "bad.yaml").write_text((tmp_path / "bad.yaml").read_text().replace("\\u0000", "\\0"))
    found = {problem.key for problem in devices([tmp_path]).validate(["bad"])}
    braces = {"ssh.key"} if nasty == "{a,b}" else set()  # of a file's name, which no shell sees
    assert found == {*(f"ssh.{key}" for key in keys), "board", "governor", "runtimes[0]"} - braces


def test_the_names_of_devices_and_ports_are_checked_likewise(edgebench: Run, tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "pi;id.yaml").write_text("transport: ssh\n")
    (tmp_path / "devices" / "port.yaml").write_text('transport: ssh\nssh: {port: "22; id"}\n')
    done = edgebench("devices", "validate", "pi;id", "port")
    assert (done.returncode, len(done.stdout.splitlines())) == (2, 3)


def test_a_pool_is_listed_as_one(edgebench: Run, tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "shelf.yaml").write_text("pool: [a, b]\ndescription: two boards\n")
    (line,) = (line for line in edgebench("devices", "list").stdout.splitlines() if "shelf" in line)
    assert line.split() == ["shelf", "pool", "of", "a,", "b", "two", "boards"]
