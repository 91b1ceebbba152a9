"""The same work on several devices at once: one that fails does not stop the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from edgebench.errors import EdgebenchError
from edgebench.pipeline.workspace import Workspace
from edgebench.progress import Progress, Step

T = TypeVar("T")
POLL_S = 0.5


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of a device: something found, or the error that ended it."""

    device: str
    found: T | None = None
    error: EdgebenchError | None = None


def on_each(
    workspace: Workspace, devices: Sequence[str], do: Callable[[Workspace, str], T], *, what: str = "measuring"
) -> tuple[Outcome[T], ...]:
    """Does it with every device, all at the same time, and waits for all.

    Ctrl-C reaches each of them with its next sign of progress.

    Args:
        do: takes a workspace of its own and the device.
        what: of the one bar that all of them share.
    """

    def attempt(device: str) -> Outcome[T]:
        try:
            return Outcome(device, do(replace(workspace, progress=shared.of(device)), device))
        except EdgebenchError as exc:
            workspace.progress.note(f"{device}: failed; the others go on")
            return Outcome(device, error=exc)

    with workspace.progress.step(f"{what} on {', '.join(devices)}, %") as step:
        shared = _Shared(workspace.progress, step, devices)
        with ThreadPoolExecutor(max(1, len(devices))) as pool:
            futures = [pool.submit(attempt, device) for device in devices]
            try:
                while wait(futures, timeout=POLL_S).not_done:  # a signal may reach another thread, and this one late
                    pass
            except KeyboardInterrupt:
                shared.stopped.set()
                raise
    return tuple(future.result() for future in futures)


class _Shared:
    """One bar for several threads, through which they also learn that they are to stop."""

    def __init__(self, progress: Progress, step: Step, devices: Sequence[str]) -> None:
        self.progress, self.step = progress, step
        self.stopped = threading.Event()
        self.guard = threading.Lock()
        self.percent = dict.fromkeys(devices, 0)

    def of(self, device: str) -> Progress:
        return _Own(self, device)

    def update(self, device: str, percent: int, detail: str) -> None:
        self.stop_if_told()
        with self.guard:
            self.percent[device] = percent
            self.step.update(sum(self.percent.values()), 100 * len(self.percent), f"{device}: {detail}")

    def stop_if_told(self) -> None:
        if self.stopped.is_set():
            raise KeyboardInterrupt


class _Own:
    def __init__(self, shared: _Shared, device: str) -> None:
        self.shared, self.device = shared, device

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        yield _OwnStep(self.shared, self.device, what)

    def note(self, text: str) -> None:
        with self.shared.guard:
            self.shared.progress.note(text if text.startswith(f"{self.device}:") else f"{self.device}: {text}")
        self.shared.stop_if_told()  # and not before: what one who stops has to say is worth hearing


@dataclass(frozen=True)
class _OwnStep:
    shared: _Shared
    device: str
    what: str

    def update(self, done: int, total: int, detail: str = "") -> None:
        self.shared.update(self.device, 100 * done // max(1, total), f"{self.what} {done}/{total} {detail}".rstrip())
