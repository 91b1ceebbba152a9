"""`edgebench runs` and `edgebench run --resume`: jobs that are not whole yet, asked of the devices they are on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from edgebench.errors import DeviceError, EdgebenchError, NothingMeasured, StoreError, UnknownName
from edgebench.files import is_locked
from edgebench.frozen import Frozen
from edgebench.pipeline.boards.lease import is_leased, lease
from edgebench.pipeline.jobs import tickets
from edgebench.pipeline.jobs.blocks import Measured
from edgebench.pipeline.jobs.following import ask_job, carry_out
from edgebench.pipeline.jobs.sending import send_again
from edgebench.pipeline.jobs.tickets import Ticket
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import DeviceSpec
from edgebench.transports import connect


class Run(Frozen):
    """A job of this store that is not whole yet."""

    job: str
    device: str
    models: tuple[str, ...]
    state: Literal["being sent", "running", "finished", "interrupted", "unreachable"]
    """Being sent by a command that is at work now; finished there, its last blocks not brought home yet; interrupted:
    `run --resume` goes on with it."""
    why: str = ""
    here: int
    """Blocks that are home."""
    done: int
    total: int
    holder: str = ""
    age_s: float | None = None


def runs(workspace: Workspace) -> tuple[Run, ...]:
    """Every unfinished job, the one asked for last coming first; each device is asked once, all at the same time."""
    found = tickets.unfinished(workspace)
    devices = tuple(dict.fromkeys(ticket.device for ticket in found))
    with ThreadPoolExecutor(max(1, len(devices))) as pool:
        told = dict(zip(devices, pool.map(lambda device: _told(workspace, device), devices), strict=True))
    every = tuple(_run(workspace, ticket, told[ticket.device]) for ticket in found)
    return tuple(_sent_now(workspace, run) if run.job in _newest(found) else run for run in every)


def attach(workspace: Workspace, job: str = "") -> Measured:
    """Follows an unfinished job until it ends.

    Args:
        job: the beginning of its id; by default the one asked for last.

    Raises:
        JobDied: it was interrupted.
    """
    return _go_on(workspace, _chosen(workspace, job), begin=False)


def resume(workspace: Workspace, device: str, models: Sequence[str] = ()) -> Measured:
    """Goes on with the unfinished job that was asked of a device last, as it was asked.

    Args:
        models: only one that measures all of these.

    Raises:
        NothingMeasured: there is none, or the runtimes that it was begun with are not on the device any more.
    """
    workspace.device(device)
    found = tickets.unfinished(workspace, device=device, models=models)
    if not found:
        raise NothingMeasured("no unfinished run", subject=device, fix="run without --resume")
    return _go_on(workspace, found[0], begin=True)


def cancel(workspace: Workspace, job: str) -> bool:
    """Ends a job and forgets that it is unfinished; what is finished is kept. True where it was at work."""
    ticket = _chosen(workspace, job)
    spec = workspace.device(ticket.device)
    was_at_work = False
    if spec.transport != "local":
        transport = connect(spec, _folder(workspace, spec), ticket.job)
        was_at_work = bool(ask_job(transport, {"task": "cancel", "job": ticket.job})["cancelled"])
    elif _runs_here(workspace, ticket):
        raise DeviceError("runs in another terminal", subject=ticket.job, fix="press Ctrl-C there")
    tickets.drop(workspace, ticket)
    return was_at_work


def _go_on(workspace: Workspace, ticket: Ticket, *, begin: bool) -> Measured:
    spec = workspace.device(ticket.device)
    with lease(workspace, spec):
        transport = connect(spec, _folder(workspace, spec), ticket.job)
        if begin:
            send_again(workspace, transport, ticket)
        carry_out(workspace, transport, ticket, begin=begin)
    tickets.drop(workspace, ticket)
    return _found(workspace, ticket)


def _found(workspace: Workspace, ticket: Ticket) -> Measured:
    """All that is kept of a job."""
    job = workspace.store.get(ticket.record, ticket.job)
    blocks = workspace.store.latest(ticket.block_record, f"{ticket.job}/")
    return Measured(job, tuple(blocks), {})


def _chosen(workspace: Workspace, job: str) -> Ticket:
    found = tickets.unfinished(workspace)
    if not found:
        raise NothingMeasured("no run is unfinished", fix="edgebench run")
    matching = [ticket for ticket in found if ticket.job.startswith(job)]
    if not matching or (job and len(matching) > 1):
        raise UnknownName.among(job, (ticket.job for ticket in found), kind="unfinished run")
    return matching[0]


def _told(workspace: Workspace, device: str) -> dict[str, dict[str, Any]] | str:
    """What a device says of its jobs, or why it says nothing; nothing of this machine's."""
    try:
        spec = workspace.device(device)
        if spec.transport == "local":
            return {}
        answer = ask_job(connect(spec, _folder(workspace, spec)), {"task": "jobs"})
    except StoreError:
        raise
    except EdgebenchError as exc:
        return str(exc)
    return {each["job"]: each for each in answer["jobs"]}


def _run(workspace: Workspace, ticket: Ticket, told: dict[str, dict[str, Any]] | str) -> Run:
    here = len(ticket.kept(workspace))
    facts: dict[str, Any] = {
        "job": ticket.job,
        "device": ticket.device,
        "models": ticket.models,
        "here": here,
        "total": ticket.total,
    }
    if isinstance(told, str):
        return Run(state="unreachable", why=told, done=here, **facts)
    there = told.get(ticket.job)
    if there is None:
        running = _runs_here(workspace, ticket)
        return Run(state="running" if running else "interrupted", done=here, **facts)
    same = {key: there[key] for key in ("state", "why", "holder", "age_s")}
    return Run(done=max(here, there["done"]), **same, **facts)


def _newest(found: Sequence[Ticket]) -> set[str]:
    """Of each device the job that was asked for last."""
    return set({ticket.device: ticket.job for ticket in reversed(found)}.values())


def _sent_now(workspace: Workspace, run: Run) -> Run:
    """A command that holds the device while nothing runs there is still on its way to begin it."""
    waits = run.state == "interrupted" and is_leased(workspace.device(run.device))
    return run.model_copy(update={"state": "being sent"}) if waits else run


def _runs_here(workspace: Workspace, ticket: Ticket) -> bool:
    """True while an agent on this machine holds the job's journal."""
    lock = workspace.store.home / "devices" / ticket.device / ticket.job / f"{ticket.task['journal']}.lock"
    return is_locked(lock)


def _folder(workspace: Workspace, spec: DeviceSpec) -> Path:
    return workspace.store.folder("devices", spec.name)
