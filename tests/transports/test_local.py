from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebench.errors import DeviceError, StoreError
from edgebench.transports.local import LocalTransport, agent_environment


@pytest.fixture
def here(tmp_path):
    return LocalTransport("here", tmp_path / "work")


@pytest.fixture
def file(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"weights")
    return tmp_path / "model.bin"


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_file_goes_there_and_comes_back(here, file, tmp_path):
    here.put(file, "models/m.bin")
    here.get("models/m.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == b"weights"


def test_putting_twice_is_no_work_and_putting_another_replaces_it(here, file, tmp_path):
    here.put(file, "m.bin")
    here.put(file, "m.bin")
    (tmp_path / "other.bin").write_bytes(b"other")
    here.put(tmp_path / "other.bin", "m.bin")
    assert (Path(here.folder) / "m.bin").read_bytes() == b"other"
    assert file.read_bytes() == b"weights"
    assert [path.name for path in Path(here.folder).iterdir()] == ["m.bin"]


def test_a_package_directory_goes_as_a_whole(here, tmp_path):
    package = tmp_path / "net.mlpackage"
    (package / "Data").mkdir(parents=True)
    (package / "Data" / "weights.bin").write_bytes(b"w")
    here.put(package, "net.mlpackage")
    here.put(package, "net.mlpackage")
    assert (Path(here.folder) / "net.mlpackage" / "Data" / "weights.bin").read_bytes() == b"w"


def test_what_comes_back_is_a_copy(here, tmp_path):
    """The journal goes on growing there."""
    (Path(here.folder) / "journal").write_text("one\n")
    here.get("journal", tmp_path / "journal")
    with (Path(here.folder) / "journal").open("a") as journal:
        journal.write("two\n")
    assert (tmp_path / "journal").read_text() == "one\n"


def test_a_missing_file_is_a_device_error(here, tmp_path):
    with pytest.raises(DeviceError, match=r"none\.npz"):
        here.get("none.npz", tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "a/../../b"])
def test_paths_stay_inside_the_work_folder(here, file, path):
    with pytest.raises(DeviceError, match="inside the work folder"):
        here.put(file, path)


def test_a_folder_that_cannot_be_made_is_a_device_error(file):
    with pytest.raises(DeviceError, match=r"here: .*"):
        LocalTransport("here", file / "work")


def test_a_command_runs_in_the_folder_and_its_end_is_told(here):
    finished = here.run(["sh", "-c", "pwd; echo oops >&2; exit 3"])
    assert finished.stdout.strip() == os.path.realpath(here.folder)
    assert finished.stderr == "oops\n"
    assert finished.returncode == 3


def test_lines_come_as_they_are_written(here):
    times = []
    here.run(["sh", "-c", "echo a; sleep 0.3; echo b"], on_line=lambda _: times.append(time.monotonic()))
    assert times[1] - times[0] > 0.2


def test_stdin_stays_open_after_what_was_said(here):
    script = "read line; echo $line; read -t 0.3 more; echo $?"
    assert here.run(["bash", "-c", script], stdin="hello\n").stdout.split()[0] == "hello"
    assert int(here.run(["bash", "-c", script], stdin="hello\n").stdout.split()[1]) > 128, "timed out, not ended"


def test_a_command_that_is_not_there_is_a_device_error(here):
    with pytest.raises(DeviceError, match="no-such-program"):
        here.run(["no-such-program"])


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(here):
    began = time.monotonic()
    with pytest.raises(DeviceError, match=r"no answer within 0\.3 s"):
        here.run(["sh", "-c", "sleep 60 & echo $! > pid; wait"], timeout_s=0.3)
    assert time.monotonic() - began < 5
    assert gone(int((Path(here.folder) / "pid").read_text()))


HOST = """
import sys
from pathlib import Path
from edgebench.transports.local import LocalTransport
here = LocalTransport("here", Path(sys.argv[1]))
here.run(["sh", "-c", sys.argv[2]], on_line=lambda line: print(line, flush=True))
"""


@pytest.fixture
def start_host(tmp_path):
    """A process of its own that runs a command; the command's first line is a process id."""
    hosts = []

    def start(command: str) -> tuple[subprocess.Popen[str], int]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        hosts.append(subprocess.Popen([sys.executable, "-c", HOST, tmp_path, command], **pipes))
        return hosts[-1], int(hosts[-1].stdout.readline())

    yield start
    for host in hosts:
        host.kill()
        host.communicate()


def test_an_interrupted_host_leaves_nothing_running(start_host):
    host, pid = start_host("sleep 60 & echo $!; wait")
    host.send_signal(signal.SIGINT)
    assert host.wait(timeout=2) != 0
    assert gone(pid)


def test_a_killed_host_ends_what_reads_its_stdin(start_host):
    host, pid = start_host("echo $$; read line")
    host.kill()
    assert gone(pid)


def test_a_failing_listener_leaves_nothing_running(here):
    def fail(line: str) -> None:
        raise RuntimeError(line)

    with pytest.raises(RuntimeError) as raised:
        here.run(["sh", "-c", "echo $$; exec sleep 60"], on_line=fail)
    assert gone(int(str(raised.value)))


def test_the_agent_sees_nobodys_thread_counts():
    seen = agent_environment({"OMP_NUM_THREADS": "7", "TF_ENABLE_ONEDNN_OPTS": "1", "HOME": "/h"})
    assert seen == {"HOME": "/h", "TF_CPP_MIN_LOG_LEVEL": "3"}


def test_stop_ends_what_runs_from_another_thread(tmp_path: Path) -> None:
    import threading
    import time

    transport = LocalTransport("local", tmp_path)
    found: list[int] = []
    sleeper = [transport.python, "-c", "import time; time.sleep(60)"]
    thread = threading.Thread(target=lambda: found.append(transport.run(sleeper).returncode))
    thread.start()
    while not transport.running:
        time.sleep(0.01)
    transport.stop()
    thread.join(timeout=10)
    assert found == [-9]


def test_all_files_of_a_job_go_there_at_once(here, file, tmp_path):
    (tmp_path / "net.mlpackage").mkdir()
    (tmp_path / "net.mlpackage" / "w").write_bytes(b"1")
    here.put_all({"models/m.bin": file, "models/net.mlpackage": tmp_path / "net.mlpackage"})
    assert (Path(here.folder) / "models" / "m.bin").samefile(file)
    assert (Path(here.folder) / "models" / "net.mlpackage" / "w").read_bytes() == b"1"


def test_a_full_disk_is_named(here, file, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    here.put(file, "m.bin")
    with pytest.raises(StoreError, match="no space left on device"):
        here.get("m.bin", tmp_path / "back.bin")
