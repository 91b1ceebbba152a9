"""The agent at work on this machine: what it is, and outputs for images, several processes at once."""

from __future__ import annotations

import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
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
        )
        with np.load(output) as arrays:
            outputs = [arrays[f"output_{i}"] for i in range(len(arrays.files))]
    return Answer(job, outputs, answer["invoke_ns"] / 1e9, time.monotonic() - started)


def predict_all(workspace: Workspace, jobs: Sequence[PredictJob]) -> Iterator[Answer]:
    """Runs shards in `workspace.jobs` processes at once and yields answers as they come.

    A shard that fails does not stop the others. Leaving the iterator early stops the processes.
    """
    todo: queue.SimpleQueue[PredictJob] = queue.SimpleQueue()
    for job in jobs:
        todo.put(job)
    answers: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
    work = workspace.store.folder("agents")
    transports = [LocalTransport("local", work) for _ in range(min(workspace.jobs, len(jobs)))]
    stopped = threading.Event()

    def serve(transport: Transport) -> None:
        while not stopped.is_set():
            try:
                job = todo.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put(predict(job, work, transport))
            except EdgebenchError as exc:
                answers.put(Answer(job, error=exc))
            except BaseException as exc:  # handed to the caller's thread, which raises it
                answers.put(exc)

    for transport in transports:
        threading.Thread(target=serve, args=(transport,), daemon=True).start()
    try:
        for _ in jobs:
            answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
    finally:
        stopped.set()
        for transport in transports:
            transport.stop()
