"""Where a verb works: the store, the spec folders, how many processes, and who listens."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgebench.errors import UsageError
from edgebench.files import as_store_errors
from edgebench.progress import Progress, Silent
from edgebench.specs.catalog import load_device, load_model
from edgebench.specs.device import DeviceSpec
from edgebench.specs.model import ModelSpec
from edgebench.store import Store


@dataclass(frozen=True)
class Workspace:
    store: Store
    model_dirs: tuple[Path, ...] = ()
    device_dirs: tuple[Path, ...] = ()
    jobs: int = 1
    progress: Progress = field(default_factory=Silent)

    @classmethod
    def open(
        cls,
        *,
        home: Path | str | None = None,
        model_dirs: Iterable[Path | str] = (),
        device_dirs: Iterable[Path | str] = (),
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> Workspace:
        return cls(
            store=Store(Path(home) if home else None),
            model_dirs=tuple(Path(path) for path in model_dirs),
            device_dirs=tuple(Path(path) for path in device_dirs),
            jobs=jobs or len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else jobs or os.cpu_count() or 1,
            progress=progress or Silent(),
        )

    def model(self, name: str) -> ModelSpec:
        return load_model(name, self.model_dirs)

    def device(self, name: str) -> DeviceSpec:
        return load_device(name, self.device_dirs)

    @property
    def log(self) -> Path:
        """Where children write what libraries print."""
        path = self.store.folder("logs") / "workers.log"
        with as_store_errors(path):
            path.open("ab").close()
        return path


def names(given: str | Sequence[str]) -> tuple[str, ...]:
    """One name, several, or several in one string with commas; each once, in order."""
    parts = given.split(",") if isinstance(given, str) else [part for item in given for part in item.split(",")]
    found = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not found:
        raise UsageError("no name given", subject=repr(given), fix="name at least one")
    return found
