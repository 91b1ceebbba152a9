"""Runtimes on a real board behind a real sshd; the wheels are tiny, except in the slow test."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from boards.aarch64 import Emulated
from boards.shims import NO_PYTHON, with_programs, write_device
from boards.sshd import Board
from boards.wheels import make_runtimes, make_wheel

from edgebench.errors import DeviceError, EdgebenchError, LinkLost
from edgebench.pipeline.device_doctor import checks, clean, status
from edgebench.pipeline.device_setup import SetUp, set_up
from edgebench.pipeline.workspace import Workspace
from edgebench.transports import ask_agent, connect

HOST = {"litert": metadata.version("ai-edge-litert"), "onnxruntime": metadata.version("onnxruntime")}


@pytest.fixture
def workspace(board: Board, tmp_path: Path) -> Workspace:
    write_device(board, tmp_path / "devices")
    return Workspace.open(home=tmp_path / "store", device_dirs=[tmp_path / "devices"])


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return make_runtimes(tmp_path / "wheels")


def test_a_board_gets_this_machines_runtimes(workspace: Workspace, board: Board, wheels: Path) -> None:
    done = set_up(workspace, "pi", wheels=wheels)
    assert done.runtimes == HOST
    assert done.sent_bytes == sum(wheel.stat().st_size for wheel in wheels.iterdir())
    assert done.notes == ()
    assert (board.home / ".edgebench" / "site" / "onnxruntime").is_dir()
    assert status(workspace, "pi")["runtimes"] == HOST
    assert {check.state for check in checks(workspace, "pi") if check.name in HOST} == {"ok"}


def test_the_second_time_nothing_is_sent(workspace: Workspace, wheels: Path) -> None:
    set_up(workspace, "pi", wheels=wheels)
    assert set_up(workspace, "pi", wheels=wheels).sent_bytes == 0


def test_a_clock_that_is_wrong_is_said(workspace: Workspace, board: Board, wheels: Path) -> None:
    with_programs(board, date="echo $(($(/usr/bin/date +%s) - 31536000))")
    assert set_up(workspace, "pi", wheels=wheels).notes == (
        "its clock is 365 days behind: sudo timedatectl set-ntp true, and give it a network",
    )


def test_what_is_not_as_here_is_said(workspace: Workspace, board: Board, tmp_path: Path) -> None:
    write_device(board, tmp_path / "devices", runtimes="[litert, coreml]")
    done = set_up(workspace, "pi", wheels=make_runtimes(tmp_path / "old", ai_edge_litert="1.0"))
    assert done.runtimes == {"litert": "1.0"}
    assert done.notes[0].startswith("ai-edge-litert 1.0 instead of")
    assert "coreml is left out" in done.notes[1]
    (found,) = (check for check in checks(workspace, "pi") if check.name == "litert")
    assert (found.state, found.fix) == ("warn", "edgebench devices setup pi")


def test_wheels_that_do_not_load_leave_the_old_ones_in_use(workspace: Workspace, wheels: Path, tmp_path: Path) -> None:
    set_up(workspace, "pi", wheels=wheels)
    bad = make_runtimes(tmp_path / "bad")
    make_wheel(bad, "onnxruntime", HOST["onnxruntime"], files={"onnxruntime/__init__.py": "import gone"})
    with pytest.raises(DeviceError, match=r"do not load there: .*No module named 'gone'.*nothing was changed"):
        set_up(workspace, "pi", wheels=bad)
    assert status(workspace, "pi")["runtimes"] == HOST


REFUSED = {
    "a 32-bit system": {"uname": 'case $1 in -m) echo armv7l;; *) exec /usr/bin/uname "$@";; esac'},
    "no Python": {"python3": NO_PYTHON},
    "3.7.3 is too old": {"python3": "echo 3.7.3 64 CPython"},
    "32-bit programs": {"python3": "echo 3.11.2 32 CPython"},
    "its Python is PyPy": {"python3": "echo 3.11.2 64 PyPy"},
    "C library is not glibc": {"getconf": "exit 1"},
}


@pytest.mark.parametrize("problem", REFUSED)
def test_a_board_that_cannot_be_set_up_is_refused_in_one_line_and_nothing_is_left_there(
    workspace: Workspace, board: Board, wheels: Path, tmp_path: Path, problem: str
) -> None:
    with_programs(board, **REFUSED[problem])
    with pytest.raises(DeviceError, match=problem) as told:
        set_up(workspace, "pi", wheels=wheels)
    assert "\n" not in str(told.value)
    assert told.value.fix
    assert list(board.home.iterdir()) == []
    assert "fail" in {check.state for check in checks(workspace, "pi")}


def test_another_board_than_the_spec_says_is_refused_before_anything_is_sent(
    workspace: Workspace, board: Board, wheels: Path, tmp_path: Path
) -> None:
    write_device(board, tmp_path / "devices", board="Raspberry Pi 4")
    with pytest.raises(DeviceError, match="its spec says it is a 'Raspberry Pi 4'"):
        set_up(workspace, "pi", wheels=wheels)
    assert not (board.home / ".edgebench" / "blobs").exists()


def test_a_file_in_the_place_of_the_folder_is_named(workspace: Workspace, board: Board, wheels: Path) -> None:
    (board.home / ".edgebench").touch()
    with pytest.raises(EdgebenchError, match="making its folder"):
        set_up(workspace, "pi", wheels=wheels)
    assert [check.name for check in checks(workspace, "pi") if check.state == "fail"] == ["work there"]


def test_too_little_space_is_told_before_anything_is_sent(
    workspace: Workspace, board: Board, wheels: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a disk of one's own needs root")
    try:
        (board.home / ".edgebench").symlink_to(disk)
        with pytest.raises(DeviceError, match=r"too little space: \S+ MB are needed, \S+ MB are free"):
            set_up(workspace, "pi", wheels=wheels)
        assert not (disk / "blobs").exists()
        (disk_check,) = (check for check in checks(workspace, "pi") if check.name == "disk")
        assert disk_check.state == "fail"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_board_in_use_is_left_alone(workspace: Workspace, board: Board, wheels: Path) -> None:
    import fcntl

    set_up(workspace, "pi", wheels=wheels)
    with (board.home / ".edgebench" / "lease.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (board.home / ".edgebench" / "lease.json").write_text('{"job": "j", "holder": "ann@desk"}')
        with pytest.raises(DeviceError, match="is in use: job j of ann@desk"):
            set_up(workspace, "pi", wheels=wheels)
        with pytest.raises(DeviceError, match=r"is in use: job j of ann@desk .*--force"):
            clean(workspace, "pi")
        (lease,) = (check for check in checks(workspace, "pi") if check.name == "lease")
        assert (lease.state, lease.found) == ("warn", "job j of ann@desk")


def test_a_power_cut_while_sending_costs_nothing_but_time(
    workspace: Workspace, board: Board, wheels: Path, tmp_path: Path
) -> None:
    old = set_up(workspace, "pi", wheels=wheels)
    new = make_runtimes(tmp_path / "new", ai_edge_litert="0.9")
    make_wheel(new, "numpy", metadata.version("numpy"), files={"numpy/ballast": os.urandom(60_000_000)})

    def cut() -> None:
        blobs = board.home / ".edgebench" / "blobs"
        while not any(path.stat().st_size > 1_000_000 for path in blobs.glob("*.part")):
            time.sleep(0.002)
        board.stop()

    threading.Thread(target=cut, daemon=True).start()
    with pytest.raises(LinkLost, match="run the same command again"):
        set_up(workspace, "pi", wheels=new)
    board.start()
    assert status(workspace, "pi")["runtimes"] == old.runtimes
    assert set_up(workspace, "pi", wheels=new).runtimes["litert"] == "0.9"


SET_UP = """
import sys
from pathlib import Path
from edgebench.pipeline.device_setup import set_up
from edgebench.pipeline.workspace import Workspace
store, devices, wheels = map(Path, sys.argv[1:])
set_up(Workspace.open(home=store, device_dirs=[devices]), "pi", wheels=wheels)
"""


@pytest.mark.parametrize("where", ["blobs/*.part", "sites/*.part/*", "site.part", "sites/*/edgebench-site.json"])
def test_a_killed_set_up_leaves_the_old_one_or_the_new(
    workspace: Workspace, board: Board, wheels: Path, tmp_path: Path, where: str
) -> None:
    """The host's process and the board's sessions end when a file of that name is there."""
    set_up(workspace, "pi", wheels=wheels)
    new = make_runtimes(tmp_path / "new", ai_edge_litert="0.9")
    files: dict[str, str | bytes] = {f"numpy/many/{name}": b"" for name in range(3000)}
    make_wheel(new, "numpy", metadata.version("numpy"), files=files)
    argv = [sys.executable, "-c", SET_UP, str(workspace.store.home), str(tmp_path / "devices"), str(new)]
    ours = board.home / ".edgebench"
    before = set(ours.glob(where))
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as host:
        while host.poll() is None and not set(ours.glob(where)) - before:
            time.sleep(0.002)
        host.kill()
        board.stop()
    board.start()
    there = status(workspace, "pi")["runtimes"]
    assert there["onnxruntime"] == HOST["onnxruntime"]
    assert there["litert"] in (HOST["litert"], "0.9")
    assert set_up(workspace, "pi", wheels=new).runtimes["litert"] == "0.9"
    assert [path.name for path in (ours / "sites").iterdir() if path.suffix] == []


def test_cleaning_leaves_the_home_folder_as_it_was(workspace: Workspace, board: Board, wheels: Path) -> None:
    (board.home / "mine").touch()
    set_up(workspace, "pi", wheels=wheels)
    done = clean(workspace, "pi")
    assert done.left == ()
    assert {"blobs", "site", "sites"} <= set(done.removed)
    assert list(board.home.rglob("*")) == [board.home / "mine"]


def make_onnx(path: Path) -> Path:
    """Its answer is its input."""
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 2, 1]) for name in ("image", "answer")]
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["answer"])], "same", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def make_images(path: Path) -> Path:
    np.save(path, np.zeros((2, 2, 2, 1), np.uint8))
    return path


@pytest.mark.slow
def test_real_runtimes_of_the_package_index_run_there_and_leave_nothing_in_the_home_folder(
    workspace: Workspace, board: Board, tmp_path: Path
) -> None:
    done: SetUp = set_up(workspace, "pi")
    assert set(done.runtimes) == set(HOST)
    there = connect(workspace.device("pi"), tmp_path, "0123456789abcdef")
    for file in (make_onnx(tmp_path / "net.onnx"), make_images(tmp_path / "images.npy")):
        there.put(file, f"models/{file.name}")
    task = {"task": "predict", "runtime": "onnxruntime", "model": "models/net.onnx", "threads": 1, "output": "out.npz"}
    images = {"images": "models/images.npy", "start": 0, "stop": 2}
    affine = {"layout": "nhwc", "scale": [1.0], "offset": [0.0]}
    answer = ask_agent(there, {**task, **images, "affine": affine})
    assert answer["runtime_version"] == done.runtimes["onnxruntime"]
    clean(workspace, "pi")
    assert list(board.home.rglob("*")) == []


@pytest.mark.slow
def test_a_pi_gets_the_runtimes_of_its_own_processor(
    aarch64_board: Emulated, aarch64_wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "edgebench").mkdir(parents=True)
    (tmp_path / "config" / "edgebench" / "known_hosts").write_text(aarch64_board.host_key)
    write_device(aarch64_board, tmp_path / "devices", board="Raspberry Pi 4")
    workspace = Workspace.open(home=tmp_path / "store", device_dirs=[tmp_path / "devices"])
    before = set(aarch64_board.home.rglob("*"))
    assert set_up(workspace, "pi", wheels=aarch64_wheels).runtimes == HOST
    found = {check.name: check for check in checks(workspace, "pi")}
    assert found["board"].found == "Raspberry Pi 4 Model B Rev 1.4, 4 cores"
    assert found["litert"].state == found["onnxruntime"].state == "ok"
    assert "fail" not in {check.state for check in found.values()}
    clean(workspace, "pi")
    assert set(aarch64_board.home.rglob("*")) == before
