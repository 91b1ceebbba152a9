"""The way to a machine: files go there and come back, and commands run there.

A new transport is one file with these four verbs and one row in `TRANSPORTS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from edgebench.agent import AGENT, CONDITIONS
from edgebench.errors import AgentDied, AgentFailed, DeviceError, StoreError, UsageError, ending, refusal
from edgebench.registry import resolve
from edgebench.specs.device import DeviceSpec

TRANSPORTS = {"local": "edgebench.transports.local:this_machine", "ssh": "edgebench.transports.ssh:SshTransport"}
"""Name -> what makes the transport of a device's spec, this machine's folder for it, and the name of a work folder."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Whoever set these meant another program: a task says itself how many threads a model gets."""
SILENCE_S = 30
"""So long does an agent that we may lose sight of wait for a sign of life before it ends."""


OnBytes = Callable[[int, int], None]
"""Is told how many bytes are done, and of how many."""


@dataclass(frozen=True)
class Finished:
    returncode: int
    stdout: str
    stderr: str


class Transport(Protocol):
    """A machine with a work folder. Far paths are relative to that folder.

    Raises only DeviceError, and StoreError where the folder is on this machine and its disk takes no more.
    """

    name: str
    python: str
    """The interpreter that has numpy and the runtimes."""
    folder: str
    leaves: bool
    """Whether we may lose sight of it: then a job there must not depend on us."""

    def put(self, local: Path, remote: str) -> None:
        """Brings a file (or a package directory) there; what was there before is replaced in one step."""
        ...

    def put_all(self, files: Mapping[str, Path], *, on_progress: OnBytes | None = None) -> None:
        """`put` for many and large ones: what the machine has by content already is not sent, what broke off goes on.

        Args:
            files: far path -> file or package directory.
            on_progress: told now and then how many bytes are sent, and of how many.
        """
        ...

    def get(self, remote: str, local: Path) -> None:
        """Brings a file back."""
        ...

    def read(self, remote: str, start: int, most: int = -1) -> bytes:
        """What a file holds from byte `start` on, at most so many; nothing where there is no such file yet."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        on_line: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> Finished:
        """Runs a command in the work folder, giving each line of its stdout to `on_line` as it comes.

        Its standard input stays open until it ends: a command that reads on sees the end only when we are gone.
        """
        ...

    def stop(self) -> None:
        """Ends whatever runs there for us; may be called from another thread than `run`."""
        ...


def connect(spec: DeviceSpec, home: Path, work: str = "") -> Transport:
    """The device's transport.

    Args:
        home: where a machine that is this one keeps what it works with; others have a home of their own.
        work: the work folder below it.

    Raises:
        UsageError: it is a pool of devices.
    """
    require_one(spec)
    transport: Transport = resolve(TRANSPORTS, spec.transport, kind="transport")(spec, home, work)
    return transport


def require_one(spec: DeviceSpec) -> None:
    """Raises UsageError where a spec means several devices."""
    if spec.pool:
        raise UsageError("is a pool", subject=spec.name, fix=f"name one of its boards: {', '.join(spec.pool)}")


def inside(remote: str) -> PurePosixPath:
    """Raises DeviceError where a path leaves the work folder."""
    path = PurePosixPath(remote)
    if path.is_absolute() or ".." in path.parts:
        raise DeviceError("not a path inside the work folder", subject=repr(remote))
    return path


def ask_agent(
    transport: Transport,
    task: Mapping[str, Any],
    *,
    subject: str = "",
    on_progress: Callable[[dict[str, Any]], None] | None = None,
    timeout_s: float | None = None,
) -> dict[str, Any]:
    """Ships the agent, gives it a task and returns its answer.

    Args:
        subject: what a failure is about, beside the machine: a variant, say.

    Raises:
        AgentFailed: it answered with an error; AgentDied: it ended without an answer.
        DeviceError: the machine cannot be worked with.
    """

    def on_line(line: str) -> None:
        # Only the last line, the answer, says the schema.
        if on_progress is not None and (progress := _json(line)) and "schema" not in progress:
            on_progress(progress)

    for file in (AGENT, CONDITIONS):
        transport.put(file, file.name)
    asked = json.dumps({**task, "lifeline": True, "silence_s": SILENCE_S if transport.leaves else None})
    argv = [transport.python, AGENT.name, "-"]
    finished = transport.run(argv, stdin=asked + "\n", on_line=on_line, timeout_s=timeout_s)
    answer = _json(finished.stdout.strip().rpartition("\n")[2])
    about = f"{transport.name}, {subject or task.get('model') or task['task']}"
    if answer is None or (finished.returncode and "error" not in answer):
        last_words = finished.stderr.strip()[-500:]
        how, fix = ending(finished.returncode)
        raise AgentDied(f"the agent failed: {how}: {last_words}".rstrip(": "), subject=about, fix=fix)
    if "error" in answer:
        raise agent_failed(answer["error"], about)
    return answer


def agent_failed(error: Mapping[str, Any], about: str) -> AgentFailed:
    """The agent's own account of what went wrong as our error."""
    if "errno" in error:
        full = refusal(OSError(error["errno"], error["message"]) if error["errno"] else OSError(error["message"]))
        if isinstance(full, StoreError):
            return AgentFailed(
                full.problem, subject=about, fix="free some space there, then run the same command again"
            )
    return AgentFailed(f"{error['type']}: {error['message']} ({error['where']})", subject=about)


def _json(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
