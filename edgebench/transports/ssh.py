"""Another machine over SSH: files by SFTP into a folder of edgebench's own, commands in its shell."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shlex
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.agent import FILES
from edgebench.errors import DeviceError
from edgebench.files import as_store_errors, replacing
from edgebench.specs.device import DeviceSpec
from edgebench.transports import THREAD_VARIABLES, Finished, OnBytes, ask_agent, inside
from edgebench.transports.ssh_address import address_of
from edgebench.transports.ssh_link import Link, lost
from edgebench.transports.upload import REQUEST_BYTES, Answer, contents, upload

if TYPE_CHECKING:
    from paramiko import Channel, SFTPClient

SITE = "site"
"""Where `devices setup` puts the runtimes, below the device's folder."""
BLOBS = "blobs"
"""Where what was sent is kept by its content, below the device's folder."""
SMALL_BYTES = 1 << 20
SESSION_PAUSES_S = (0.05, 0.2, 1.0)
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
        self.site = self.blobs = ""
        self.running: set[Channel] = set()
        self.guard = threading.RLock()
        self.link: Link | None = None
        self.files: SFTPClient | None = None
        self.below = spec.ssh.folder
        self.sent: dict[str, bytes] = {}

    def put(self, local: Path, remote: str) -> None:
        """A small file at once; what we put there before as it is now is not sent again."""
        if local.is_dir() or (local.is_file() and local.stat().st_size > SMALL_BYTES):
            self.put_all({remote: local})
            return
        with as_store_errors(local):
            content = local.read_bytes()
        digest = hashlib.sha256(content).digest()
        with self._there(f"sending {local.name}") as sftp:
            target = f"{self.folder}/{inside(remote)}"
            if self.sent.get(target) != digest:
                _put(sftp, content, target, known=self.folder)
                self.sent[target] = digest

    def put_all(self, files: Mapping[str, Path], *, on_progress: OnBytes | None = None) -> None:
        for remote in files:
            inside(remote)

        def place(send: Callable[[Answer], None] | None) -> Answer:
            def on_progress(missing: Mapping[str, Any]) -> None:
                assert self.link is not None
                assert send is not None
                with self.link.errors("sending files", refused=self._refused):
                    send(_answer(missing))

            told = {far: (content.sha256, content.size_bytes) for far, content in wanted.items()}
            task = {"task": "place", "blobs": self.blobs, "files": told, "awaits": send is not None}
            self.put(FILES, FILES.name)
            return _answer(ask_agent(self, task, subject="sending files", on_progress=on_progress))

        with ThreadPoolExecutor(1) as beside:
            hashed = beside.submit(contents, files)  # while we log in
            with self._there("sending files") as sftp:
                wanted = hashed.result()
                assert self.link is not None
                upload(self.link, sftp, wanted, blobs=self.blobs, place=place, on_progress=on_progress)

    def get(self, remote: str, local: Path) -> None:
        with (
            as_store_errors(local),
            replacing(local) as part,
            self._there(f"fetching {remote}") as sftp,
        ):
            sftp.get(f"{self.folder}/{inside(remote)}", str(part))

    def read(self, remote: str, start: int, most: int = -1) -> bytes:
        with self._there(f"reading {remote}") as sftp:
            try:
                with sftp.open(f"{self.folder}/{inside(remote)}", "rb") as file:
                    file.seek(start)
                    return bytes(file.read(most))
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
            link, channel = self.link, _session(self.link)
            self.running.add(channel)
            try:
                finished = self._converse(link, channel, argv, stdin, on_line, timeout_s)
                if channel not in self.running:  # stopped, of which the command may make an orderly end
                    raise lost(self.address, f"running {argv[0]}")
                return finished
            finally:
                self.running.discard(channel)
                with contextlib.suppress(EOFError):  # the link is gone, which is told already
                    channel.close()

    def stop(self) -> None:
        for channel in tuple(self.running):
            self.running.discard(channel)
            with contextlib.suppress(Exception):  # the link is gone, and with it the agent's standard input
                channel.close()  # that input ends, and with it the agent

    def close(self) -> None:
        with self.guard:
            if self.link:
                self.link.close()
            self.link = self.files = None
            self.sent.clear()

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
            with contextlib.suppress(Exception):  # the link is gone already
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
        with self.link.errors(doing, refused=self._refused):
            if self.files.get_channel().closed:  # its server there was ended alone
                self.files = self.link.client.open_sftp()
            yield self.files

    @property
    def _refused(self) -> str:
        return (
            f"check who owns {self.below} in the home of {self.address.user} there, and the space on its disk; "
            "`ssh.folder` in the device's spec can name another place"
        )

    def _log_in(self) -> None:
        link = Link(self.address)
        with link.errors("making its folder", refused=self._refused):
            self.files = link.client.open_sftp()
            home = f"{self.files.normalize('.')}/{self.below}"
            self.site, self.blobs = f"{home}/{SITE}", f"{home}/{BLOBS}"
            self.folder = f"{home}/{self.work}".rstrip("/")
            _make_folders(self.files, self.folder)
        self.link = link


def _hear(channel: Channel, words: list[bytes]) -> None:
    """The last of what it says on stderr."""
    with contextlib.suppress(Exception):  # a connection that breaks is told by whoever reads the answer
        while data := channel.recv_stderr(LAST_WORDS):
            words[:] = [b"".join([*words, data])[-LAST_WORDS:]]


def _answer(told: Mapping[str, Any]) -> Answer:
    return Answer(told["missing"], told["free_bytes"])


def _beat(channel: Channel, stdin: bytes, over: threading.Event) -> None:
    """Says what is to be said, then now and then a line, by which the agent knows that we are there."""
    with contextlib.suppress(Exception):  # it ended before it read, or the link broke
        channel.sendall(stdin)
        while not over.wait(HEARTBEAT_S):
            channel.sendall(b"\n")


def _session(link: Link) -> Channel:
    """One that was closed just now counts a moment longer against the number that the server allows."""
    from paramiko import ChannelException

    for pause_s in SESSION_PAUSES_S:
        with contextlib.suppress(ChannelException):
            return link.transport.open_session()
        time.sleep(pause_s)
    return link.transport.open_session()


def _put(sftp: SFTPClient, content: bytes, target: str, *, known: str) -> None:
    """Whole or not at all.

    Args:
        known: a folder that is there.
    """
    folder, part = target.rpartition("/")[0], f"{target}.part-{secrets.token_hex(4)}"
    if folder != known:
        _make_folders(sftp, folder)
    with sftp.open(part, "wb") as file:
        file.MAX_REQUEST_SIZE = REQUEST_BYTES
        file.write(content)
    sftp.posix_rename(part, target)


def _make_folders(sftp: SFTPClient, folder: str) -> None:
    """Of the user alone, because results and models lie in them."""
    if _is_folder(sftp, folder):
        return
    _make_folders(sftp, folder.rpartition("/")[0])
    try:
        sftp.mkdir(folder, mode=0o700)
    except OSError as exc:
        if not _is_folder(sftp, folder):  # which another of ours may have made just now
            raise OSError(f"cannot make {folder}: {exc.strerror or exc}") from exc


def _is_folder(sftp: SFTPClient, path: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return stat.S_ISDIR(sftp.stat(path).st_mode or 0)
    return False
