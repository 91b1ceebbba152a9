"""Outputs for images through the agent: shards shared out among a team of processes."""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import AgentFailed, EdgebenchError
from edgebench.pipeline.workspace import Workspace
from edgebench.transports import Transport, agent_failed, ask_agent
from edgebench.transports.local import LocalTransport

if TYPE_CHECKING:
    import numpy as np


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
    runtime_version: str = ""
    path: str = ""
    """What really executed, in the runtime's words."""
    error: EdgebenchError | None = None


def predict(job: PredictJob, work: Path) -> Answer:
    """Runs one shard in a process of its own; `work` takes its files."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        output = Path(folder) / "outputs.npz"
        asked = {"task": "predict", **_asked(job, output)}
        answer = ask_agent(LocalTransport("local", Path(folder)), asked, subject=job.subject)
        return _answer(job, answer, output)


def predict_all(workspace: Workspace, jobs: Sequence[PredictJob]) -> Iterator[Answer]:
    """Runs shards in `workspace.jobs` processes at once and yields an answer for each, as they come.

    A shard that fails, or takes its process with it, does not stop the others. Leaving the iterator
    early stops the processes.
    """
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work:
        team = _Team(jobs, Path(work), LocalTransport("local", workspace.store.folder("agents")))
        yield from team.answers(min(workspace.jobs, len(jobs)))


class _Team:
    """Processes that claim shards one by one, so that a fast core does more of them."""

    def __init__(self, jobs: Sequence[PredictJob], work: Path, transport: Transport) -> None:
        self.jobs = jobs
        self.work = work
        self.transport = transport
        self.leaving = threading.Event()
        # (place, answer) of a shard; the error that ended a member, or None; in any order
        self.told: queue.SimpleQueue[tuple[int, Answer] | BaseException | None] = queue.SimpleQueue()
        claims = work / "claims"
        claims.mkdir()
        shards = [_asked(job, self._output(place)) for place, job in enumerate(jobs)]
        self.task = {"task": "predict_all", "claims": str(claims), "shards": shards}

    def answers(self, processes: int) -> Iterator[Answer]:
        members = [threading.Thread(target=self._member, daemon=True) for _ in range(processes)]
        for member in members:
            member.start()
        left, at_work = set(range(len(self.jobs))), processes
        # Also of a shard whose process ended between claiming it and saying so.
        failure: EdgebenchError = AgentFailed("its process ended before it began", subject=self.transport.name)
        try:
            while at_work:
                told = self.told.get()
                if isinstance(told, tuple):
                    left.discard(told[0])
                    yield told[1]
                    continue
                at_work -= 1
                if isinstance(told, EdgebenchError):
                    failure = told
                elif told is not None:
                    raise told
            yield from (Answer(self.jobs[place], error=failure) for place in sorted(left))
        finally:
            self.leaving.set()
            for member in members:
                while member.is_alive():  # one that was about to start a process is stopped by a later turn
                    self.transport.stop()
                    member.join(0.02)

    def _member(self) -> None:
        try:
            while not self.leaving.is_set() and self._died():
                pass
            self.told.put(None)
        except BaseException as exc:  # handed to the caller's thread
            self.told.put(exc)

    def _died(self) -> bool:
        """Lets one process do what it can get; True where it ended before that was all, which fails its shard alone.

        Raises:
            AgentFailed: it ended before it began any, so another would as well.
        """
        place, in_work = -1, False

        def on_progress(line: dict[str, Any]) -> None:
            nonlocal place, in_work
            place = line["shard"]
            in_work = "answer" not in line and "error" not in line
            if "answer" in line:
                self._tell(place, _answer(self.jobs[place], line["answer"], self._output(place)))
            elif "error" in line:
                self._tell(place, Answer(self.jobs[place], error=agent_failed(line["error"], self._about(place))))

        try:
            ask_agent(self.transport, self.task, on_progress=on_progress)
        except AgentFailed as exc:
            if place < 0:
                raise
            if in_work:
                error = AgentFailed(exc.problem, subject=self._about(place), fix=exc.fix)
                self._tell(place, Answer(self.jobs[place], error=error))
            return True
        return False

    def _tell(self, place: int, answer: Answer) -> None:
        self.told.put((place, answer))

    def _about(self, place: int) -> str:
        return f"{self.transport.name}, {self.jobs[place].subject}"

    def _output(self, place: int) -> Path:
        return self.work / f"{place}.npz"


def _asked(job: PredictJob, output: Path) -> dict[str, Any]:
    return {
        "runtime": job.runtime,
        "model": str(job.model),
        "threads": 1,
        "images": str(job.images),
        "start": job.start,
        "stop": job.stop,
        "affine": job.affine,
        "output": str(output),
    }


def _answer(job: PredictJob, answer: dict[str, Any], output: Path) -> Answer:
    import numpy as np

    with np.load(output) as arrays:
        outputs = [arrays[f"output_{i}"] for i in range(len(arrays.files))]
    spent_s = answer["invoke_ns"] / 1e9, answer["elapsed_s"]
    return Answer(job, outputs, *spent_s, runtime_version=answer["runtime_version"], path=answer["path"])
