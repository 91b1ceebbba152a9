"""What was found out about a board, as lines of `edgebench devices doctor`; nothing is asked of the board here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgebench.pipeline.boards.board import PYTHONS, Basics, busy_text, unsupported_libc, unsupported_machine
from edgebench.pipeline.boards.board import unsupported_python as python_refused
from edgebench.specs.device import DeviceSpec
from edgebench.units import bytes_text, lag_text

CLOCK_FAIL_S = 86400.0
SET_CLOCK = "sudo timedatectl set-ntp true, and give it a network"
SITE_BYTES = 300_000_000
"""Two runtimes and numpy take about half of it, once sent and once unpacked."""
MEMORY_BYTES = 300_000_000
WARM_C = 70.0
"""Where a spec does not say how cool a board must be: 10 degrees below the throttling of a Raspberry Pi."""
NOW = ((0, "under-voltage"), (1, "frequency capped"), (2, "throttled"), (3, "soft temperature limit"))
"""Bits of `vcgencmd get_throttled` (documentation of the Raspberry Pi OS); 16 higher the same since the start."""
UNDER_VOLTAGE = 0x10001
POWER, COOLING = "use the power supply made for the board", "give it a fan or a heat sink"
SETTABLE = "echo {} | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it is, what was found, and what helps."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    fix: str = ""


def system_checks(found: Basics, spec: DeviceSpec, *, here_s: float, delay_s: float) -> Iterator[Check]:
    """Of what a shell tells.

    Args:
        here_s: this machine's clock when that was asked.
        delay_s: how long the answer took.
    """
    if why := unsupported_machine(found):
        yield Check("system", "fail", why[0], why[1])
    else:
        yield Check(
            "system", "ok", f"{found.system} {found.release}, {found.machine}, {found.bits or '?'}-bit programs"
        )
    yield _python(found, spec)
    if why := unsupported_libc(found):
        yield Check("C library", "fail", *why)
    elif found.glibc:
        yield Check("C library", "ok", f"glibc {found.glibc[0]}.{found.glibc[1]}")
    yield _clock(found, here_s, delay_s)


def _python(found: Basics, spec: DeviceSpec) -> Check:
    if why := python_refused(found, spec.ssh.python):
        return Check("Python", "fail", *why)
    assert found.python is not None
    first, last = (".".join(map(str, version)) for version in PYTHONS)
    if not PYTHONS[0] <= found.python[:2] <= PYTHONS[1]:
        later = found.python[:2] > PYTHONS[1]
        missing = "may lack wheels of the runtimes" if later else "gets older runtimes than this machine has"
        fix = f"name one of {first} to {last} with `ssh.python`"
        return Check("Python", "warn", f"{found.python_text}, which {missing}", fix)
    return Check("Python", "ok", found.python_text)


def _clock(found: Basics, here_s: float, delay_s: float) -> Check:
    if found.now_s is None:
        return Check("clock", "warn", "does not tell the time", "look at `date` there")
    off_s = found.now_s - here_s
    if not (lag := lag_text(off_s, delay_s=delay_s)):
        return Check("clock", "ok", "as here, to a few seconds")
    state: Literal["warn", "fail"] = "fail" if abs(off_s) > CLOCK_FAIL_S else "warn"
    return Check("clock", state, lag, SET_CLOCK)


def board_checks(facts: Mapping[str, Any], spec: DeviceSpec) -> Iterator[Check]:
    """Of what the agent tells (`examine` of edgebench_board.py)."""
    yield _board(facts, spec)
    yield _disk(facts)
    yield _memory(facts)
    yield _governor(facts, spec)
    yield from _throttling(facts)
    yield _temperature(facts, spec)
    yield _load(facts, spec)
    busy = facts["busy"]
    yield Check("lease", "warn", busy_text(busy), "wait for its end") if busy else Check("lease", "ok", "free")


def _board(facts: Mapping[str, Any], spec: DeviceSpec) -> Check:
    named = facts["board"] or "no name of its own"
    if not facts["board"].startswith(spec.board):
        fix = "check `ssh.host`, or correct `board` in its spec"
        return Check("board", "fail", f"{named}, its spec says {spec.board}", fix)
    return Check("board", "ok", f"{named}, {facts['cores']} cores")


def _disk(facts: Mapping[str, Any]) -> Check:
    free, used = facts["disk_free_bytes"], facts["used_bytes"]
    text = f"{bytes_text(free)} free, {bytes_text(used)} used by edgebench"
    if free < SITE_BYTES:
        return Check("disk", "warn" if facts["site"] else "fail", text, f"free {bytes_text(SITE_BYTES)} there")
    return Check("disk", "ok", text)


def _memory(facts: Mapping[str, Any]) -> Check:
    available = facts["telemetry"].get("available_bytes")
    text = f"{bytes_text(facts['memory_bytes'])}"
    if available is None:
        return Check("memory", "ok", text)
    text = f"{bytes_text(available)} of {text} available"
    if available < MEMORY_BYTES:
        return Check("memory", "warn", text, "end other programs there")
    return Check("memory", "ok", text)


def _governor(facts: Mapping[str, Any], spec: DeviceSpec) -> Check:
    now, wanted = facts["telemetry"].get("governor") or "", spec.governor
    if not now:
        fix = "leave `governor` out of its spec" if wanted else ""
        return Check("governor", "warn" if wanted else "ok", "the system shows none", fix)
    if now == (wanted or "performance"):
        return Check("governor", "ok", now)
    if wanted is None:
        return Check("governor", "warn", f"{now}: the clock follows the load", "write `governor: performance`")
    if wanted not in facts["governors"]:
        fix = f"write one of these as `governor`: {', '.join(facts['governors'])}"
        return Check("governor", "warn", f"{now}, and {wanted} is not known there", fix)
    if facts["governor_writable"]:
        return Check("governor", "ok", f"{now}, set to {wanted} while measuring")
    return Check("governor", "warn", f"{now}, and only root may set {wanted}", SETTABLE.format(wanted))


def _throttling(facts: Mapping[str, Any]) -> Iterator[Check]:
    bits, alarm = facts["telemetry"].get("throttled"), facts["under_voltage"]
    if bits is None:
        if facts["board"].startswith("Raspberry Pi"):
            yield Check(
                "throttling", "warn", "vcgencmd does not answer", "sudo usermod -aG video USER, then log in anew"
            )
        if alarm is not None:
            yield _power(alarm, earlier=False)
        return
    heat = bits & ~UNDER_VOLTAGE
    yield Check("throttling", "warn" if heat else "ok", throttle_text(heat), COOLING if heat else "")
    yield _power(bool(bits & 1) or bool(alarm), earlier=bool(bits & 1 << 16))


def throttle_text(bits: int | None) -> str:
    """What slows a Raspberry Pi now, and what did since its start."""
    if bits is None:
        return "not told"
    now = [name for bit, name in NOW if bits >> bit & 1]
    since = [name for bit, name in NOW if bits >> bit + 16 & 1]
    if now:
        return f"now: {', '.join(now)}"
    return f"not now; since its start: {', '.join(since)}" if since else "none since its start"


def _power(now: bool, *, earlier: bool) -> Check:
    if now:
        return Check("power", "fail", "under-voltage now", POWER)
    if earlier:
        return Check("power", "warn", "under-voltage since its start, not now", POWER)
    return Check("power", "ok", "no under-voltage")


def _temperature(facts: Mapping[str, Any], spec: DeviceSpec) -> Check:
    cooling = f", {', '.join(facts['cooling'])}" if facts["cooling"] else ""
    readings = facts["telemetry"].get("millicelsius") or {}
    if not readings:
        return Check("temperature", "ok", f"not told{cooling}")
    hottest_c, limit_c = max(readings.values()) / 1000, spec.start_below_c or WARM_C
    text = f"{hottest_c:.1f} C{cooling}"
    if hottest_c > limit_c:
        return Check("temperature", "warn", f"{text}, above {limit_c:g} C", f"let it cool; {COOLING}")
    return Check("temperature", "ok", text)


def _load(facts: Mapping[str, Any], spec: DeviceSpec) -> Check:
    load = facts["telemetry"]["load_1min"]
    if load > max(1.0, spec.veto.foreign_load) and not facts["busy"]:
        return Check("load", "warn", f"{load:.2f} in the last minute", "end other programs there")
    return Check("load", "ok", f"{load:.2f} in the last minute")


def runtime_checks(
    facts: Mapping[str, Any], spec: DeviceSpec, here: Mapping[str, str], *, supported: bool
) -> Iterator[Check]:
    """One line for each runtime of the spec.

    Args:
        here: runtime -> version on this machine, of those that `setup` brings.
        supported: whether `setup` can bring them there.
    """
    for runtime in spec.runtimes:
        there = facts["runtimes"].get(runtime)
        if there is None and runtime == "coreml" and facts["system"] != "Darwin":
            yield Check(runtime, "ok", "only on a Mac; such variants are not measured there")
        elif there is None:
            yield _absent(runtime, spec, supported and runtime in here)
        elif runtime in here and there != here[runtime]:
            fix = f"edgebench devices setup {spec.name}"
            yield Check(runtime, "warn", f"{there}, here it is {here[runtime]}", fix)
        else:
            yield Check(runtime, "ok", there)


def _absent(runtime: str, spec: DeviceSpec, brought: bool) -> Check:
    if brought:
        return Check(runtime, "warn", "not set up, can be", f"edgebench devices setup {spec.name}")
    return Check(runtime, "warn", "not there", "install it there, for the Python that `ssh.python` names")
