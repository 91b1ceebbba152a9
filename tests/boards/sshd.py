"""A board of the first level: a real sshd on the loopback address, as the user who runs the tests."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SSHD = "/usr/sbin/sshd"


@dataclass
class Board:
    """Something that answers SSH, and what one needs to log in.

    Args:
        home: where its user's files are, as this machine sees them.
        environment: what its sessions see beside the usual; changed before `start`.
    """

    folder: Path
    port: int
    user: str
    key: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None
    shell: Path | None = None  # a script that gets each command line instead of the user's own shell

    @property
    def host_key(self) -> str:
        """Its line in known_hosts."""
        kind, key, *_ = (self.folder / "host_ed25519.pub").read_text().split()
        return f"[{self.host}]:{self.port} {kind} {key}\n"

    def start(self) -> None:
        (self.folder / "sshd_config").write_text(self._config())
        log = (self.folder / "sshd.log").open("ab")
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=log)
        log.close()
        deadline = time.monotonic() + 10
        while not answers(self.host, self.port):
            assert time.monotonic() < deadline, (self.folder / "sshd.log").read_text()
            time.sleep(0.01)

    def stop(self) -> None:
        """The listener and every session, as when the power goes."""
        process, self.process = self.process, None  # another thread may start it again at once
        if process is None:
            return
        everybody = descendants(process.pid)
        for what in (signal.SIGSTOP, signal.SIGKILL):  # first frozen, or one would tell how another ended
            for pid in everybody:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, what)
        process.wait()

    def new_host_key(self) -> None:
        for file in self.folder.glob("host_ed25519*"):
            file.unlink()
        make_key(self.folder / "host_ed25519")

    def _config(self) -> str:
        environment = "".join(f' "{name}={value}"' for name, value in {"HOME": self.home, **self.environment}.items())
        return f"""ListenAddress {self.host}
Port {self.port}
HostKey {self.folder}/host_ed25519
PidFile none
AuthorizedKeysFile {self.folder}/authorized_keys
AuthenticationMethods publickey
UsePAM no
StrictModes no
UseDNS no
LogLevel VERBOSE
MaxStartups 100
MaxSessions 100
SetEnv{environment}
Subsystem sftp internal-sftp -d {self.home}
{f"ForceCommand {self.shell}" if self.shell else ""}
"""


def answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1) as there:
        return there.recv(8) == b"SSH-2.0-"
    return False


def descendants(pid: int) -> list[int]:
    """The process and all it started, the youngest first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found[::-1]


def make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def missing() -> str:
    """Why no sshd can be started here, '' where one can."""
    if not os.access(SSHD, os.X_OK):
        return f"no {SSHD} (Debian: apt-get install openssh-server)"
    return "" if shutil.which("ssh-keygen") else "no ssh-keygen"


@contextlib.contextmanager
def board(folder: Path, **environment: str) -> Iterator[Board]:
    """A running board with a home of its own in `folder`."""
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    home = folder / "home"
    home.mkdir(parents=True)
    for name in ("host_ed25519", "client_ed25519"):
        make_key(folder / name)
    shutil.copy(folder / "client_ed25519.pub", folder / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Board(folder, port, getpass.getuser(), folder / "client_ed25519", home, environment)
    made.start()
    try:
        yield made
    finally:
        made.stop()
