from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from boards import aarch64, cache, debian, wheelhouse
from boards.aarch64 import Emulated
from boards.capability import Unavailable, skip_unavailable
from boards.proxy import Proxy
from boards.raspberry_pi import RaspberryPi
from boards.sshd import Board, answers, descendants

GOVERNOR = "/sys/devices/system/cpu/cpu3/cpufreq/scaling_governor"
Start = Callable[..., Emulated]


def ssh(board: Board, command: str, *, port: int | None = None) -> subprocess.CompletedProcess[str]:
    known_hosts = board.folder / "known_hosts"
    known_hosts.write_text(board.host_key.replace(f":{board.port} ", f":{port or board.port} "))
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": known_hosts,
    }
    return subprocess.run(
        ["ssh", "-F", "none", "-i", str(board.key), "-p", str(port or board.port)]
        + [f"-o{name}={value}" for name, value in options.items()]
        + [f"{board.user}@{board.host}", command],
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(board: Board, command: str) -> str:
    done = ssh(board, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def leave(command: str) -> str:
    """Starts a program that outlives the session; its number is then `$!`."""
    return f"{{ setsid {command} > /dev/null 2>&1 < /dev/null & }}"


def test_the_board_is_aarch64_with_the_processor_of_a_pi_4(aarch64_board: Emulated) -> None:
    assert answers(aarch64_board.host, aarch64_board.port)
    assert said(aarch64_board, "uname -m") == "aarch64"
    about = said(aarch64_board, "cat /proc/cpuinfo")
    assert "CPU implementer\t: 0x41" in about  # Arm
    assert "CPU part\t: 0xd08" in about  # Cortex-A72
    assert "asimddp" not in about  # no int8 dot product


def test_its_python_is_the_one_of_the_suite_and_complete(aarch64_board: Emulated) -> None:
    program = (
        "import ctypes, json, platform, sqlite3, ssl, sys, zipfile; print(platform.machine(), sys.version_info[:2])"
    )
    assert said(aarch64_board, f"python3 -c '{program}'") == "aarch64 (3, 11)"


def test_a_program_can_start_its_own_interpreter_again(aarch64_board: Emulated) -> None:
    program = (
        'import subprocess, sys; subprocess.run([sys.executable, "-c", "import platform; print(platform.machine())"])'
    )
    assert said(aarch64_board, f"python3 -c '{program}'") == "aarch64"


def test_its_user_owns_the_home_folder_and_no_system_file(aarch64_board: Emulated) -> None:
    assert said(aarch64_board, "id -un; id -u; pwd").split() == ["pi", "1000", "/home/pi"]
    assert "Read-only file system" in ssh(aarch64_board, "touch /usr/bin/intruder").stderr
    said(aarch64_board, "echo hello > ~/note")
    assert (aarch64_board.home / "note").read_text() == "hello\n"
    (aarch64_board.home / "note").unlink()


def test_permissions_hold_although_the_tests_may_run_as_root(aarch64_board: Emulated) -> None:
    refused = ssh(aarch64_board, "mkdir locked; chmod 555 locked; touch locked/file; rmdir locked")
    assert "Permission denied" in refused.stderr


def test_it_sees_its_own_processes_only(aarch64_board: Emulated) -> None:
    listed = said(aarch64_board, "ps -e -o args=").splitlines()
    assert "/usr/sbin/sshd -D -e" in listed[0]
    assert len(listed) < 30
    assert not any("pytest" in line for line in listed)


def test_files_go_there_and_back_by_sftp(aarch64_board: Emulated, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(os.urandom(1 << 20))
    (tmp_path / "known_hosts").write_text(aarch64_board.host_key)
    subprocess.run(
        [
            *("sftp", "-F", "none", "-q", "-b", "-", "-i", str(aarch64_board.key), "-P", str(aarch64_board.port)),
            *("-oIdentitiesOnly=yes", f"-oUserKnownHostsFile={tmp_path}/known_hosts"),
            f"{aarch64_board.user}@{aarch64_board.host}",
        ],
        input=f"put {there} sent\nget sent {back}\nrm sent\n",
        text=True,
        capture_output=True,
        check=True,
    )
    assert back.read_bytes() == there.read_bytes()


def test_the_proxy_stands_between(aarch64_board: Emulated) -> None:
    with Proxy(aarch64_board.port) as proxy:
        assert ssh(aarch64_board, "echo through", port=proxy.port).stdout == "through\n"
        assert proxy.passed["up"] > 1000
        proxy.after(200, "down", "cut")
        assert ssh(aarch64_board, "echo through", port=proxy.port).returncode == 255


def test_it_tells_what_a_raspberry_pi_tells(aarch64_board: Emulated, raspberry_pi: RaspberryPi) -> None:
    asked = f"vcgencmd get_throttled; vcgencmd measure_temp; vcgencmd measure_clock arm; cat {GOVERNOR}"
    at_rest = ["throttled=0x0", "temp=45.0'C", "frequency(48)=1800000000", "ondemand"]
    assert said(aarch64_board, asked).split() == at_rest
    raspberry_pi.heat(85.6)
    raspberry_pi.throttle(0x50005)
    raspberry_pi.clock(600_000)
    hot = ["throttled=0x50005", "temp=85.6'C", "frequency(48)=600000000", "ondemand"]
    assert said(aarch64_board, asked).split() == hot
    sensors = "cat /sys/class/thermal/thermal_zone0/temp /sys/class/hwmon/hwmon1/in0_lcrit_alarm"
    assert said(aarch64_board, sensors).split() == ["85600", "1"]
    raspberry_pi.rest()
    assert said(aarch64_board, asked).split() == at_rest


def test_it_has_the_name_and_the_four_cores_of_a_pi_4(aarch64_board: Emulated) -> None:
    asked = "hostname; python3 -c 'import os; print(os.cpu_count())'; cat /sys/firmware/devicetree/base/model"
    named = said(aarch64_board, asked).strip("\0\n").splitlines()
    assert named == ["raspberrypi", "4", "Raspberry Pi 4 Model B Rev 1.4"]


def test_its_governor_can_be_set_only_where_that_is_allowed(aarch64_board: Emulated, raspberry_pi: RaspberryPi) -> None:
    assert "Permission denied" in ssh(aarch64_board, f"echo performance > {GOVERNOR}").stderr
    raspberry_pi.let_set_governor(True)
    said(aarch64_board, f"echo performance > {GOVERNOR}")
    assert raspberry_pi.governor == "performance"
    raspberry_pi.set_governor("powersave")
    assert said(aarch64_board, f"cat {GOVERNOR}") == "powersave"


def test_its_firmware_can_hang(aarch64_board: Emulated, raspberry_pi: RaspberryPi) -> None:
    raspberry_pi.hang_firmware()
    assert ssh(aarch64_board, "timeout 0.5 vcgencmd get_throttled").returncode == 124
    raspberry_pi.hang_firmware(False)
    assert said(aarch64_board, "vcgencmd get_throttled") == "throttled=0x0"


def test_without_the_disguise_it_shows_this_machine(new_aarch64_board: Start) -> None:
    board = new_aarch64_board(raspberry_pi=False)
    online = "/sys/devices/system/cpu/online"
    assert said(board, f"cat {online}") == Path(online).read_text().strip()
    assert "not found" in ssh(board, "vcgencmd measure_temp").stderr


def test_a_command_can_be_put_before_the_real_one(new_aarch64_board: Start) -> None:
    board = new_aarch64_board(COLOUR="a 'b' $c")
    (board.commands / "uname").write_text("#!/bin/sh\necho armv7l\n")
    (board.commands / "uname").chmod(0o755)
    assert said(board, 'uname -m; echo "$COLOUR"').splitlines() == ["armv7l", "a 'b' $c"]


def test_a_small_disk_fills_up(new_aarch64_board: Start) -> None:
    board = new_aarch64_board(disk_mib=4)
    assert "No space left" in ssh(board, "head -c 5000000 /dev/zero > big").stderr
    assert (board.home / "big").stat().st_size == 4 << 20
    said(board, "rm big; echo fits > small")
    assert (board.home / "small").read_text() == "fits\n"


def test_a_power_cut_ends_every_process_and_a_boot_changes_the_boot_id(new_aarch64_board: Start) -> None:
    board = new_aarch64_board()
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    number = said(board, f"echo kept > ~/kept; touch /tmp/gone; {leave('sleep 600')}; echo $!")
    before = said(board, f"{boot_id}; kill -0 {number}")
    board.stop()
    assert not answers(board.host, board.port)
    board.start()
    after = said(board, f"{boot_id}; ls ~ /tmp; ps -e -o args= | grep -c '[s]leep 600' || true")
    assert before not in after
    assert after.split()[1:] == ["/home/pi:", "kept", "/tmp:", "0"]


def test_a_program_left_alone_is_reaped_when_it_ends(aarch64_board: Emulated) -> None:
    number = said(aarch64_board, f"{leave('sleep 2')}; kill -0 $! && echo $!")
    time.sleep(2)
    assert "No such process" in ssh(aarch64_board, f"kill -0 {number}").stderr


def test_two_boards_share_nothing(new_aarch64_board: Start) -> None:
    one, other = new_aarch64_board(name="one"), new_aarch64_board(name="other")
    said(one, "touch ~/mine /tmp/mine /dev/shm/mine")
    assert said(other, "hostname; ls ~ /tmp /dev/shm").split() == ["other", "/dev/shm:", "/home/pi:", "/tmp:"]
    assert said(one, "cat /etc/machine-id") != said(other, "cat /etc/machine-id")
    assert one.host_key != other.host_key


def test_killing_its_process_leaves_neither_processes_nor_mounts(new_aarch64_board: Start) -> None:
    before = Path("/proc/self/mounts").read_text()
    board = new_aarch64_board()
    assert board.process
    inside = descendants(board.process.pid)
    assert len(inside) >= 2
    os.kill(board.process.pid, signal.SIGKILL)
    board.process.wait()
    wait_until_gone(inside)
    assert Path("/proc/self/mounts").read_text() == before
    assert not answers(board.host, board.port)


def test_the_board_goes_when_the_process_that_started_it_is_killed(aarch64_board: Emulated, tmp_path: Path) -> None:
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from boards import aarch64\n"
        "with aarch64.emulated(Path(sys.argv[2])) as board:\n    print(board.process.pid, flush=True); time.sleep(60)"
    )
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tests), str(tmp_path / "board")], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout
        inside = descendants(int(starter.stdout.readline()))
        starter.kill()
    wait_until_gone(inside)


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_machine_that_lacks_a_tool_is_told_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no setpriv, unshare, ssh-keygen, hostname"):
        aarch64.require.__wrapped__()


def test_a_machine_without_packages_to_build_from_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "ROOT", tmp_path)
    monkeypatch.setenv("EDGEBENCH_DEBIAN_MIRROR", f"file://{tmp_path}/nowhere")
    for part in (debian.tree, debian.emulator):
        with pytest.raises(Unavailable, match=r"apt-get.*nowhere|no apt-get"):
            part()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Unavailable, match="no-such-wheel"):
        wheelhouse.wheelhouse(runtimes=("no-such-wheel==1",))
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_what_is_missing_is_a_skip_and_in_ci_a_failure(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no emulator"), skip_unavailable():
        raise Unavailable("no emulator")


@pytest.mark.slow
def test_the_newer_suite_brings_the_newer_python(new_aarch64_board: Start) -> None:
    board = new_aarch64_board(suite="trixie", processor="cortex-a76")
    assert said(board, "python3 -c 'import platform, sys; print(platform.machine(), sys.version_info[:2])'") == (
        "aarch64 (3, 13)"
    )
    assert "CPU part\t: 0xd0b" in said(board, "cat /proc/cpuinfo")


@pytest.mark.slow
def test_both_runtimes_load_there_and_take_the_path_of_a_real_board(
    new_aarch64_board: Start, aarch64_wheels: Path, real: Path
) -> None:
    board = new_aarch64_board()
    for wheel in aarch64_wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(board.home / "site")
    shutil.copy(real / "models/mlperf_tiny_vww_96_float.tflite", board.home / "model.tflite")
    (board.home / "load.py").write_text(
        "import onnxruntime; from ai_edge_litert.interpreter import Interpreter\n"
        "Interpreter('model.tflite', num_threads=1).allocate_tensors()\n"
        "print(onnxruntime.__version__)\n"
    )
    done = ssh(board, "PYTHONPATH=site python3 load.py")
    assert done.stdout == "1.31.1\n"
    # Without a sysfs that it understands it is silently absent, and int8 outputs are others.
    assert "Created TensorFlow Lite XNNPACK delegate" in done.stderr
