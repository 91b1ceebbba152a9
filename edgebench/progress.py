"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """One piece of work under way."""

    def update(self, done: int, total: int, detail: str = "") -> None:
        """`done` of `total` parts are finished; `detail` names the last one."""
        ...


class Progress(Protocol):
    """Listens to a verb. The terminal's listener draws bars, the default one does nothing."""

    def step(self, what: str) -> AbstractContextManager[Step]:
        """A context for one piece of work; yields its Step."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        ...


class _SilentStep:
    def update(self, done: int, total: int, detail: str = "") -> None:
        pass


class Silent:
    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        yield _SilentStep()

    def note(self, text: str) -> None:
        pass
