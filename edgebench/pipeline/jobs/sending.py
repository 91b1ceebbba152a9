"""The files of a job on their way to its device: when it is begun, and again when it is gone on with."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

from edgebench.digests import sha256_file
from edgebench.errors import DeviceError, NothingMeasured
from edgebench.files import as_store_errors
from edgebench.pipeline.boards.shipping import ship
from edgebench.pipeline.children.agents import describe
from edgebench.pipeline.jobs.tickets import Source, Ticket
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import Runtime
from edgebench.transports import Transport

BEGUN = "job.json"
"""Lies in the folder of every job that was begun there."""
AGAIN = "run the same command again, without --resume: what is finished is kept"


def source_of(file: Path) -> Source:
    with as_store_errors(file):
        return Source(sha256=sha256_file(file), file=str(file.absolute()))


def send(workspace: Workspace, transport: Transport, ticket: Ticket) -> None:
    """Brings a job's files to its folder there; what is there already is not sent."""
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as folder:
        found = {
            remote: Path(source.file) if source.file else _exported(workspace, remote, source, Path(folder))
            for remote, source in (ticket.files or {}).items()
        }
        ship(workspace.progress, transport, found)


def send_again(workspace: Workspace, transport: Transport, ticket: Ticket) -> None:
    """As `send`, of a job that was begun before, whose files there may have been cleaned away since.

    Raises:
        DeviceError: they are gone there, and here they are not what they were.
        NothingMeasured: so are the runtimes.
    """
    if transport.leaves:
        _require_runtimes(transport, ticket)
        if ticket.files is None:
            _require_there(transport, ticket)
    for source in (ticket.files or {}).values():
        if source.file and not _is_unchanged(source):
            raise DeviceError(
                f"job {ticket.job} was begun with another {source.file}", subject=ticket.device, fix=AGAIN
            )
    send(workspace, transport, ticket)


def _exported(workspace: Workspace, remote: str, source: Source, folder: Path) -> Path:
    """Under its own name, because runtimes go by the suffix."""
    return workspace.store.blobs.export(source.sha256, folder / source.sha256[:16] / Path(remote).name)


def _is_unchanged(source: Source) -> bool:
    file = Path(source.file)
    with as_store_errors(file):
        return file.is_file() and sha256_file(file) == source.sha256


def _require_runtimes(transport: Transport, ticket: Ticket) -> None:
    needed = {block["runtime"] for block in ticket.task["blocks"]} & set(get_args(Runtime))
    if needed and (missing := needed - describe(transport).runtimes.keys()):
        names = " and ".join(sorted(missing))
        fix = f"edgebench devices setup {ticket.device}, then run the same command again"
        raise NothingMeasured(f"{names} is not there any more", subject=ticket.device, fix=fix)


def _require_there(transport: Transport, ticket: Ticket) -> None:
    """Of a job of an edgebench that did not note what it sent."""
    if not transport.read(BEGUN, 0, 1):
        raise DeviceError(f"the files of job {ticket.job} are gone there", subject=ticket.device, fix=AGAIN)
