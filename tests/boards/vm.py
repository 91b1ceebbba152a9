"""A board of the third level: an aarch64 Linux under a kernel of its own, which boots, loses its power and its packets.

No time measured on it means anything.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from boards import cpio, guest
from boards.capability import Unavailable
from boards.sshd import Board, answers, make_key

BOOT_S = 120
HALT_S = 60
MEMORY_MIB = 1024
# Lets whoever asked hear that it was done.
SOON = "exec </dev/null >/dev/null 2>&1; setsid sh -c 'sleep 1;"
# With the test's process goes the board, however that ends. The signal comes when the thread ends that started it, so
# that is one that lasts.
TIED = ("setpriv", "--pdeathsig", "KILL")
STARTER = ThreadPoolExecutor(1, "boards")


@dataclass
class Virtual(Board):
    """A board as its user, pi, sees it, with a disk that outlives its power.

    Args:
        disk: has no name, so that it goes with the test's process as well.
        root_key: what the tests, and nobody else, log in with as root.
        root_port: of a way of their own, which no poor link lies on.
    """

    disk: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    root_key: Path = Path()
    root_port: int = 0
    name: str = "raspberrypi"

    def start(self) -> None:
        """Boots, from power off."""
        self.process = STARTER.submit(self._start).result()
        self._await(lambda: answers(self.host, self.port))

    def stop(self) -> None:
        """The orderly way."""
        process = self.process
        if process is None:
            return
        try:
            self.root(f"{SOON} busybox poweroff' &")
            process.wait(HALT_S)
        except (OSError, subprocess.SubprocessError):
            pass  # it does not answer
        finally:
            self.power_cut()

    def power_cut(self) -> None:
        """What it had not brought to its disk is lost."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def reboot(self) -> None:
        """The orderly way, until it answers again."""
        before = self.boot_id()
        self.root(f"{SOON} busybox reboot' &")
        self._await(lambda: answers(self.host, self.port) and self.boot_id() not in ("", before))

    def root(self, command: str, *, timeout_s: float = 60) -> str:
        """What a shell command of root prints there.

        Raises:
            CalledProcessError, TimeoutExpired: it fails, or the board does not answer.
        """
        options = [
            "-o",
            f"UserKnownHostsFile={self.folder}/known_hosts",
            "-o",
            f"ConnectTimeout={timeout_s:g}",
            "-o",
            "BatchMode=yes",
        ]
        where = ["-F", "/dev/null", "-p", str(self.root_port), "-i", str(self.root_key), f"root@{self.host}"]
        done = subprocess.run(
            ["ssh", *options, *where, command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def boot_id(self) -> str:
        """Empty while nobody answers."""
        with contextlib.suppress(subprocess.SubprocessError):
            return self.root("cat /proc/sys/kernel/random/boot_id", timeout_s=10).strip()
        return ""

    def poor_link(self, *, delay_ms: int = 0, loss_percent: float = 0, rate_mbit: float = 0) -> None:
        """Each way, from now on until `good_link`. The first packets of a connection are late, but never lost: of 60
        connections under a loss of 15 % two stayed dead for a minute where these were lost as well, and none where not.
        """
        netem = f"netem limit 10000 delay {delay_ms}ms" + (f" rate {rate_mbit}mbit" if rate_mbit else "")
        first = "protocol ip u32 match u8 0x02 0x02 at nexthdr+13"  # SYN
        poor = (
            f"tc qdisc add dev $each root handle 1: prio bands 2 priomap{16 * ' 1'};"
            f"tc filter add dev $each parent 1: {first} flowid 1:1;"
            f"tc qdisc add dev $each parent 1:1 {netem}; tc qdisc add dev $each parent 1:2 {netem} loss {loss_percent}%"
        )
        # What comes in takes the way out of a device of its own, ifb0.
        self.root(
            "set -e; ip link set ifb0 up; tc qdisc add dev eth0 ingress;"
            "tc filter add dev eth0 ingress matchall action mirred egress redirect dev ifb0;"
            f"for each in ifb0 eth0; do {poor}; done"
        )

    def good_link(self) -> None:
        self.root(
            "for each in 'eth0 ingress' 'ifb0 root' 'eth0 root'; do tc qdisc del dev $each 2>/dev/null; done; true"
        )

    def recover(self) -> None:
        """Up, and with a good link, whatever was done to it."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.good_link()

    def _start(self) -> subprocess.Popen[bytes]:
        made = guest.guest()
        with (self.folder / "emulator.log").open("ab") as log:
            return subprocess.Popen(
                [*TIED, *guest.emulator(), *self._machine(made)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _machine(self, made: guest.Guest) -> list[str]:
        drive = f"if=none,id=disk,file={_path(self.disk)},format=raw,cache=writeback"
        network = f"user,id=net,restrict=on,hostfwd=tcp:{self.host}:{self.port}-:22"
        side = f"user,id=side,net=10.0.3.0/24,restrict=on,hostfwd=tcp:{self.host}:{self.root_port}-10.0.3.15:22"
        return [
            *("-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", str(MEMORY_MIB), "-accel", "tcg,thread=multi"),
            *("-nodefaults", "-display", "none", "-serial", f"file:{self.folder}/console.log"),
            *("-kernel", str(made.kernel), "-initrd", str(self.folder / "first_root")),
            *("-append", "console=ttyAMA0 quiet loglevel=3 panic=-1"),
            *("-drive", drive, "-device", "virtio-blk-pci,drive=disk,romfile="),
            *("-netdev", network, "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-netdev", side, "-device", "virtio-net-pci,netdev=side,romfile="),
        ]

    def _await(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + BOOT_S
        while not ready():
            ended = self.process is None or self.process.poll() is not None
            assert not ended, (self.folder / "emulator.log").read_text()
            assert time.monotonic() < deadline, (self.folder / "console.log").read_text(errors="replace")[-2000:]
            time.sleep(0.1)


def _path(file: IO[bytes]) -> str:
    return f"/proc/{os.getpid()}/fd/{file.fileno()}"


@functools.cache
def require() -> None:
    """Makes sure that such a board can be started here, and has its parts built.

    Raises:
        Unavailable: with the reason.
    """
    packages = {
        "setpriv": "util-linux",
        "unshare": "util-linux",
        "ssh": "openssh-client",
        "ssh-keygen": "openssh-client",
    }
    if missing := [f"{tool} (package {package})" for tool, package in packages.items() if not shutil.which(tool)]:
        raise Unavailable(f"no {', '.join(missing)}")
    with ThreadPoolExecutor(2) as pool:
        parts = [pool.submit(guest.guest), pool.submit(guest.emulator)]
    for part in parts:
        part.result()


@contextmanager
def virtual(folder: Path, *, name: str = "raspberrypi") -> Iterator[Virtual]:
    """A running board with what belongs to it in `folder`, which must not exist.

    Raises:
        Unavailable: it cannot be had on this machine.
    """
    require()
    folder.mkdir(parents=True)
    for key in ("host_ed25519", "client_ed25519", "root_ed25519"):
        make_key(folder / key)
    port, root_port = _free_ports()
    with tempfile.TemporaryFile(dir=folder) as disk:
        board = Virtual(
            folder,
            port,
            "pi",
            folder / "client_ed25519",
            Path("/home/pi"),
            disk=disk,
            root_key=folder / "root_ed25519",
            root_port=root_port,
            name=name,
        )
        subprocess.run(["cp", "--sparse=always", guest.guest().disk, _path(disk)], check=True)
        (folder / "known_hosts").write_text(board.host_key + board.host_key.replace(str(port), str(root_port)))
        (folder / "first_root").write_bytes(guest.guest().first_root.read_bytes() + _own_files(board))
        try:
            board.start()
            yield board
        finally:
            board.power_cut()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _own_files(board: Virtual) -> bytes:
    folder = board.folder
    return cpio.archive(
        {
            "board/etc/hostname": f"{board.name}\n".encode(),
            "board/etc/machine-id": f"{uuid.uuid4().hex}\n".encode(),
            "board/etc/ssh/host_ed25519": (folder / "host_ed25519").read_bytes(),
            "board/etc/ssh/authorized_keys.pi": (folder / "client_ed25519.pub").read_bytes(),
            "board/etc/ssh/authorized_keys.root": (folder / "root_ed25519.pub").read_bytes(),
        }
    )
