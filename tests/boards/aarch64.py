"""A board of the second level: an aarch64 Linux with sshd and Python under user-mode emulation, without root.

It lives in namespaces of its own and has its own process numbers, host name, boot id and mounts, which end with it.
No time measured on it means anything.
"""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boards import debian
from boards.capability import Unavailable
from boards.raspberry_pi import RaspberryPi
from boards.sshd import Board, answers, make_key

# With the test's process goes the board, however that ends.
NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "-U", "-r", "-m", "-u", "-p", "-f", "--kill-child", "--propagation", "private"),
)
# binfmt_misc belongs to the user namespace since Linux 6.7; O C F: run by descriptor, opened now, outside the new root.
REGISTER = r"""
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf %s ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$1"':OCF' > /proc/sys/fs/binfmt_misc/register
"""  # noqa: E501
ENTER = f"""
emulator=$1 root=$2 folder=$3 name=$4 disk_mib=$5
{REGISTER}
hostname "$name"
mount --rbind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --bind "$folder/boot_id" "$root/proc/sys/kernel/random/boot_id"
mount --bind "$folder/machine-id" "$root/etc/machine-id"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
if [ -d "$folder/sys" ]; then mount --bind "$folder/sys" "$root/sys"; else mount --rbind /sys "$root/sys"; fi
mount --bind "$folder/opt" "$root/opt"
mount --bind "$folder/ssh" "$root/etc/ssh"
if [ "$disk_mib" ]; then mount -t tmpfs -o "size=${{disk_mib}}m,mode=755" tmpfs "$root/home/pi"
else mount --bind "$folder/home" "$root/home/pi"; fi
exec unshare -U --map-user=1000 --map-group=1000 -R "$root" /usr/sbin/sshd -D -e
"""
PROBE = REGISTER + "mount -t proc proc /proc"


@dataclass
class Emulated(Board):
    """An aarch64 board as its user, pi, sees it; `stop` and `start` are a power cut and a boot.

    What outlives a power cut is `home`, unless it is a disk of its own (`disk_mib`), and the keys.

    Args:
        pi: its sensors and clocks; None where it shows those of the machine that runs the tests.
        disk_mib: size of the disk that holds the home folder; None for as much as this machine has.
        suite: of Debian; decides the Python.
        processor: as the emulator names it.
    """

    pi: RaspberryPi | None = None
    name: str = "raspberrypi"
    disk_mib: int | None = None
    suite: str = "bookworm"
    processor: str = "cortex-a72"

    @property
    def commands(self) -> Path:
        """A folder whose programs its sessions find before all others."""
        return self.folder / "opt/vc/bin"

    def start(self) -> None:
        (self.folder / "ssh/sshd_config").write_text(self._config())
        shutil.copy(self.folder / "host_ed25519", self.folder / "ssh/host_ed25519")
        (self.folder / "boot_id").write_text(f"{uuid.uuid4()}\n")
        root = debian.tree(self.suite)
        arguments = [debian.emulator(), root, self.folder, self.name, self.disk_mib or ""]
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*NAMESPACES, "sh", "-euc", ENTER, "sh", *map(str, arguments)],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "QEMU_CPU": self.processor},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        if self.disk_mib:
            # Only the namespaces of the process see that disk.
            self.home = Path(f"/proc/{self.process.pid}/root{root}/home/pi")
        self._await_answer()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + 30
        while not answers(self.host, self.port):
            ended = self.process is None or self.process.poll() is not None
            assert not ended, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < deadline, (self.folder / "sshd.log").read_text()
            time.sleep(0.01)

    def _config(self) -> str:
        inside = {"QEMU_CPU": self.processor, "PATH": "/opt/vc/bin:/usr/local/bin:/usr/bin:/bin", **self.environment}
        environment = "".join(f' "{name}={value}"' for name, value in inside.items())
        return f"""ListenAddress {self.host}
Port {self.port}
HostKey /etc/ssh/host_ed25519
PidFile none
AuthorizedKeysFile /etc/ssh/authorized_keys
AuthenticationMethods publickey
UsePAM no
StrictModes no
UseDNS no
LogLevel VERBOSE
MaxStartups 100
MaxSessions 100
SetEnv{environment}
Subsystem sftp /usr/lib/openssh/sftp-server
"""


@functools.cache
def require(suite: str = "bookworm") -> None:
    """Makes sure that such a board can be started here, and has its parts built.

    Raises:
        Unavailable: with the reason.
    """
    if missing := [tool for tool in ("setpriv", "unshare", "ssh-keygen", "hostname") if not shutil.which(tool)]:
        raise Unavailable(f"no {', '.join(missing)}")
    # Any program will do for the emulator here.
    probe = subprocess.run([*NAMESPACES, "sh", "-euc", PROBE, "sh", "/bin/sh"], capture_output=True, text=True)
    if probe.returncode:
        reason = probe.stderr.strip().splitlines()[:1]
        raise Unavailable(f"no user namespace with an emulator of its own (Linux 6.7 and later): {' '.join(reason)}")
    with ThreadPoolExecutor(2) as pool:
        parts = [pool.submit(debian.tree, suite), pool.submit(debian.emulator)]
    for part in parts:
        part.result()


@contextmanager
def emulated(
    folder: Path,
    *,
    raspberry_pi: bool = True,
    name: str = "raspberrypi",
    disk_mib: int | None = None,
    suite: str = "bookworm",
    processor: str = "cortex-a72",
    **environment: str,
) -> Iterator[Emulated]:
    """A running board with a home of its own in `folder`, which must not exist.

    Raises:
        Unavailable: it cannot be had on this machine.
    """
    require(suite)
    for part in ("home", "opt/vc/bin", "ssh"):
        (folder / part).mkdir(parents=True)
    for key in ("host_ed25519", "client_ed25519"):
        make_key(folder / key)
    shutil.copy(folder / "client_ed25519.pub", folder / "ssh/authorized_keys")
    (folder / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
    pi = RaspberryPi(sysfs=folder / "sys", vc=folder / "opt/vc") if raspberry_pi else None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    board = Emulated(
        folder,
        port,
        "pi",
        folder / "client_ed25519",
        folder / "home",
        environment,
        pi=pi,
        name=name,
        disk_mib=disk_mib,
        suite=suite,
        processor=processor,
    )
    try:
        board.start()
        yield board
    finally:
        board.stop()
