"""Shipping by content to a real sshd: what is sent, what is not, and what is there afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from boards.proxy import Proxy
from boards.sshd import Board
from hypothesis import given
from hypothesis import strategies as st

from edgebench.agent import edgebench_files
from edgebench.errors import DeviceError, LinkLost, StoreError
from edgebench.specs.device import DeviceSpec, SshSettings
from edgebench.transports import Finished, connect
from edgebench.transports.ssh import SshTransport
from edgebench.transports.upload import resume_at

MIB = 1 << 20
LARGE = os.urandom(24 * MIB)


def transport_to(board: Board, tmp_path: Path, *, port: int = 0, work: str = "job") -> SshTransport:
    settings = SshSettings(host=board.host, port=port or board.port, user=board.user, key=str(board.key))
    transport = connect(DeviceSpec(name="pi", transport="ssh", ssh=settings), tmp_path, work)
    assert isinstance(transport, SshTransport)
    return transport


@pytest.fixture
def there(board: Board, tmp_path: Path) -> Iterator[SshTransport]:
    transport = transport_to(board, tmp_path)
    yield transport
    transport.close()


@pytest.fixture
def slow(board: Board, tmp_path: Path) -> Iterator[Proxy]:
    """A link that can be cut, to the same board."""
    with Proxy(board.port) as proxy:
        known = board.host_key.replace(str(board.port), str(proxy.port))
        with (tmp_path / "user" / ".config" / "edgebench" / "known_hosts").open("a") as file:
            file.write(known)
        yield proxy


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(LARGE)
    return path


class Sent:
    """Listens to a transfer."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))

    @property
    def total(self) -> int:
        return self.told[-1][1] if self.told else 0


def work_of(board: Board) -> Path:
    return board.home / ".edgebench" / "job"


def blob_of(board: Board, content: bytes) -> Path:
    return board.home / ".edgebench" / "blobs" / hashlib.sha256(content).hexdigest()


def part_of(board: Board, content: bytes) -> Path:
    blob = blob_of(board, content)
    return blob.with_name(f"{blob.name}.part")


# ---- what is sent ---------------------------------------------------------------------------------------------------


def test_files_arrive_and_a_second_time_nothing_is_sent(there: SshTransport, board: Board, large: Path) -> None:
    first, second = Sent(), Sent()
    there.put_all({"models/x/net.tflite": large}, on_progress=first)
    assert (work_of(board) / "models" / "x" / "net.tflite").read_bytes() == LARGE
    assert first.told[-1] == (len(LARGE), len(LARGE))
    there.put_all({"models/y/other.tflite": large}, on_progress=second)
    assert second.told == []
    assert (work_of(board) / "models" / "y" / "other.tflite").samefile(blob_of(board, LARGE))


def test_a_second_run_sends_no_model_bytes_over_the_wire(
    slow: Proxy, board: Board, tmp_path: Path, large: Path
) -> None:
    for work, most in (("first", 2 * len(LARGE)), ("second", 300_000)):
        before = slow.passed["up"]
        there = transport_to(board, tmp_path, port=slow.port, work=work)
        there.put_all({"m/net": large})
        there.close()
        assert slow.passed["up"] - before < most
        assert (board.home / ".edgebench" / work / "m" / "net").read_bytes() == LARGE


def test_many_files_of_all_sizes_and_names_arrive(there: SshTransport, board: Board, tmp_path: Path) -> None:
    names = ["empty", "ä ö/ü 顔.npy", "a b/$(touch x);'\"", "-rf", "m/1", "m/2", "m/3", "m/4"]
    files = {}
    for size, name in enumerate(names):
        files[name] = tmp_path / f"local{size}"
        files[name].write_bytes(bytes([size]) * size * 1000)
    sent = Sent()
    there.put_all({**files, "again": files["m/4"]}, on_progress=sent)
    for name, local in files.items():
        assert (work_of(board) / name).read_bytes() == local.read_bytes()
    assert (work_of(board) / "again").read_bytes() == files["m/4"].read_bytes()
    assert sent.total == sum(range(8)) * 1000
    assert list((board.home / ".edgebench").rglob("*part*")) == []


def test_a_package_goes_there_file_by_file(there: SshTransport, board: Board, tmp_path: Path) -> None:
    data = tmp_path / "net.mlpackage" / "Data" / "weights"
    data.mkdir(parents=True)
    (data / "w").write_bytes(b"1")
    (tmp_path / "net.mlpackage" / "Manifest.json").write_bytes(b"{}")
    there.put_all({"models/net.mlpackage": tmp_path / "net.mlpackage"})
    package = work_of(board) / "models" / "net.mlpackage"
    assert (package / "Data" / "weights" / "w").read_bytes() == b"1"
    assert (package / "Manifest.json").read_bytes() == b"{}"


def test_what_lay_there_under_the_name_is_replaced(there: SshTransport, board: Board, tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        (tmp_path / "local").write_bytes(content)
        there.put_all({"x": tmp_path / "local"})
        assert (work_of(board) / "x").read_bytes() == content
    assert blob_of(board, b"old").read_bytes() == b"old"


def test_files_of_the_user_are_for_the_user_alone(there: SshTransport, board: Board, large: Path) -> None:
    there.put_all({"m/net": large})
    assert blob_of(board, LARGE).stat().st_mode & 0o777 == 0o400
    assert (work_of(board) / "m").stat().st_mode & 0o077 == 0
    assert blob_of(board, LARGE).parent.stat().st_mode & 0o077 == 0


def test_a_path_out_of_the_work_folder_is_refused(there: SshTransport, large: Path) -> None:
    with pytest.raises(DeviceError, match="not a path inside"):
        there.put_all({"../x": large})


def test_a_file_that_is_missing_here_is_no_fault_of_the_board(there: SshTransport, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="none"):
        there.put_all({"x": tmp_path / "none"})


# ---- resuming -------------------------------------------------------------------------------------------------------


def test_after_a_cut_in_the_middle_only_the_rest_is_sent(
    slow: Proxy, board: Board, tmp_path: Path, large: Path
) -> None:
    there = transport_to(board, tmp_path, port=slow.port)
    slow.after(14 * MIB, "up", "cut")
    with pytest.raises(LinkLost, match="run the same command again"):
        there.put_all({"m/net": large})
    assert not (work_of(board) / "m" / "net").exists()
    there_already = part_of(board, LARGE).stat().st_size
    assert 8 * MIB < there_already < len(LARGE)
    slow.restore()
    sent = Sent()
    there.put_all({"m/net": large}, on_progress=sent)
    assert 0 < sent.total <= len(LARGE) - there_already
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE
    there.close()


def test_a_killed_server_is_a_lost_link_and_the_next_call_goes_on(
    there: SshTransport, board: Board, large: Path
) -> None:
    def kill(done: int, total: int) -> None:
        board.stop()

    with pytest.raises(LinkLost):
        there.put_all({"m/net": large}, on_progress=kill)
    board.start()
    there.put_all({"m/net": large})
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE


@pytest.mark.parametrize(
    ("damaged", "sent_mib"),
    [
        (LARGE[: 10 * MIB], 14),
        (LARGE[: 9 * MIB] + bytes(4 * MIB), 16),  # a power cut leaves zeros where data was under way
        (bytes(len(LARGE)), 24),
        (LARGE + b"tail", 24),
        (LARGE, 0),
        (b"", 24),
    ],
    ids=["half", "wrong tail", "all wrong", "too long", "whole", "empty"],
)
def test_only_a_prefix_that_is_right_is_kept(
    there: SshTransport, board: Board, large: Path, damaged: bytes, sent_mib: int
) -> None:
    part_of(board, LARGE).parent.mkdir(parents=True)
    part_of(board, LARGE).write_bytes(damaged)
    sent = Sent()
    there.put_all({"m/net": large}, on_progress=sent)
    assert sent.total == sent_mib * MIB
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE
    assert not part_of(board, LARGE).exists()


def test_a_blob_that_rotted_on_the_board_is_sent_again(there: SshTransport, board: Board, large: Path) -> None:
    there.put_all({"m/net": large})
    blob = blob_of(board, LARGE)
    kept = blob.stat()
    blob.chmod(0o600)
    with blob.open("r+b") as file:
        file.seek(5 * MIB)
        file.write(b"!")
    os.utime(blob, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    there.put_all({"m/net": large})
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE


def test_several_hosts_may_send_the_same_at_once(board: Board, tmp_path: Path, large: Path) -> None:
    hosts = [transport_to(board, tmp_path, work=f"host{i}") for i in range(3)]
    failures: list[BaseException] = []

    def send(host: SshTransport) -> None:
        try:
            host.put_all({"m/net": large})
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=send, args=[host]) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for i, host in enumerate(hosts):
        assert (board.home / ".edgebench" / f"host{i}" / "m" / "net").read_bytes() == LARGE
        host.close()


def test_a_file_that_changes_while_it_is_sent_is_never_taken_for_what_it_was(
    slow: Proxy, board: Board, tmp_path: Path, large: Path
) -> None:
    there = transport_to(board, tmp_path, port=slow.port)
    slow.rate_bytes_per_s = 40 * MIB

    def change(done: int, total: int) -> None:
        with large.open("r+b") as file:
            file.write(bytes(len(LARGE)))

    with pytest.raises(DeviceError, match=r"large\.bin does not arrive as it was sent"):
        there.put_all({"m/net": large}, on_progress=change)
    assert not blob_of(board, LARGE).exists()
    assert not (work_of(board) / "m" / "net").exists()
    there.close()


def test_a_file_that_becomes_shorter_while_it_is_sent_is_not_awaited(
    slow: Proxy, board: Board, tmp_path: Path, large: Path
) -> None:
    there = transport_to(board, tmp_path, port=slow.port)
    slow.rate_bytes_per_s = 40 * MIB
    with pytest.raises(StoreError, match=r"large\.bin: became shorter while it was sent"):
        there.put_all({"m/net": large}, on_progress=lambda done, total: os.truncate(large, 5 * MIB))
    large.write_bytes(LARGE)
    there.put_all({"m/net": large})
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE
    there.close()


def test_a_transfer_costs_one_process_there(
    there: SshTransport, board: Board, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, run = [], there.run

    def counted(argv: Sequence[str], **options: Any) -> Finished:
        asked.append(argv)
        return run(argv, **options)

    monkeypatch.setattr(there, "run", counted)
    there.put_all({"m/net": large})
    assert len(asked) == 1
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE


def test_after_an_interruption_nothing_hangs_and_the_next_call_goes_on(
    slow: Proxy, board: Board, tmp_path: Path, large: Path
) -> None:
    there = transport_to(board, tmp_path, port=slow.port)
    slow.rate_bytes_per_s = 30 * MIB

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        there.put_all({"m/net": large}, on_progress=interrupt)
    sent = Sent()
    there.put_all({"m/net": large}, on_progress=sent)
    assert 0 < sent.total < len(LARGE)
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE
    there.close()


def test_a_file_server_that_was_ended_alone_is_started_again(there: SshTransport, board: Board, large: Path) -> None:
    there.put_all({})
    assert there.files is not None
    there.files.get_channel().close()
    there.put_all({"m/net": large})
    assert (work_of(board) / "m" / "net").read_bytes() == LARGE


# ---- a board that cannot --------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(board: Board) -> Iterator[Path]:
    """The board's home on a disk of 8 MiB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(board.home)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield board.home
    board.stop()
    subprocess.run(["umount", "--lazy", str(board.home)], check=True)


def test_too_little_space_is_told_before_anything_is_sent(
    there: SshTransport, small_disk: Path, board: Board, large: Path
) -> None:
    sent = Sent()
    with pytest.raises(DeviceError, match=r"pi: no space: 25\.17 MB more needed, 8\.\d\d MB free.*devices clean pi"):
        there.put_all({"m/net": large}, on_progress=sent)
    assert sent.told == []
    assert part_of(board, LARGE).stat().st_size == 0


def test_space_that_runs_out_on_the_way_is_told_and_what_came_is_kept(
    slow: Proxy, small_disk: Path, board: Board, tmp_path: Path
) -> None:
    content = LARGE[: 7 * MIB]
    (tmp_path / "net").write_bytes(content)
    there = transport_to(board, tmp_path, port=slow.port)
    slow.rate_bytes_per_s = 10 * MIB
    filled = small_disk / "filled"

    def fill(done: int, total: int) -> None:
        with contextlib.suppress(OSError), filled.open("ab", buffering=0) as file:
            while file.write(bytes(65536)) == 65536:
                pass

    with pytest.raises(DeviceError, match=r"no space: \d\.\d\d MB more needed, .* free"):
        there.put_all({"m/net": tmp_path / "net"}, on_progress=fill)
    assert not (work_of(board) / "m" / "net").exists()
    filled.unlink()
    sent = Sent()
    there.put_all({"m/net": tmp_path / "net"}, on_progress=sent)
    assert 0 < sent.total < len(content)
    assert (work_of(board) / "m" / "net").read_bytes() == content
    there.close()


def test_a_home_that_cannot_be_written_is_one_line(there: SshTransport, board: Board, large: Path) -> None:
    if os.getuid():
        board.home.chmod(0o500)
    elif subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(board.home)], capture_output=True).returncode:
        pytest.skip("cannot mount a read-only disk")
    try:
        with pytest.raises(
            DeviceError, match=r"^pi: making its folder: cannot make \S+/\.edgebench: \w+.*owns .*ssh.folder"
        ):
            there.put_all({"m/net": large})
    finally:
        board.stop()
        if os.getuid():
            board.home.chmod(0o700)
        else:
            subprocess.run(["umount", "--lazy", str(board.home)], check=True)


def test_a_server_that_allows_two_sessions_takes_many_files_too(board: Board, tmp_path: Path) -> None:
    board.stop()
    config = board._config()
    board._config = lambda: config.replace("MaxSessions 100", "MaxSessions 2")  # type: ignore[method-assign]
    board.start()
    files = {f"m/{i}": tmp_path / f"local{i}" for i in range(12)}
    for i, local in enumerate(files.values()):
        local.write_bytes(bytes([i]) * 100_000)
    there = transport_to(board, tmp_path)
    there.put_all(files)
    assert all((work_of(board) / name).read_bytes() == local.read_bytes() for name, local in files.items())
    there.close()


# ---- how fast ------------------------------------------------------------------------------------------------------


class Clocked:
    """A transfer's rate, from its first news to its last."""

    def __init__(self) -> None:
        self.news: list[tuple[float, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.news.append((time.perf_counter(), done))

    @property
    def bytes_per_s(self) -> float:
        (began, first), (ended, last) = self.news[0], self.news[-1]
        return (last - first) / (ended - began)


@pytest.mark.slow
def test_a_transfer_is_at_least_four_fifths_as_fast_as_sftp(board: Board, tmp_path: Path) -> None:
    if shutil.which("sftp") is None:
        pytest.skip("no sftp")
    known, size = tmp_path / "user" / ".config" / "edgebench" / "known_hosts", 200_000_000
    options = ["-P", str(board.port), "-i", str(board.key), "-o", f"UserKnownHostsFile={known}", "-F", "/dev/null"]
    ours, theirs = [], []
    there = transport_to(board, tmp_path)
    for _ in range(3):
        (tmp_path / "large").write_bytes(os.urandom(size))
        began = time.perf_counter()
        command = ["sftp", "-q", "-b", "-", *options, f"{board.user}@{board.host}"]
        put = f"put {tmp_path}/large {board.home}/plain\n"
        subprocess.run(command, input=put, text=True, check=True, stdout=subprocess.DEVNULL)
        theirs.append(size / (time.perf_counter() - began))
        clocked = Clocked()
        there.put_all({"large": tmp_path / "large"}, on_progress=clocked)
        ours.append(clocked.bytes_per_s)
    there.close()
    assert max(ours) >= 0.8 * max(theirs)


# ---- the resume rule ------------------------------------------------------------------------------------------------


@given(data=st.data())
def test_it_goes_on_after_the_last_mark_that_both_sides_share(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    local = data.draw(st.binary(max_size=40), label="local")
    far = data.draw(st.one_of(st.just(local[: data.draw(st.integers(0, 40))]), st.binary(max_size=40)), label="far")
    step = data.draw(st.integers(1, 9), label="bytes between marks")
    (folder / "local").write_bytes(local)
    (folder / "far").write_bytes(far)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edgebench_files, "MARK_BYTES", step)
        marks = edgebench_files.marks_of(str(folder / "far"))
    shared = next((i for i, (a, b) in enumerate(zip(local, far, strict=False)) if a != b), min(len(local), len(far)))
    kept = resume_at(folder / "local", marks)
    assert marks[-1] == (len(far), hashlib.sha256(far).hexdigest())
    assert local[:kept] == far[:kept]
    assert kept == (len(far) if shared == len(far) else shared // step * step)
