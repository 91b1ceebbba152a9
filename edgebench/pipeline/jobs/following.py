"""A job on a device, followed until it ends: block by block brought home, through whatever happens to the link."""

from __future__ import annotations

import contextlib
import getpass
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from edgebench.agent import JOB
from edgebench.errors import (
    AgentDied,
    DeviceError,
    EdgebenchError,
    JobDied,
    LinkLost,
    Unreachable,
    raise_all,
)
from edgebench.pipeline.jobs.sameness import keep_answers
from edgebench.pipeline.jobs.tickets import Ticket
from edgebench.pipeline.workspace import Workspace
from edgebench.progress import Step
from edgebench.transports import Transport, agent_failed, ask_agent
from edgebench.units import duration_text

JOURNAL = "journal.jsonl"
CHUNK_BYTES = 1 << 20
BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
PATIENCE_S = 600.0
DEADLINE_S = 900.0
"""So long does a job go on that nobody follows: longer than we try to come back to it."""
CANCEL_S = 5.0

T = TypeVar("T")


def carry_out(
    workspace: Workspace, transport: Transport, ticket: Ticket, *, begin: bool = True, detach: bool = False
) -> None:
    """Has a job done whose files are there, and keeps every block as soon as it is finished.

    On a device that we may lose sight of the job does not depend on us; stopped by Ctrl-C it ends nevertheless, unless
    it was begun with `detach` or is only looked at.

    Args:
        begin: False to follow what runs or has ended there already.
        detach: begin it and come back; it goes on however long nobody follows it.

    Raises:
        AgentFailed: blocks that could not be measured.
        JobDied: it ended before its time.
        LinkLost: the device was out of reach for too long; the job may go on there.
        DeviceError: another job has the device.
    """
    with workspace.progress.step(f"measuring on {transport.name}") as step:
        if not transport.leaves:
            _attend(workspace, transport, ticket, step)
            return
        following = _Following(workspace, transport, ticket, step)
        try:
            if begin:
                following.begin(detach=detach)
            if not detach:
                following.to_the_end()
        except KeyboardInterrupt:
            if following.ours:
                following.cancel()
            raise


def ask_job(transport: Transport, task: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """One of the tasks of jobs that go on without us."""
    transport.put(JOB, JOB.name)
    return ask_agent(transport, task, **options)


def journal_lines(
    transport: Transport, start: int = 0, *, journal: str = JOURNAL
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The whole lines from byte `start` on, each with the place of its end; the last one may still be under way."""
    rest, place = b"", start
    while True:
        chunk = transport.read(journal, place + len(rest), CHUNK_BYTES)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            place += len(line) + 1
            yield place, json.loads(line)
        if len(chunk) < CHUNK_BYTES:  # to ask whether there is more would take as long as this
            return


def only_there(workspace: Workspace, transport: Transport, ticket: Ticket) -> int:
    """How many finished blocks of a job are on the device alone.

    Args:
        transport: to the device's own folder, in which the jobs have theirs.
    """
    lines = [line for _, line in journal_lines(transport, journal=f"{ticket.job}/{JOURNAL}")]
    finished = {f"{ticket.job}/{line['block']}" for line in lines if "measured" in line and line["job"] == ticket.job}
    return len(finished - ticket.kept(workspace))


class Collector:
    """Keeps the blocks of a job's journal, reading each line once."""

    def __init__(self, workspace: Workspace, transport: Transport, ticket: Ticket) -> None:
        self.workspace, self.transport, self.ticket = workspace, transport, ticket
        self.kept = ticket.kept(workspace)
        self.place = 0

    def collect(self) -> None:
        if self.place and self.transport.read(JOURNAL, self.place - 1, 1) != b"\n":
            self.place = 0  # a power cut took back what we had read
        for place, line in journal_lines(self.transport, self.place):
            key = f"{self.ticket.job}/{line['block']}"
            if line["job"] == self.ticket.job and "measured" in line and key not in self.kept:
                self._keep(key, line)
            self.place = place

    def _keep(self, key: str, line: Mapping[str, Any]) -> None:
        ticket = self.ticket
        artifact = ticket.artifacts[line["block"]]
        answers = keep_answers(self.workspace.store.blobs, line["outputs"])
        block = ticket.block_record(
            job=ticket.job, device=ticket.device, artifact=artifact, answers=answers, **line["measured"]
        )
        self.workspace.store.save(key, block)
        self.kept.add(key)


def _attend(workspace: Workspace, transport: Transport, ticket: Ticket, step: Step) -> None:
    """The agent ends with us here."""
    blocks = Collector(workspace, transport, ticket)

    def on_progress(progress: dict[str, Any]) -> None:
        blocks.collect()
        step.update(progress["done"], progress["total"], progress.get("block", ""))

    answer = ask_agent(transport, ticket.task, on_progress=on_progress)
    blocks.collect()
    _raise_failed_blocks(ticket, answer)


class _Following:
    def __init__(self, workspace: Workspace, transport: Transport, ticket: Ticket, step: Step) -> None:
        self.workspace, self.transport, self.ticket, self.step = workspace, transport, ticket, step
        self.blocks = Collector(workspace, transport, ticket)
        self.heard = False
        self.begun = self.ours = False

    def begin(self, *, detach: bool = False) -> None:
        task = {
            "task": "start",
            "schedule": self.ticket.task,
            "deadline_s": None if detach else DEADLINE_S,
            "holder": f"{getpass.getuser()}@{socket.gethostname()}",
        }
        self.ours = not detach
        answer = self._persistently(lambda: ask_job(self.transport, task))
        if "held" in answer:
            raise in_use(self.ticket.device, answer["held"])
        self.begun, self.ours = True, not answer["detached"]

    def to_the_end(self) -> None:
        """One that was killed is begun again, as long as each attempt brings it on."""
        while True:
            before = len(self.blocks.kept)
            ended = self._persistently(self._follow)
            error = ended.get("error")
            if error is None:
                return _raise_failed_blocks(self.ticket, ended)
            if error["type"] not in ("Killed", "Abandoned", "Cancelled"):
                raise agent_failed(error, self.ticket.device)
            if error["type"] == "Cancelled" or not self.begun or len(self.blocks.kept) == before:
                raise died(self.ticket, error["message"])
            self.workspace.progress.note(f"{self.ticket.device}: {error['message']}; going on")
            self.begin(detach=not self.ours)

    def _follow(self) -> dict[str, Any]:
        task = {"task": "follow", "job": self.ticket.job}
        answer = ask_job(self.transport, task, on_progress=self._on_progress)
        if "silent" in answer:
            raise LinkLost("we were silent for too long", subject=self.ticket.device)
        self.blocks.collect()
        ended: dict[str, Any] = answer["ended"]
        return ended

    def _on_progress(self, progress: dict[str, Any]) -> None:
        self.heard = True
        self.blocks.collect()
        self.step.update(progress["done"], progress["total"], progress.get("block", ""))

    def _persistently(self, do: Callable[[], T]) -> T:
        """Does it again while the link is lost, at growing distances."""
        lost_at, attempt = 0.0, 0
        while True:
            try:
                return do()
            except (LinkLost, Unreachable, AgentDied) as exc:
                now = time.monotonic()
                if self.heard or not lost_at:
                    lost_at, attempt, self.heard = now, 0, False
                if now - lost_at > PATIENCE_S:
                    raise self._out_of_reach() from exc
                self.workspace.progress.note(f"{self.ticket.device}: {exc.problem}; trying again")
            time.sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
            attempt += 1

    def _out_of_reach(self) -> LinkLost:
        return LinkLost(
            f"out of reach for {duration_text(PATIENCE_S)}; job {self.ticket.job} may go on there, "
            f"{len(self.blocks.kept)} of {self.ticket.total} blocks are here",
            subject=self.ticket.device,
            fix="run the same command again when it is back: what is finished is kept",
        )

    def cancel(self) -> None:
        """Tries to, for a moment: one who cannot be reached ends at its deadline, and we say so."""
        ended = threading.Event()

        def work() -> None:
            with contextlib.suppress(EdgebenchError):
                ask_job(self.transport, {"task": "cancel", "job": self.ticket.job})
                ended.set()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(CANCEL_S)
        if not ended.is_set():
            job, device = self.ticket.job, self.ticket.device
            until = f"for {duration_text(DEADLINE_S)}; edgebench runs cancel {job} ends it"
            self.workspace.progress.note(f"{device}: job {job} may go on there {until}")


def in_use(device: str, lease: Mapping[str, Any]) -> DeviceError:
    """Somebody else's job has the device."""
    who, since, job = (lease.get(key, "unknown") for key in ("holder", "started_at", "job"))
    return DeviceError(
        f"in use by {who} since {since}: job {job}",
        subject=device,
        fix=f"wait until it has ended, or end it there: edgebench runs cancel {job}",
    )


def died(ticket: Ticket, why: str) -> JobDied:
    return JobDied(
        f"job {ticket.job} ended before it was finished: {why}",
        subject=ticket.device,
        fix=f"edgebench run --device {ticket.device} --resume: what is finished is kept",
    )


def _raise_failed_blocks(ticket: Ticket, answer: Mapping[str, Any]) -> None:
    raise_all([agent_failed(error, f"{ticket.device}, block {error['block']}") for error in answer["errors"]])
