"""`edgebench devices setup`: the runtimes on a board that needs no internet, no root and no pip for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.errors import DeviceError
from edgebench.pipeline.boards.board import (
    Basics,
    another_machine,
    ask_board,
    basics,
    busy_error,
    refuse,
    require_board,
    to_device,
    unsupported,
)
from edgebench.pipeline.boards.checks import SET_CLOCK
from edgebench.pipeline.boards.shipping import ship
from edgebench.pipeline.boards.wheels import MODULES, PACKAGES, Wheel, resolve, runtimes_of
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import DeviceSpec
from edgebench.transports import Transport
from edgebench.units import bytes_text, lag_text

SPARE_BYTES = 50_000_000
"""For what Python compiles when it loads the runtimes, and for a job's own files."""


@dataclass(frozen=True)
class SetUp:
    """What is on the board now.

    Args:
        runtimes: runtime -> version, as the board itself tells.
        sent_bytes: what had to be sent for it.
        notes: what is not as on this machine.
    """

    device: str
    runtimes: dict[str, str]
    wheels: tuple[Wheel, ...]
    sent_bytes: int
    notes: tuple[str, ...]


def set_up(workspace: Workspace, device: str, *, wheels: Path | None = None) -> SetUp:
    """Brings the runtimes that the device's spec names, in this machine's versions where its Python has them.

    What is there already is not sent again. Until all is unpacked and loads, what was set up before stays in use.

    Args:
        wheels: a folder of wheels to choose from, instead of the package index.

    Raises:
        DeviceError: it cannot be reached, its system is not supported, it has too little space or is in use, or what
            was brought does not load there.
    """
    spec = another_machine(workspace, device)
    transport = to_device(workspace, spec)
    asked_s = time.time()
    found = basics(transport)
    late = _clock(found, asked_s)
    refuse(unsupported(found, spec.ssh.python), transport)
    runtimes = runtimes_of(spec.runtimes)
    if not runtimes:
        raise DeviceError("its spec names no runtime that wheels bring", subject=device, fix="add litert to `runtimes`")
    resolved = resolve(workspace, found, runtimes, folder=wheels)
    facts = ask_board(transport, "examine")
    if facts["busy"] is not None:
        raise busy_error(spec, facts["busy"], "wait for its end, then set it up")
    require_board(spec, facts["board"])
    missing = _missing(resolved.wheels, facts)
    _require_space(spec, missing, facts)
    sent_bytes = _send(workspace, transport, missing)
    _unpack(workspace, spec, transport, resolved.wheels, runtimes)
    there = _verified(spec, transport, resolved.wheels, runtimes)
    notes = (*resolved.notes, *_left_out(spec, runtimes), *late)
    return SetUp(spec.name, there, resolved.wheels, sent_bytes, notes)


def _left_out(spec: DeviceSpec, runtimes: Sequence[str]) -> list[str]:
    return [
        f"{runtime} is left out: install it there, for the Python that `ssh.python` names"
        for runtime in spec.runtimes
        if runtime not in runtimes
    ]


def _clock(found: Basics, asked_s: float) -> list[str]:
    lag = lag_text(found.now_s - asked_s, delay_s=time.time() - asked_s) if found.now_s is not None else ""
    return [f"its clock is {lag}: {SET_CLOCK}"] if lag else []


def _missing(wheels: Sequence[Wheel], facts: Mapping[str, Any]) -> list[Wheel]:
    """None where exactly these are unpacked there, else those of which no file waits to be unpacked."""
    if {wheel.sha256 for wheel in wheels} == {wheel["sha256"] for wheel in facts["site"]}:
        return []
    return [wheel for wheel in wheels if f"{wheel.sha256}.whl" not in facts["wheels"]]


def _require_space(spec: DeviceSpec, missing: Sequence[Wheel], facts: Mapping[str, Any]) -> None:
    """Raises DeviceError before anything is sent."""
    needed = sum(wheel.size_bytes + wheel.unpacked_bytes for wheel in missing) + (SPARE_BYTES if missing else 0)
    if needed > facts["disk_free_bytes"]:
        raise DeviceError(
            f"too little space: {bytes_text(needed)} are needed, {bytes_text(facts['disk_free_bytes'])} are free",
            subject=spec.name,
            fix="free some space there, then run the same command again",
        )


def _send(workspace: Workspace, transport: Transport, wheels: Sequence[Wheel]) -> int:
    if wheels:
        ship(workspace.progress, transport, {f"wheels/{wheel.sha256}.whl": wheel.file for wheel in wheels})
    return sum(wheel.size_bytes for wheel in wheels)


def _unpack(
    workspace: Workspace, spec: DeviceSpec, transport: Transport, wheels: Sequence[Wheel], runtimes: Sequence[str]
) -> None:
    told = [{"name": wheel.name, "version": wheel.version, "sha256": wheel.sha256} for wheel in wheels]
    imports = [MODULES[runtime] for runtime in runtimes]
    answer = ask_board(transport, "unpack", wheels=told, imports=imports)
    if answer.get("damaged"):  # by another machine's setup, or on a disk that lost what it took
        damaged = [wheel for wheel in wheels if wheel.sha256 in answer["damaged"]]
        _send(workspace, transport, damaged)
        answer = ask_board(transport, "unpack", wheels=told, imports=imports)
    if "busy" in answer:
        raise busy_error(spec, answer["busy"], "wait for its end, then set it up")
    if "damaged" in answer:
        raise DeviceError("wheels arrive there damaged", subject=spec.name, fix="check its disk")
    if "broken" in answer:
        raise DeviceError(
            f"the runtimes do not load there: {answer['broken']}",
            subject=spec.name,
            fix="nothing was changed; name another Python with `ssh.python`, or other wheels with --wheels",
        )


def _verified(
    spec: DeviceSpec, transport: Transport, wheels: Sequence[Wheel], runtimes: Sequence[str]
) -> dict[str, str]:
    """Runtime -> version, as its agent tells it."""
    versions = {wheel.name: wheel.version for wheel in wheels}
    there: dict[str, str] = ask_board(transport, "examine")["runtimes"]
    for runtime in runtimes:
        if there.get(runtime) != versions[PACKAGES[runtime][0]]:
            raise DeviceError(
                f"its {runtime} is {there.get(runtime) or 'not found'} after the set-up",
                subject=spec.name,
                fix="see what its PYTHONPATH and its own Python packages hold",
            )
    return {runtime: there[runtime] for runtime in runtimes}
