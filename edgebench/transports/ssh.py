"""Another machine over SSH: files by SFTP into a folder of edgebench's own, commands in its shell."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import DeviceError
from edgebench.files import as_store_errors, replacing
from edgebench.specs.device import DeviceSpec
from edgebench.transports import THREAD_VARIABLES, Finished, inside
from edgebench.transports.ssh_address import address_of
from edgebench.transports.ssh_link import Link, lost

if TYPE_CHECKING:
    from paramiko import Channel, SFTPClient

SITE = "site"
"""Where `devices setup` puts the runtimes, below the device's folder."""
HEARTBEAT_S = 5.0
LAST_WORDS = 65536
IN_FOLDER = 'cd "$1" && shift && "$@"; exit $?'
"""The last words keep the shell from becoming the command, of which SSH would not tell the signal that ended it."""
SIGNALLED = 128
"""A shell reports a command that a signal ended by that many and the signal's number."""


class SshTransport:
    """A work folder below the user's home there. After LinkLost the next call logs in again."""

    leaves = True

    def __init__(self, spec: DeviceSpec, home: Path, work: str) -> None:
        self.name = spec.name
        self.python = spec.ssh.python
        self.address = address_of(spec)
        self.work = work
        self.folder = spec.ssh.folder  # whole once we are there
        self.site = ""
        self.running: set[Channel] = set()
        self.guard = threading.RLock()
        self.link: Link | None = None
        self.files: SFTPClient | None = None
        self.below = spec.ssh.folder

    def put(self, local: Path, remote: str) -> None:
        with self._there(f"sending {local.name}") as sftp:
            for source, target in _files(local, str(inside(remote))):
                part = f"{self.folder}/{target}.part-{secrets.token_hex(4)}"
                _make_folders(sftp, f"{self.folder}/{target}".rpartition("/")[0])
                sftp.put(str(source), part)
                sftp.posix_rename(part, f"{self.folder}/{target}")

    def get(self, remote: str, local: Path) -> None:
        with (
            as_store_errors(local),
            replacing(local) as part,
            self._there(f"fetching {remote}") as sftp,
        ):
            sftp.get(f"{self.folder}/{inside(remote)}", str(part))

    def read(self, remote: str, start: int) -> bytes:
        with self._there(f"reading {remote}") as sftp:
            try:
                with sftp.open(f"{self.folder}/{inside(remote)}", "rb") as file:
                    file.seek(start)
                    return bytes(file.read())
            except FileNotFoundError:
                return b""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        on_line: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> Finished:
        with self._there(f"running {argv[0]}"):
            assert self.link is not None
            link, channel = self.link, self.link.transport.open_session()
            self.running.add(channel)
            try:
                return self._converse(link, channel, argv, stdin, on_line, timeout_s)
            finally:
                self.running.discard(channel)
                channel.close()

    def stop(self) -> None:
        for channel in tuple(self.running):
            channel.close()  # the agent's standard input ends, and with it the agent

    def close(self) -> None:
        with self.guard:
            if self.link:
                self.link.close()
            self.link = self.files = None

    def _converse(
        self,
        link: Link,
        channel: Channel,
        argv: Sequence[str],
        stdin: str,
        on_line: Callable[[str], None] | None,
        timeout_s: float | None,
    ) -> Finished:
        overdue, over = threading.Event(), threading.Event()
        words: list[bytes] = []
        channel.exec_command(self._command(argv))

        def give_up() -> None:
            overdue.set()
            channel.close()

        alarm = threading.Timer(timeout_s or threading.TIMEOUT_MAX, give_up)
        threads = [
            alarm,
            threading.Thread(target=_hear, args=(channel, words)),
            threading.Thread(target=_beat, args=(channel, stdin.encode(), over)),
        ]
        for thread in threads:
            thread.daemon = True
            thread.start()
        lines = []
        try:
            for line in channel.makefile("r"):
                lines.append(line)
                if on_line is not None:
                    on_line(line.rstrip("\n"))
            status = channel.recv_exit_status()
        finally:
            alarm.cancel()
            over.set()
        threads[1].join(timeout=1)
        if overdue.is_set():
            raise DeviceError(f"no answer within {timeout_s:g} s", subject=self.name, fix="see what else runs there")
        if status < 0:
            raise lost(self.address, f"running {argv[0]}")
        returncode = SIGNALLED - status if status > SIGNALLED else status
        return Finished(returncode, "".join(lines), b"".join(words).decode(errors="replace"))

    def _command(self, argv: Sequence[str]) -> str:
        """One command line, every part of it quoted, whatever shell the user there has."""
        environment = [*(f"-u{name}" for name in THREAD_VARIABLES), "TF_CPP_MIN_LOG_LEVEL=3"]
        return shlex.join(
            ["sh", "-c", IN_FOLDER, "sh", self.folder, "env", *environment, f"PYTHONPATH={self.site}", *argv]
        )

    @contextlib.contextmanager
    def _there(self, doing: str) -> Iterator[SFTPClient]:
        with self.guard:
            if self.link is None or not self.link.alive:
                self.close()
                self._log_in()
        assert self.link is not None
        assert self.files is not None
        with self.link.errors(doing):
            yield self.files

    def _log_in(self) -> None:
        link = Link(self.address)
        with link.errors("making its folder"):
            self.files = link.client.open_sftp()
            home = f"{self.files.normalize('.')}/{self.below}"
            self.site = f"{home}/{SITE}"
            self.folder = f"{home}/{self.work}".rstrip("/")
            _make_folders(self.files, self.folder)
        self.link = link


def _hear(channel: Channel, words: list[bytes]) -> None:
    """The last of what it says on stderr."""
    with contextlib.suppress(Exception):  # a connection that breaks is told by whoever reads the answer
        while data := channel.recv_stderr(LAST_WORDS):
            words[:] = [b"".join([*words, data])[-LAST_WORDS:]]


def _beat(channel: Channel, stdin: bytes, over: threading.Event) -> None:
    """Says what is to be said, then now and then a line, by which the agent knows that we are there."""
    with contextlib.suppress(Exception):  # it ended before it read, or the link broke
        channel.sendall(stdin)
        while not over.wait(HEARTBEAT_S):
            channel.sendall(b"\n")


def _files(local: Path, remote: str) -> list[tuple[Path, str]]:
    if not local.is_dir():
        return [(local, remote)]
    return [(each, f"{remote}/{each.relative_to(local)}") for each in sorted(local.rglob("*")) if each.is_file()]


def _make_folders(sftp: Any, folder: str) -> None:
    """Of the user alone, because results and models lie in them."""
    try:
        if stat.S_ISDIR(sftp.stat(folder).st_mode):
            return
    except FileNotFoundError:
        _make_folders(sftp, folder.rpartition("/")[0])
        with contextlib.suppress(OSError):  # another of ours made it just now; if not, what follows says so
            sftp.mkdir(folder, mode=0o700)
