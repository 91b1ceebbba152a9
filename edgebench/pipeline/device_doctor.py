"""`edgebench devices doctor|status|clean`: how a board is, what is kept on it, and nothing of it any more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from edgebench.errors import DeviceError, UsageError
from edgebench.pipeline.boards.board import (
    another_machine,
    ask_board,
    basics,
    busy_error,
    leave,
    refuse,
    to_device,
    unsupported,
    unsupported_python,
)
from edgebench.pipeline.boards.checks import Check, board_checks, runtime_checks, system_checks
from edgebench.pipeline.boards.wheels import PACKAGES, installed_version
from edgebench.pipeline.device_trust import shown_keys
from edgebench.pipeline.jobs import tickets
from edgebench.pipeline.jobs.following import only_there
from edgebench.pipeline.jobs.tickets import Ticket
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import DeviceSpec
from edgebench.transports import Transport
from edgebench.transports.ssh_address import address_of
from edgebench.transports.ssh_link import Link


@dataclass(frozen=True)
class Cleaned:
    """What is gone from a board.

    Args:
        left: what lay in edgebench's folder there and is not edgebench's.
        interrupted: unfinished jobs of this store, which begin there anew when they are gone on with.
    """

    device: str
    folder: str
    removed: tuple[str, ...]
    left: tuple[str, ...]
    freed_bytes: int
    interrupted: tuple[str, ...] = ()


def checks(workspace: Workspace, device: str) -> Iterator[Check]:
    """Line by line how the device is, as far as it can be found out; nothing is raised that a line can tell.

    Raises:
        UsageError: its spec, or ssh's configuration, is wrong.
    """
    spec = workspace.device(device)
    if spec.transport == "ssh":
        failed = False
        for check in _way_checks(spec):
            yield check
            failed = check.state == "fail"
        if failed:
            return
    try:
        yield from _machine_checks(to_device(workspace, spec), spec)
    except UsageError:
        raise
    except DeviceError as exc:
        yield Check("work there", "fail", exc.problem, exc.fix)


def _way_checks(spec: DeviceSpec) -> Iterator[Check]:
    """From here to a shell there; nothing follows a line that failed."""
    began = time.monotonic()
    try:
        for found in shown_keys(spec):
            whose = "host key" if found.device == spec.name else "host key of its jump host"
            if found.device == spec.name:
                yield Check("reach", "ok", f"{found.address} in {1000 * (time.monotonic() - began):.0f} ms")
            if found.state != "known":
                before = f", trusted is {' or '.join(found.before)}" if found.before else ""
                word = "has changed" if found.before else "is not trusted yet"
                text = f"{word}: {found.kind} {found.fingerprint}{before}"
                yield Check(whose, "fail", text, f"edgebench devices trust {spec.name}")
                return
            yield Check(whose, "ok", f"{found.kind} {found.fingerprint}")
    except DeviceError as exc:
        yield Check("reach", "fail", f"{exc.subject}: {exc.problem}", exc.fix)
        return
    address = address_of(spec)
    try:
        Link(address).close()
    except DeviceError as exc:
        yield Check("log-in", "fail", exc.problem, exc.fix)
        return
    yield Check("log-in", "ok", f"as {address.user}")


def _machine_checks(transport: Transport, spec: DeviceSpec) -> Iterator[Check]:
    here_s, began = time.time(), time.monotonic()
    found = basics(transport)
    yield from system_checks(found, spec, here_s=here_s, delay_s=time.monotonic() - began)
    if unsupported_python(found, spec.ssh.python):
        leave(transport)
        return
    facts = ask_board(transport, "examine")
    yield from board_checks(facts, spec)
    here = {runtime: version for runtime in PACKAGES if (version := installed_version(runtime))}
    yield from runtime_checks(facts, spec, here, supported=unsupported(found, spec.ssh.python) is None)


def status(workspace: Workspace, device: str) -> dict[str, Any]:
    """What the device does now and what edgebench keeps there, as its `examine` tells.

    Raises:
        DeviceError: it cannot be asked.
    """
    return ask_board(_with_python(workspace, another_machine(workspace, device)), "examine")


def clean(workspace: Workspace, device: str, *, force: bool = False) -> Cleaned:
    """Removes all that edgebench put on the device.

    Args:
        force: end a job that runs there, and lose blocks that are not home.

    Raises:
        DeviceError: it cannot be asked, a job runs there, finished blocks lie there alone, or its folder is that of an
            edgebench on the board.
    """
    spec = another_machine(workspace, device)
    transport, folder = _with_python(workspace, spec), spec.ssh.folder
    unfinished = tickets.unfinished(workspace, device=spec.name)
    if not force:
        _require_home(workspace, transport, unfinished)
    answer = ask_board(transport, "clean", force=force, depth=len(PurePosixPath(folder).parts))
    if "store" in answer:
        raise DeviceError(
            f"an edgebench on the board keeps its results in {folder}",
            subject=spec.name,
            fix="name another folder with `ssh.folder`",
        )
    if "busy" in answer:
        raise busy_error(spec, answer["busy"], "wait for its end, or --force to end it")
    interrupted = tuple(ticket.job for ticket in unfinished if ticket.job in answer["removed"])
    removed, left = tuple(answer["removed"]), tuple(answer["left"])
    return Cleaned(spec.name, folder, removed, left, answer["freed_bytes"], interrupted)


def _require_home(workspace: Workspace, transport: Transport, unfinished: Sequence[Ticket]) -> None:
    for ticket in unfinished:
        if count := only_there(workspace, transport, ticket):
            raise DeviceError(
                f"{count} finished blocks of job {ticket.job} are there alone",
                subject=ticket.device,
                fix=f"bring them home: edgebench runs attach {ticket.job}; or --force to lose them",
            )


def _with_python(workspace: Workspace, spec: DeviceSpec) -> Transport:
    """Raises DeviceError where no Python runs the agent."""
    transport = to_device(workspace, spec)
    refuse(unsupported_python(basics(transport), spec.ssh.python), transport)
    return transport
