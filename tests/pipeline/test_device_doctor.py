"""How far `devices doctor` gets with a board that is not as it should be; the way there is a real sshd."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from boards.shims import with_programs, write_device
from boards.sshd import Board, make_key

from edgebench.errors import DeviceError
from edgebench.pipeline.boards.checks import Check
from edgebench.pipeline.device_doctor import checks, clean, status
from edgebench.pipeline.jobs.blocks import asked
from edgebench.pipeline.workspace import Workspace
from edgebench.progress import Silent

Examine = Callable[[], dict[str, Check]]
ALL = {"reach", "host key", "log-in", "system", "Python", "C library", "clock", "board", "disk", "memory", "governor"}
ALL |= {"temperature", "load", "lease", "litert", "onnxruntime"}


@pytest.fixture
def workspace(board: Board, tmp_path: Path) -> Workspace:
    write_device(board, tmp_path / "devices")
    return Workspace.open(home=tmp_path / "store", device_dirs=[tmp_path / "devices"])


@pytest.fixture
def examine(workspace: Workspace) -> Examine:
    return lambda: {check.name: check for check in checks(workspace, "pi")}


def failed(found: dict[str, Check]) -> list[str]:
    return [name for name, check in found.items() if check.state == "fail"]


def test_a_board_that_answers_is_examined_whole(examine: Examine) -> None:
    found = examine()
    assert set(found) >= ALL
    assert failed(found) == []
    assert found["litert"].fix == "edgebench devices setup pi"


def test_this_machine_is_examined_likewise(tmp_path: Path) -> None:
    found = {check.name: check for check in checks(Workspace.open(home=tmp_path), "local")}
    assert failed(found) == []
    assert found["litert"].state == found["onnxruntime"].state == "ok"
    assert "reach" not in found


def test_a_board_that_is_off_is_one_line(examine: Examine, board: Board) -> None:
    board.stop()
    (check,) = examine().values()
    assert (check.name, check.state) == ("reach", "fail")
    assert "connection refused" in check.found
    assert "switched on" in check.fix


def test_a_proxy_command_that_is_missing_is_one_line(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "user" / ".ssh").mkdir()
    (tmp_path / "user" / ".ssh" / "config").write_text("Host *\n  ProxyCommand no-such-program %h %p\n")
    (check,) = examine().values()
    assert (check.name, check.state, check.fix) == ("reach", "fail", "check ProxyCommand in ~/.ssh/config")
    assert "no-such-program: not found" in check.found


def test_an_unknown_key_is_the_last_line(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "user" / ".config" / "edgebench" / "known_hosts").unlink()
    found = examine()
    assert list(found) == ["reach", "host key"]
    assert found["host key"].found.startswith("is not trusted yet: ssh-ed25519 SHA256:")
    assert found["host key"].fix == "edgebench devices trust pi"


def test_a_changed_key_shows_both(examine: Examine, board: Board) -> None:
    board.stop()
    board.new_host_key()
    board.start()
    found = examine()
    assert failed(found) == ["host key"]
    assert found["host key"].found.count("SHA256:") == 2
    assert "log-in" not in found


def test_a_wrong_key_of_ours_is_the_log_in_that_fails(examine: Examine, board: Board, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    (tmp_path / "devices" / "pi.yaml").write_text(
        (tmp_path / "devices" / "pi.yaml").read_text().replace(str(board.key), str(tmp_path / "other"))
    )
    found = examine()
    assert list(found)[-1] == "log-in"
    assert "ssh-copy-id" in found["log-in"].fix


def test_a_clock_a_year_behind_fails_and_nothing_else_does(examine: Examine, board: Board) -> None:
    with_programs(board, date="echo $(($(/usr/bin/date +%s) - 31536000))")
    found = examine()
    assert failed(found) == ["clock"]
    assert found["clock"].found.startswith("365 days behind")


def test_a_board_without_python_is_examined_as_far_as_a_shell_goes(examine: Examine, board: Board) -> None:
    with_programs(board, python3="exit 127")
    found = examine()
    assert failed(found) == ["Python"]
    assert "disk" not in found
    assert "with `ssh.python`" in found["Python"].fix


def test_a_run_says_that_the_clock_of_its_board_is_wrong(workspace: Workspace, board: Board, tmp_path: Path) -> None:
    notes: list[str] = []

    class Listener(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    (tmp_path / "late").mkdir()
    late = "import time\nreal = time.time\ntime.time = lambda: real() - 31536000\n"
    (tmp_path / "late" / "sitecustomize.py").write_text(late)
    with_programs(board, python3=f'PYTHONPATH={tmp_path}/late exec {sys.executable} "$@"')
    asked(replace(workspace, progress=Listener()), workspace.device("pi"))
    (note,) = notes
    assert note.startswith("pi: its clock is 365 days behind, and so are the times of its blocks")


@pytest.mark.parametrize(
    ("python3", "why"), [("echo 'not found' >&2; exit 127", "no Python"), ("echo '3.7.3 64 CPython'", "too old")]
)
def test_a_run_on_a_board_without_a_python_for_it_says_so_and_leaves_nothing(
    workspace: Workspace, board: Board, python3: str, why: str
) -> None:
    with_programs(board, python3=python3)
    with pytest.raises(DeviceError, match=rf"{why}.*`ssh.python`"):
        asked(workspace, workspace.device("pi"))
    assert list(board.home.iterdir()) == []


def test_throttle_bits_of_the_firmware_are_told(examine: Examine, board: Board) -> None:
    with_programs(board, vcgencmd="echo throttled=0x50005")
    found = examine()
    assert (found["throttling"].state, found["throttling"].found) == ("warn", "now: throttled")
    assert (found["power"].state, found["power"].found) == ("fail", "under-voltage now")


def test_a_firmware_that_hangs_does_not_hold_us_up(examine: Examine, board: Board) -> None:
    with_programs(board, vcgencmd="exec sleep 60")
    found = examine()
    assert failed(found) == []
    assert "litert" in found


def test_a_shell_that_says_more_than_asked_is_understood(examine: Examine, board: Board) -> None:
    (board.home / ".bashrc").write_text("echo welcome=to the board\n")
    assert failed(examine()) == []


def test_the_folder_is_ours_alone(examine: Examine, board: Board) -> None:
    examine()
    assert (board.home / ".edgebench").stat().st_mode & 0o077 == 0


def test_what_is_kept_there_is_told(workspace: Workspace, board: Board) -> None:
    (board.home / ".edgebench" / "0123456789abcdef").mkdir(parents=True)
    found = status(workspace, "pi")
    assert found["jobs"] == ["0123456789abcdef"]
    assert found["busy"] is None
    assert found["used_bytes"] > 0
    assert found["uptime_s"] > 0


def test_cleaning_a_board_that_never_was_used_leaves_it_so(workspace: Workspace, board: Board) -> None:
    clean(workspace, "pi")
    assert list(board.home.iterdir()) == []


def test_a_store_there_is_not_cleaned_away(workspace: Workspace, board: Board) -> None:
    (board.home / ".edgebench").mkdir()
    (board.home / ".edgebench" / "results.db").touch()
    with pytest.raises(DeviceError, match=r"keeps its results in \.edgebench .*`ssh\.folder`"):
        clean(workspace, "pi", force=True)
    assert (board.home / ".edgebench" / "results.db").exists()
