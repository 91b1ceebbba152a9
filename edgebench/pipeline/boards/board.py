"""A device that is another machine, asked first without Python, then by the agent and the file beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgebench.agent import BOARD
from edgebench.errors import DeviceError, UsageError
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.device import DeviceSpec
from edgebench.transports import Transport, ask_agent, connect, require_one

OLDEST_PYTHON = (3, 9)
PYTHONS = ((3, 11), (3, 13))
"""The first and the last for which the runtimes' wheels exist in the versions that edgebench itself needs."""
MACHINES = ("x86_64", "aarch64", "arm64")
PROBE_S = 30.0
_PYTHON = (
    "import platform, struct, sys; "
    "print('%d.%d.%d' % sys.version_info[:3], struct.calcsize('P') * 8, platform.python_implementation())"
)
_PROBE = "; ".join(  # one line: a csh takes no other inside quotes
    (
        'say() { printf \'%s=%s\\n\' "$1" "$2"; }',
        'say machine "$(uname -m)"',
        'say system "$(uname -s)"',
        'say release "$(uname -r)"',
        'say bits "$(getconf LONG_BIT 2>/dev/null)"',
        'say libc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"',
        'say macos "$(sw_vers -productVersion 2>/dev/null)"',
        'say now "$(date +%s)"',
        'say python "$("$1" -c "$2" 2>/dev/null)"',
        "for each in python3.9 python3.10 python3.11 python3.12 python3.13",
        'do command -v "$each" >/dev/null 2>&1 && say other "$each"',
        "done",
        "exit 0",
    )
)


@dataclass(frozen=True)
class Basics:
    """What a shell tells of a machine.

    Args:
        machine: as `uname -m` names the processor the kernel runs on.
        bits: of programs, None where unknown.
        glibc: (2, 36), say; None where the C library is another.
        now_s: its clock, in seconds since 1970.
        python: the version of `ssh.python`, None where that does not run.
        others: later interpreters that it also has.
    """

    machine: str
    system: str
    release: str = ""
    bits: int | None = None
    glibc: tuple[int, int] | None = None
    macos: str = ""
    now_s: int | None = None
    python: tuple[int, ...] | None = None
    implementation: str = ""
    others: tuple[str, ...] = ()

    @property
    def python_text(self) -> str:
        return ".".join(map(str, self.python or ()))


def another_machine(workspace: Workspace, name: str) -> DeviceSpec:
    """The spec of a device behind SSH.

    Raises:
        UsageError: it is this machine, or a pool.
    """
    spec = workspace.device(name)
    require_one(spec)
    if spec.transport == "local":
        raise UsageError(
            "is this machine, which needs no set-up", subject=spec.name, fix="name a device with `transport: ssh`"
        )
    return spec


def to_device(workspace: Workspace, spec: DeviceSpec) -> Transport:
    return connect(spec, workspace.store.folder("devices", spec.name))


def basics(transport: Transport) -> Basics:
    """What the shell there tells.

    Raises:
        DeviceError: there is no shell that answers.
    """
    argv = ["sh", "-c", _PROBE, "sh", transport.python, _PYTHON]
    finished = transport.run(argv, timeout_s=PROBE_S)
    if finished.returncode:
        last = (finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"])[-1]
        raise DeviceError(f"its shell does not answer: {last}", subject=transport.name, fix="look at it there")
    return basics_of(finished.stdout)


def basics_of(text: str) -> Basics:
    """Lines of `key=value`; what cannot be understood counts as not told."""
    pairs = [line.partition("=")[::2] for line in text.splitlines() if "=" in line]
    told = {key: value.strip() for key, value in pairs}
    python = re.fullmatch(r"(\d+)\.(\d+)\.(\d+) (\d+) (\S+)", told.get("python", ""), re.ASCII)
    glibc = re.fullmatch(r"glibc (\d+)\.(\d+).*", told.get("libc", ""), re.ASCII)
    return Basics(
        machine=told.get("machine", ""),
        system=told.get("system", ""),
        release=told.get("release", ""),
        bits=int(python[4]) if python else _number(told.get("bits", "")),
        glibc=(int(glibc[1]), int(glibc[2])) if glibc else None,
        macos=told.get("macos", ""),
        now_s=_number(told.get("now", "")),
        python=tuple(int(python[part]) for part in (1, 2, 3)) if python else None,
        implementation=python[5] if python else "",
        others=tuple(value.strip() for key, value in pairs if key == "other"),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


Why = tuple[str, str]
"""A problem and its fix."""


def unsupported(found: Basics, python: str) -> Why | None:
    """Why the runtimes cannot work on such a machine, None where they can.

    Args:
        python: the interpreter that the spec names.
    """
    return unsupported_machine(found) or unsupported_libc(found) or unsupported_python(found, python)


def unsupported_machine(found: Basics) -> Why | None:
    system = "install the 64-bit Raspberry Pi OS, or another 64-bit system"
    if found.system not in ("Linux", "Darwin"):
        return f"runs {found.system or 'an unknown system'}, not Linux or macOS", "use a machine with one of these"
    if re.fullmatch(r"armv[5-8]l?\w*|i[3-6]86", found.machine):
        return f"a 32-bit system ({found.machine}), for which there are no runtimes", system
    if found.machine not in MACHINES:
        name = found.machine or "unknown"
        return f"a processor ({name}) for which there are no runtimes", "use a 64-bit Arm or x86 machine"
    if found.bits == 32:
        problem = f"a 64-bit kernel ({found.machine}) with 32-bit programs, for which there are no runtimes"
        return problem, system
    return None


def unsupported_libc(found: Basics) -> Why | None:
    if found.system == "Linux" and found.glibc is None:
        return "its C library is not glibc, for which the runtimes are made", "use Debian, Ubuntu or the like"
    return None


def unsupported_python(found: Basics, python: str) -> Why | None:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    hint = f"name {found.others[-1]} with `ssh.python`, which it has" if found.others else ""
    if found.python is None:
        return f"no Python: {python} does not run there", hint or "install python3 there, or name it with `ssh.python`"
    if found.python[:2] < OLDEST_PYTHON:
        problem = f"its Python {found.python_text} is too old, {oldest} is needed"
        return problem, hint or "install a later system there, or name a later Python with `ssh.python`"
    if found.implementation != "CPython":
        return f"its Python is {found.implementation}, the runtimes are for CPython", hint or "install CPython there"
    return None


def refuse(why: Why | None, transport: Transport) -> None:
    """Raises DeviceError where there is a reason to, and leaves nothing there then."""
    if why:
        leave(transport)
        raise DeviceError(why[0], subject=transport.name, fix=why[1])


def leave(transport: Transport) -> None:
    """Removes our folder there if nothing is in it, as logging in makes it."""
    if transport.leaves:
        transport.run(["rmdir", transport.folder], timeout_s=PROBE_S)


def require_board(spec: DeviceSpec, board: str) -> None:
    """Raises DeviceError where a board, by what it calls itself, is not the one that its spec says it is."""
    if not board.startswith(spec.board):
        raise DeviceError(
            f"calls itself {board or 'nothing'!r}, its spec says it is a {spec.board!r}",
            subject=spec.name,
            fix="check `ssh.host`, or correct `board` in its spec",
        )


def ask_board(
    transport: Transport, task: str, *, on_progress: Callable[[dict[str, Any]], None] | None = None, **facts: Any
) -> dict[str, Any]:
    """The answer of `edgebench_board.py` to one of its tasks."""
    transport.put(BOARD, BOARD.name)
    return ask_agent(transport, {"task": task, **facts}, on_progress=on_progress)


def busy_error(spec: DeviceSpec, busy: dict[str, Any], fix: str) -> DeviceError:
    return DeviceError(f"is in use: {busy_text(busy)}", subject=spec.name, fix=fix)


def busy_text(busy: dict[str, Any]) -> str:
    job = f"job {busy['job']}" if busy.get("job") else "a job"
    who = f" of {busy['holder']}" if busy.get("holder") else ""
    since = f" since {busy['started_at']}" if busy.get("started_at") else ""
    return f"{job}{who}{since}"
