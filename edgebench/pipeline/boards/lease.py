"""One measurement at a time on a device: two at once would measure each other."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import DeviceSpec


@contextmanager
def lease(workspace: Workspace, spec: DeviceSpec) -> Iterator[None]:
    """Waits for the device and holds it; the system lets go of the lock however this process ends."""
    from filelock import FileLock, Timeout

    lock = FileLock(_file(spec.name))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        workspace.progress.note(f"waiting: another edgebench is measuring on {spec.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_leased(device: str) -> bool:
    """True while a command on this machine is at work on the device."""
    try:
        with _file(device).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _file(device: str) -> Path:
    return Path(tempfile.gettempdir()) / f"edgebench-{os.getuid()}-{device}.lock"
