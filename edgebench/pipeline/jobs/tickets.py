"""What the store knows of jobs that are not whole yet: enough to go on with them, and to bring their blocks home."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgebench.files import as_store_errors, replacing
from edgebench.frozen import Frozen
from edgebench.pipeline.workspace import Workspace
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.specs.variant import Variant
from edgebench.store.store import KINDS

FOLDER = "runs"


class Source(Frozen):
    """Of what a file on the device was made: a blob of the store, or a file of this machine."""

    sha256: str
    file: str = ""


class Ticket(Frozen):
    """A job as it was asked of a device."""

    job: str
    device: str
    kind: str
    """Of the record that it is kept as itself."""
    block_kind: str
    """Of those that its blocks are kept as."""
    task: dict[str, Any]
    """The agent's."""
    artifacts: dict[str, str]
    """Block -> sha256 of the artifact it measures."""
    files: dict[str, Source] | None = None
    """Path in the job's folder there -> what belongs there; None where an earlier edgebench did not note it."""

    @property
    def total(self) -> int:
        return len(self.task["blocks"])

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(sorted({Variant.parse(block["variant"]).model for block in self.task["blocks"]}))

    @property
    def record(self) -> type[MeasurementJob]:
        (record,) = (each for each, kind in KINDS.items() if kind == self.kind and issubclass(each, MeasurementJob))
        return record

    @property
    def block_record(self) -> type[Block]:
        (record,) = (each for each, kind in KINDS.items() if kind == self.block_kind and issubclass(each, Block))
        return record

    def kept(self, workspace: Workspace) -> set[str]:
        """Keys of the blocks that are home."""
        return workspace.store.database.keys(self.block_kind, f"{self.job}/")


def keep(workspace: Workspace, ticket: Ticket) -> None:
    path = _path(workspace, ticket.job)
    with as_store_errors(path), replacing(path) as part:
        part.write_text(ticket.model_dump_json())


def drop(workspace: Workspace, ticket: Ticket) -> None:
    path = _path(workspace, ticket.job)
    with as_store_errors(path):
        path.unlink(missing_ok=True)


def unfinished(workspace: Workspace, *, device: str = "", models: Iterable[str] = ()) -> tuple[Ticket, ...]:
    """Of a device or of all, with all of these models, the one asked for last coming first."""
    files = sorted(workspace.store.folder(FOLDER).glob("[!.]*.json"), key=lambda path: -path.stat().st_mtime_ns)
    tickets = [ticket for path in files if (ticket := _read(path))]
    return tuple(
        ticket
        for ticket in tickets
        if device in ("", ticket.device)
        and set(models) <= set(ticket.models)
        and len(ticket.kept(workspace)) < ticket.total
    )


def _path(workspace: Workspace, job: str) -> Path:
    return workspace.store.folder(FOLDER) / f"{job}.json"


def _read(path: Path) -> Ticket | None:
    """None for one of another edgebench, with which we cannot go on."""
    try:
        return Ticket.model_validate(json.loads(path.read_text()))
    except (ValidationError, ValueError):
        return None
