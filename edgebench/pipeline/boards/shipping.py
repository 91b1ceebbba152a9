"""Files on their way to a device, with how fast they go and how long that will take."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

from edgebench.progress import Progress, Step
from edgebench.transports import Transport
from edgebench.units import bytes_text

MEGABYTE = 1_000_000


def ship(progress: Progress, transport: Transport, files: Mapping[str, Path]) -> None:
    """Brings files there, sending only what the device has not.

    Args:
        files: path in the device's work folder -> file or package directory.

    Raises:
        DeviceError: they cannot be brought there; what is there already is kept for the next time.
    """
    if not transport.leaves:  # links, which take no time
        transport.put_all(files)
        return
    with progress.step(f"sending to {transport.name}, MB") as step:
        transport.put_all(files, on_progress=_Rate(step))


class _Rate:
    def __init__(self, step: Step) -> None:
        self.step = step
        self.began: tuple[float, int] | None = None

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        now = time.monotonic()
        self.began = self.began or (now, done_bytes)
        elapsed_s, new_bytes = now - self.began[0], done_bytes - self.began[1]
        rate = f"{bytes_text(round(new_bytes / elapsed_s))}/s" if elapsed_s else ""
        self.step.update(math.ceil(done_bytes / MEGABYTE), math.ceil(total_bytes / MEGABYTE), rate)
