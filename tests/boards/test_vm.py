"""What the virtual board is: a machine that starts anew, loses what it had not written, and hears us badly."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from boards import vm
from boards.capability import skip_unavailable
from boards.sshd import descendants
from boards.vm import Virtual

pytestmark = pytest.mark.slow


def as_pi(board: Virtual, command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    options = ["-F", "/dev/null", "-o", f"UserKnownHostsFile={board.folder}/known_hosts", "-o", "BatchMode=yes"]
    where = ["-i", str(board.key), "-p", str(board.port), f"pi@{board.host}"]
    return subprocess.run(["ssh", *options, *where, command], input=given, capture_output=True, text=True, timeout=60)


def test_it_is_a_64_bit_arm_linux_whose_user_is_nobody_special(virtual_board: Virtual) -> None:
    told = as_pi(virtual_board, "uname -m; id -u; id -g; id -G; hostname; echo $HOME; python3 -V")
    assert told.stdout.split() == ["aarch64", "1000", "1000", "1000", "raspberrypi", "/home/pi", "Python", "3.11.2"]
    assert as_pi(virtual_board, "touch /etc/x /usr/x; tc qdisc add dev eth0 root netem; kill 1").returncode != 0
    assert virtual_board.root("ls /etc/x /usr/x 2>/dev/null; tc qdisc show dev eth0 | grep -c netem || true") == "0\n"


def test_a_reboot_is_another_boot_of_the_same_system(virtual_board: Virtual) -> None:
    before, machine = virtual_board.boot_id(), virtual_board.root("cat /etc/machine-id")
    as_pi(virtual_board, "echo kept > file")  # not synced: an orderly end does that
    virtual_board.reboot()
    assert virtual_board.boot_id() not in ("", before)
    assert virtual_board.root("cat /etc/machine-id") == machine
    assert as_pi(virtual_board, "cat file").stdout == "kept\n"
    assert "recovery" not in virtual_board.root("dmesg")


def test_an_orderly_stop_leaves_a_whole_disk_and_a_start_boots_it(virtual_board: Virtual) -> None:
    as_pi(virtual_board, "echo kept > file")
    virtual_board.stop()
    assert virtual_board.process is None
    virtual_board.start()
    assert as_pi(virtual_board, "cat file").stdout == "kept\n"
    assert "recovery" not in virtual_board.root("dmesg")


def test_a_power_cut_takes_what_was_not_synced_and_nothing_else(virtual_board: Virtual) -> None:
    before = virtual_board.boot_id()
    as_pi(virtual_board, "echo kept > synced && sync synced . && echo lost > written")
    virtual_board.power_cut()
    virtual_board.start()
    assert virtual_board.boot_id() not in ("", before)
    assert as_pi(virtual_board, "cat synced written").stdout == "kept\n"


def banner_s(board: Virtual) -> float:
    """From the first packet to sshd's first words, the best of five: four ways, each after the one before."""
    times = []
    for _ in range(5):
        began = time.monotonic()
        with socket.create_connection((board.host, board.port), timeout=60) as there:
            assert there.recv(8) == b"SSH-2.0-"
        times.append(time.monotonic() - began)
    return min(times)


def test_a_delay_holds_each_way_until_the_link_is_good_again(virtual_board: Virtual) -> None:
    before_s = banner_s(virtual_board)
    virtual_board.poor_link(delay_ms=200)
    poor_s = banner_s(virtual_board)
    virtual_board.good_link()
    assert poor_s >= 0.8
    assert max(before_s, banner_s(virtual_board)) < poor_s - 0.4


def test_a_loss_is_one_of_each_way(virtual_board: Virtual) -> None:
    virtual_board.poor_link(loss_percent=20)
    banner_s(virtual_board)
    for device in ("eth0", "ifb0"):
        told = virtual_board.root(f"tc -s qdisc show dev {device} parent 1:2")
        assert int(told.partition("dropped ")[2].split(",")[0]) > 0, told


def test_a_rate_limits_what_comes_in(virtual_board: Virtual) -> None:
    virtual_board.poor_link(rate_mbit=4)
    began = time.monotonic()
    there = as_pi(virtual_board, "wc -c", "x" * 1_000_000)
    assert there.stdout == "1000000\n"
    assert time.monotonic() - began >= 2


PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from boards.vm import virtual
with virtual(Path(sys.argv[1])):
    pass
"""


def test_it_goes_with_the_process_that_started_it_and_leaves_no_disk(tmp_path: Path) -> None:
    with skip_unavailable():
        vm.require()
    tests = Path(__file__).parents[1]
    process = subprocess.Popen([sys.executable, "-c", PROCESS, tmp_path / "board", tests])
    deadline = time.monotonic() + 60
    while not (emulators := [pid for pid in descendants(process.pid) if b"qemu-system-aarch64" in command_of(pid)]):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    while any(command_of(pid) for pid in emulators):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 20e6


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
