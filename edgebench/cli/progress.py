"""Progress as a person sees it: bars with time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from edgebench.errors import visible
from edgebench.progress import Progress, Silent, Step
from edgebench.units import duration_text

# A bar for less than this is flicker; a line for less is noise.
WORTH_SHOWING_S = 2.0
LINE_EVERY_S = 10.0


def listener(*, quiet: bool, verbose: bool) -> Progress:
    if quiet:
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines(verbose=verbose)


class _Notes:
    """Each note once: several steps of a verb read the same images, and say the same of them."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def note(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            _print(text)


def _print(text: str) -> None:
    with suppress(OSError):  # work goes on although nobody can be told
        print(visible(text), file=sys.stderr, flush=True)


class Bars(_Notes):
    """rich progress bars on standard error; gone when their step is done."""

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("[dim]{task.fields[detail]}"),
        )
        start = time.monotonic()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            yield _Bar(bars, bars.add_task(what, total=None, detail=""))
        if time.monotonic() - start > WORTH_SHOWING_S:
            _print(f"{what}: {duration_text(time.monotonic() - start)}")


class _Bar:
    def __init__(self, bars: object, task: object) -> None:
        self.bars, self.task = bars, task

    def update(self, done: int, total: int, detail: str = "") -> None:
        self.bars.update(self.task, completed=done, total=total, detail=detail)  # type: ignore[attr-defined]


class Lines(_Notes):
    """A line now and then on standard error, for logs."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self.every_s = 0.0 if verbose else LINE_EVERY_S

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        step = _Lines(what, self.every_s)
        yield step
        if step.elapsed_s() > WORTH_SHOWING_S:
            _print(f"{what}: {duration_text(step.elapsed_s())}")


class _Lines:
    def __init__(self, what: str, every_s: float) -> None:
        self.what, self.every_s = what, every_s
        self.start = self.last = time.monotonic()

    def elapsed_s(self) -> float:
        return time.monotonic() - self.start

    def update(self, done: int, total: int, detail: str = "") -> None:
        now = time.monotonic()
        if now - self.last < self.every_s or not done:
            return
        self.last = now
        left = self.elapsed_s() / done * (total - done)
        _print(f"{self.what}: {done}/{total} {detail} ({duration_text(left)} left)")
