"""Child processes for what is heavy, may crash or must be stoppable: converters, frameworks, training.

A worker is a plain `python -m` child: a caller's script needs no `__main__` guard, a native crash
costs one task, noise goes to a log, and stopping kills at once whatever C++ is doing.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from edgebench.errors import EdgebenchError, WorkerDied, ending, refusal

Report = Callable[[int, int, str], None]
"""What a task calls to tell how far it is: done, total, detail."""

SILENCE_S = 3600.0
KEPT_BYTES = 2_000_000_000
"""What a child may keep of its tasks; with all frameworks loaded it holds 0.6 GB. One that keeps more is replaced for
the next task, or a large model would need what the others left beside its own."""
FIRST_TO_GO = "900"
"""Of -1000 to 1000: whom the kernel ends when memory runs out, before anybody else's programs."""

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "ORT_DISABLE_TELEMETRY": "1"}
"""No chatter, sums in one order, and nothing told to anybody: onnxruntime's wheels send telemetry otherwise."""


@dataclass(frozen=True)
class Task:
    """`function` is "module:attribute"; it is called with `report=` and the arguments, all picklable.

    It is ended when it reports nothing for `silence_s`: a file may state a loop that never ends.
    """

    subject: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    silence_s: float = SILENCE_S


@dataclass(frozen=True)
class Outcome:
    """A task's value, or the error that ended it."""

    task: Task
    value: Any = None
    error: EdgebenchError | None = None


def run_tasks(
    tasks: Sequence[Task],
    *,
    jobs: int,
    log: Path,
    on_report: Callable[[Task, int, int, str], None] = lambda *_: None,
) -> Iterator[Outcome]:
    """Runs every task in one of `jobs` children and yields outcomes as they come.

    A task that fails or crashes does not stop the others. Leaving the iterator early, by an
    exception or Ctrl-C, kills the children.

    Args:
        log: file that takes what the children print.
    """
    todo: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        todo.put(task)
    events: queue.SimpleQueue[Outcome | tuple[Task, int, int, str] | BaseException] = queue.SimpleQueue()
    workers = [_Worker(log) for _ in range(min(jobs, len(tasks)))]
    for worker in workers:
        threading.Thread(target=worker.serve, args=(todo, events.put), daemon=True).start()
    left = len(tasks)
    try:
        while left:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Outcome):
                left -= 1
                yield event
            else:
                on_report(*event)
    finally:
        for worker in workers:
            worker.kill()


class _Worker:
    """One child and the thread that feeds it; a child that died is replaced for the next task."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None
        self.stopped = False
        # Held while a child is started, so that stopping finds either the child or none to come.
        self.starting = threading.Lock()

    def serve(self, todo: queue.SimpleQueue[Task], tell: Callable[[Any], None]) -> None:
        try:
            with contextlib.suppress(queue.Empty):
                while True:
                    task = todo.get_nowait()
                    child = self._started()
                    if child is None:
                        return
                    outcome = self._run(task, child, tell)
                    if self.child and anonymous_bytes(child.pid) > KEPT_BYTES:
                        self._end(child)
                    tell(outcome)
        except BaseException as exc:  # handed to the caller's thread, which raises it
            tell(exc)

    def kill(self) -> None:
        with self.starting:
            self.stopped = True
            child = self.child
        if child is not None:
            self._end(child)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # with whatever it started
        self._bury(child)
        self.child = None

    def _run(self, task: Task, child: subprocess.Popen[bytes], tell: Callable[[Any], None]) -> Outcome:
        assert child.stdin is not None
        assert child.stdout is not None
        patience = _Patience(task.silence_s, child)
        try:
            pickle.dump(task, child.stdin)
            child.stdin.flush()
            while True:
                patience.begin()
                kind, content = pickle.load(child.stdout)
                patience.end()
                if kind == "report":
                    tell((task, *content))
                elif kind == "value":
                    return Outcome(task, value=content)
                elif kind == "error":
                    return Outcome(task, error=content)
                else:
                    return Outcome(task, error=self._died(task, content))
        except (EOFError, BrokenPipeError, pickle.UnpicklingError, ValueError):
            self.child = None
            how, fix = ending(self._bury(child))
            if patience.lost:
                how, fix = f"it told nothing for {task.silence_s:g} s", "a file that takes so long may never end"
            return Outcome(task, error=self._died(task, how, fix))
        finally:
            patience.end()

    def _started(self) -> subprocess.Popen[bytes] | None:
        """The child at hand, or a new one; None once the worker is stopped."""
        with self.starting:
            if self.stopped:
                return None
            if self.child is None:
                self.child = self._start()
            return self.child

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "edgebench.pipeline.children.workers"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C is the parent's to handle: it kills this whole group.
                start_new_session=True,
                env={**os.environ, **QUIET},
            )

    @staticmethod
    def _bury(child: subprocess.Popen[bytes]) -> int:
        code = child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        return code

    def _died(self, task: Task, how: str, fix: str = "") -> WorkerDied:
        see = f"see {self.log}"
        return WorkerDied(f"the child process failed: {how}", subject=task.subject, fix=f"{fix}; {see}" if fix else see)


class _Patience:
    """Ends a child that tells nothing for too long."""

    def __init__(self, silence_s: float, child: subprocess.Popen[bytes]) -> None:
        self.silence_s, self.child, self.lost = silence_s, child, False
        self.alarm = threading.Timer(0, self._lose)

    def begin(self) -> None:
        self.alarm = threading.Timer(self.silence_s, self._lose)
        self.alarm.daemon = True
        self.alarm.start()

    def end(self) -> None:
        self.alarm.cancel()

    def _lose(self) -> None:
        self.lost = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)


def anonymous_bytes(pid: int) -> int:
    """Memory that is no file's; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _child() -> None:
    """Serves tasks from stdin until it closes. Stray prints go to the log, not into the answers."""
    answers: BinaryIO = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(OSError):  # Linux alone has it
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    # PyTorch's builds for CUDA bring it; beside coremltools or TensorFlow it ends the process. Nothing here needs it.
    sys.modules["triton"] = None  # type: ignore[assignment]

    def answer(kind: str, content: Any) -> None:
        pickle.dump((kind, content), answers)
        answers.flush()

    while True:
        try:
            task: Task = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        module, _, attribute = task.function.partition(":")
        try:
            function = getattr(importlib.import_module(module), attribute)
            value = function(report=lambda *progress: answer("report", progress), **task.arguments)
            answer("value", value)
        except Exception as exc:
            with contextlib.suppress(OSError):  # the log may lie on the disk that is full
                traceback.print_exc()
            if error := exc if isinstance(exc, EdgebenchError) else refusal(exc, subject=task.subject):
                answer("error", error)
            else:  # a bug or a library's surprise: named, logged, and one task's loss
                answer("bug", f"{type(exc).__name__}: {str(exc).strip().splitlines()[-1] if str(exc).strip() else ''}")


def _end_with_parent(parent: int) -> None:
    """A parent killed with -9 leaves no orphan at work."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _child()
