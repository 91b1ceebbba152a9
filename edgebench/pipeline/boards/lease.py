"""One measurement at a time on a device: two at once would measure each other."""

from __future__ import annotations

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

    lock = FileLock(Path(tempfile.gettempdir()) / f"edgebench-{os.getuid()}-{spec.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        workspace.progress.note(f"waiting: another edgebench is measuring on {spec.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
