"""One measurement at a time on a device: two at once would measure each other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgebench.digests import sha256_bytes
from edgebench.files import is_locked
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import DeviceSpec
from edgebench.transports.ssh_address import address_of


@contextmanager
def lease(workspace: Workspace, spec: DeviceSpec) -> Iterator[None]:
    """Waits for the device and holds it; the system lets go of the lock however this process ends."""
    from filelock import FileLock, Timeout

    lock = FileLock(_file(spec))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        workspace.progress.note(f"waiting: another edgebench is measuring on {spec.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_leased(spec: DeviceSpec) -> bool:
    """True while a command on this machine is at work on the device."""
    return is_locked(_file(spec))


def _file(spec: DeviceSpec) -> Path:
    """Of a board by where it is: two projects may call it by two names, or two boards by one."""
    board = spec.name if spec.transport == "local" else sha256_bytes(address_of(spec).place.encode())[:16]
    return Path(tempfile.gettempdir()) / f"edgebench-{os.getuid()}-{board}.lock"
