"""The agent at work on this machine: what it is, and outputs for images, several processes at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import EdgebenchError
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Runnable
from edgebench.records.measurement import DeviceInfo
from edgebench.store import Store
from edgebench.store.packages import PACKAGE_SUFFIX, unpack
from edgebench.transports import Transport, ask_agent
from edgebench.transports.local import LocalTransport

if TYPE_CHECKING:
    import numpy as np


def describe(transport: Transport, *, description: str = "", notes: str = "") -> DeviceInfo:
    """The machine behind a transport, as its agent sees it."""
    device = ask_agent(transport, {"task": "describe"})["device"]
    return DeviceInfo(name=transport.name, description=description, notes=notes, **device)


def this_machine(workspace: Workspace) -> DeviceInfo:
    return describe(LocalTransport("local", workspace.store.folder("agents")))


def runnable_file(store: Store, runnable: Runnable, folder: Path) -> Path:
    """The file the agent loads, under its own name in `folder`, because runtimes go by the suffix."""
    target = folder / runnable.file_name
    if target.suffix == PACKAGE_SUFFIX:
        return unpack(store.blobs.path(runnable.blob), target)
    return store.blobs.export(runnable.blob, target)


@dataclass(frozen=True)
class PredictJob:
    """One shard: the images `start` to `stop` through one model. `key` is the caller's own."""

    key: str
    subject: str
    runtime: str
    model: Path
    images: Path
    start: int
    stop: int
    affine: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A shard's outputs in the runtime's order, each float32 [images, width], or why there are none."""

    job: PredictJob
    outputs: list[np.ndarray] = field(default_factory=list)
    invoke_s: float = 0.0
    duration_s: float = 0.0
    error: EdgebenchError | None = None


def predict(job: PredictJob, work: Path, transport: Transport | None = None) -> Answer:
    """Runs one shard in a process of its own; `work` takes its files."""
    import numpy as np

    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=work) as folder:
        output = Path(folder) / "outputs.npz"
        answer = ask_agent(
            transport or LocalTransport("local", Path(folder)),
            {
                "task": "predict",
                "runtime": job.runtime,
                "model": str(job.model),
                "threads": 1,
                "images": str(job.images),
                "start": job.start,
                "stop": job.stop,
                "affine": job.affine,
                "output": str(output),
            },
            subject=job.subject,
        )
        with np.load(output) as arrays:
            outputs = [arrays[f"output_{i}"] for i in range(len(arrays.files))]
    return Answer(job, outputs, answer["invoke_ns"] / 1e9, time.monotonic() - started)


def predict_all(workspace: Workspace, jobs: Sequence[PredictJob]) -> Iterator[Answer]:
    """Runs shards in `workspace.jobs` processes at once and yields answers as they come.

    A shard that fails does not stop the others. Leaving the iterator early stops the processes.
    """
    work = workspace.store.folder("tmp")
    transport = LocalTransport("local", workspace.store.folder("agents"))
    pool = ThreadPoolExecutor(workspace.jobs)
    try:
        for future in as_completed([pool.submit(_answer, job, work, transport) for job in jobs]):
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        transport.stop()


def _answer(job: PredictJob, work: Path, transport: Transport) -> Answer:
    try:
        return predict(job, work, transport)
    except EdgebenchError as exc:
        return Answer(job, error=exc)
