"""This machine: a folder, hard links and child processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from edgebench.errors import DeviceError, StoreError, refusal
from edgebench.files import replacing
from edgebench.specs.device import DeviceSpec
from edgebench.transports import THREAD_VARIABLES, Finished, OnBytes, inside


def this_machine(spec: DeviceSpec, home: Path, work: str) -> LocalTransport:
    return LocalTransport(spec.name, home / work)


class LocalTransport:
    leaves = False

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.python = sys.executable
        self.folder = str(folder)
        self.running: set[subprocess.Popen[str]] = set()
        with self._as_device_errors():
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, local: Path, remote: str) -> None:
        target = self._inside(remote)
        with self._as_device_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            if local.is_dir():
                shutil.copytree(local, target, copy_function=_link, dirs_exist_ok=True)
            else:
                _link(local, target)

    def put_all(self, files: Mapping[str, Path], *, on_progress: OnBytes | None = None) -> None:
        for remote, local in files.items():
            self.put(local, remote)

    def get(self, remote: str, local: Path) -> None:
        source = self._inside(remote)
        with self._as_device_errors(), replacing(local) as part:
            shutil.copyfile(source, part)

    def read(self, remote: str, start: int, most: int = -1) -> bytes:
        source = self._inside(remote)
        with self._as_device_errors(), contextlib.suppress(FileNotFoundError), source.open("rb") as file:
            file.seek(start)
            return file.read(most)
        return b""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        on_line: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> Finished:
        overdue = threading.Event()
        with self._temporary_file() as errors:
            process = self._start(argv, errors.fileno())
            self.running.add(process)
            alarm = threading.Timer(timeout_s or threading.TIMEOUT_MAX, _end_overdue, (process, overdue))
            alarm.daemon = True
            alarm.start()
            try:
                stdout = _converse(process, stdin, on_line)
                returncode = process.wait()
            finally:  # Ctrl-C and a failing on_line must not leave the far side working
                alarm.cancel()
                self.running.discard(process)
                _end(process)
            errors.seek(0)
            stderr = errors.read().decode(errors="replace")
        if overdue.is_set():
            raise DeviceError(f"no answer within {timeout_s:g} s", subject=self.name, fix="see what else runs there")
        return Finished(returncode, stdout, stderr)

    def stop(self) -> None:
        for process in tuple(self.running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _start(self, argv: Sequence[str], stderr: int) -> subprocess.Popen[str]:
        with self._as_device_errors():
            return subprocess.Popen(
                argv,
                cwd=self.folder,
                env=agent_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,  # a group of its own: ended as one, and out of reach of the terminal's Ctrl-C
            )

    def _temporary_file(self) -> IO[bytes]:
        with self._as_device_errors():
            return tempfile.TemporaryFile()

    def _inside(self, remote: str) -> Path:
        return Path(self.folder, inside(remote))

    @contextlib.contextmanager
    def _as_device_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            if isinstance(full := refusal(exc, subject=self.folder), StoreError):
                raise full from exc
            raise DeviceError(str(exc), subject=self.name, fix=f"check {self.folder}") from exc


def agent_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a measured process should see: nobody's thread counts, and no chatter."""
    kept = {k: v for k, v in environment.items() if k not in THREAD_VARIABLES and not k.startswith("TF_")}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3"}


def _converse(process: subprocess.Popen[str], stdin: str, on_line: Callable[[str], None] | None) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it ended before it read; its exit code says why
        process.stdin.write(stdin)
        process.stdin.flush()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if on_line is not None:
            on_line(line.rstrip("\n"))
    return "".join(lines)


def _end_overdue(process: subprocess.Popen[str], overdue: threading.Event) -> None:
    overdue.set()
    _kill_group(process)


def _end(process: subprocess.Popen[str]) -> None:
    _kill_group(process)
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _kill_group(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _link(source: str | Path, target: str | Path) -> None:
    """A hard link where the file system can, else a copy; in place of what was there."""
    source, target = Path(source), Path(target)
    if target.exists() and target.samefile(source):
        return
    with replacing(target) as part:
        try:
            part.hardlink_to(source)
        except OSError:
            shutil.copy2(source, part)
