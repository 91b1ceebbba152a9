"""A ProxyCommand of ssh's configuration, run as OpenSSH runs it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import tempfile
import threading
from typing import Any

END_S = 1.0


class Proxy:
    """Its process, used like a socket."""

    def __init__(self, command: str) -> None:
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the rest
        self.words = ""
        self.guard = threading.RLock()  # both paramiko's thread and we end it
        self.socket, its_end = socket.socketpair()
        with its_end:
            self.process = subprocess.Popen(
                ["sh", "-c", f"exec {command.removeprefix('exec ')}"],
                stdin=its_end.fileno(),
                stdout=its_end.fileno(),
                stderr=self.said,
                start_new_session=True,  # Ctrl-C is ours: what is to be ended over there goes through this
            )

    def last_words(self) -> str:
        """Why it ended, '' where it did not of itself."""
        with self.guard:
            if not self.said.closed:
                self.words = self._heard()
            return self.words

    def close(self) -> None:
        with self.guard:
            self.socket.close()
            self.process.terminate()
            self.last_words()
            self.said.close()

    def _heard(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_S)
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        status = self.process.returncode
        return lines[-1] if lines else "" if status in (None, -signal.SIGTERM) else f"exit status {status}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)
