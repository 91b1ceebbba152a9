"""The conditions a block is measured under, as far as they can be made or measured: how warm the board is, the
clock's governor, the power it takes, and how its speed lasts (the task `soak` of edgebench_agent.py).

Shipped beside the agent. Needs Python 3.9 and its standard library.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import threading
import time
from glob import glob
from typing import Any, Callable, Iterator, Optional

Json = dict[str, Any]
Invoke = Callable[[Any], None]

COOLING_LIMIT_S = 300.0
STALLED_S = 45.0  # no cooler for so long: it will not get any cooler
COOLER_C = 0.5
RELIEF_C = 10.0  # below where a block got too hot, where nobody said at what temperature blocks start
NEAR_C = 3.0  # above the temperature at rest that is as good as rest
LOCK = "lease.lock"
POWER_S = 1.0
POWER_SAMPLES = 5
SECOND_S = 1.0
THROTTLE_BITS = (
    "under-voltage",
    "clock capped",
    "throttled",
    "soft temperature limit",
)  # now; shifted by 16, since boot


# ---- judgement ------------------------------------------------------------------------------------------------------


def vetoes(before: Json, after: Json, limits: Json) -> list[str]:
    """Why a block between two readings of `telemetry` should not be trusted; nothing is read from the machine."""
    return [*intrusions(before, after, limits), *slowed(before, after, limits), *overheated(before, after, limits)]


def intrusions(before: Json, after: Json, limits: Json) -> list[str]:
    """What others did to the block, and the power supply."""
    reasons = []
    keys = ("busy_s", "own_s", "steal_s", "memory_pressure_us")
    grown = {key: after[key] - before[key] for key in keys if after[key] is not None}
    elapsed_s = after["monotonic_s"] - before["monotonic_s"]
    if "busy_s" in grown:
        shares = (("others used", grown["busy_s"] - grown["own_s"]), ("the hypervisor kept", grown["steal_s"]))
        for what, seconds in shares:
            if seconds / elapsed_s > limits["foreign_load"]:
                reasons.append(f"{what} {seconds / elapsed_s:.2f} cores")
    waited, most = grown.get("memory_pressure_us", 0) / 1e6 / elapsed_s, limits.get("memory_pressure")
    if most is not None and waited > most:
        reasons.append(f"memory pressure: waited {100 * waited:.0f} % of the time")
    return reasons + ([THROTTLE_BITS[0]] if new_bits(before, after) & 0x10001 else [])


def slowed(before: Json, after: Json, limits: Json) -> list[str]:
    clocks = [max(reading["frequency_khz"].values(), default=0) // 1000 for reading in (before, after)]
    changed = abs(clocks[1] - clocks[0]) > limits["frequency_change"] * clocks[0]
    return [f"the clock went from {clocks[0]} to {clocks[1]} MHz"] if changed else []


def overheated(before: Json, after: Json, limits: Json) -> list[str]:
    """Why it should be measured again when the board is cooler."""
    bits = new_bits(before, after)
    reasons = [name for k, name in enumerate(THROTTLE_BITS) if k and bits & (0x10001 << k)]
    hottest_c = max(after["millicelsius"].values(), default=0) / 1000
    if limits["max_temperature_c"] is not None and hottest_c > limits["max_temperature_c"]:
        reasons.append(f"{hottest_c:.1f} C")
    return reasons


def new_bits(before: Json, after: Json) -> int:
    """Throttle bits of what goes on now, and of what began in between: those since boot never clear."""
    bits: int = (after["throttled"] or 0) & (~(before["throttled"] or 0) | 0xF)
    return bits


# ---- temperature ----------------------------------------------------------------------------------------------------


def hottest_c(agent: Any) -> Optional[float]:
    """The hottest of the machine's sensors; None where it has none."""
    return max((millicelsius / 1000 for millicelsius in agent.numbers(agent.THERMAL).values()), default=None)


def cool_down(agent: Any, below_c: Optional[float], tell: Callable[[str], None]) -> tuple[float, str]:
    """Waits until the board is cooler than `below_c`, as long as it gets cooler.

    Args:
        tell: is told in words what we wait for, once.

    Returns:
        Seconds waited, and why the block starts nevertheless where the board did not get there, '' where it did.
    """
    now_c, began = hottest_c(agent), time.monotonic()
    if below_c is None or now_c is None or now_c < below_c:
        return 0.0, ""
    tell(f"cooling from {now_c:.0f} C to below {below_c:.0f} C")
    lowest_c, lowered = now_c, began
    while now_c is not None and now_c >= below_c:
        now = time.monotonic()
        if now_c <= lowest_c - COOLER_C:
            lowest_c, lowered = now_c, now
        if now - lowered > STALLED_S or now - began > COOLING_LIMIT_S:
            return now - began, f"began at {now_c:.1f} C, not below {below_c:g} C after {now - began:.0f} s of cooling"
        time.sleep(0.2)
        now_c = hottest_c(agent)
    return time.monotonic() - began, ""


def start_below_c(task: Json, agent: Any) -> Optional[float]:
    """At what temperature a job's blocks start. A soak must begin cold: as cold as the board is before its job."""
    stated: Optional[float] = task.get("start_below_c")
    rest_c = hottest_c(agent) if task.get("measures") == "soak" else None
    return rest_c + NEAR_C if stated is None and rest_c is not None else stated


def relief_c(start_below_c: Optional[float], after: Json) -> Optional[float]:
    """At what temperature a block is measured again that got too hot."""
    millicelsius = max(after["millicelsius"].values(), default=None)
    if start_below_c is not None or millicelsius is None:
        return start_below_c
    return float(millicelsius / 1000 - RELIEF_C)


# ---- governor -------------------------------------------------------------------------------------------------------


def prepare(home: str, governor: Optional[str], agent: Any) -> str:
    """Sets the clock's governor, after writing to `home` what it was, and '' or why it could not be set.

    What a job that was killed left behind is restored first.
    """
    restore(home, agent)
    paths = {os.path.realpath(path) for path in glob(agent.CPUFREQ.format("[0-9]*", "governor"))}
    old = {path: agent.text_of(path) for path in sorted(paths)}
    if governor is None or (old and set(old.values()) == {governor}):
        return ""
    if not old:
        return "the system shows none"
    if not all(os.access(path, os.W_OK) for path in old):
        return "only root may set it"
    save(os.path.join(home, agent.GOVERNORS), {"boot_id": boot_id(agent), "set": governor, "before": old})
    try:
        for path in old:
            set_governor(path, governor)
    except OSError as error:
        restore(home, agent)
        return error.strerror or str(error)
    return ""


def restore(home: str, agent: Any) -> None:
    """Makes the governor what it was before `prepare`, unless somebody has set another one meanwhile."""
    path = os.path.join(home, agent.GOVERNORS)
    try:
        with open(path, encoding="utf-8") as file:
            left = json.load(file)
    except FileNotFoundError:
        return
    for governor, before in left["before"].items():
        # A start of the system has restored it already.
        if left["boot_id"] == boot_id(agent) and agent.text_of(governor) == left["set"]:
            with contextlib.suppress(OSError):
                set_governor(governor, before)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def restore_left(home: str, agent: Any) -> None:
    """`restore`, where no job runs that may have set it."""
    if not os.path.exists(os.path.join(home, agent.GOVERNORS)):
        return
    with open(os.path.join(home, LOCK), "a") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        restore(home, agent)


def set_governor(path: str, governor: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(governor)


def save(path: str, value: Json) -> None:
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


def boot_id(agent: Any) -> str:
    return str(agent.text_of("/proc/sys/kernel/random/boot_id"))


# ---- power ----------------------------------------------------------------------------------------------------------


def power(invoke: Invoke, items: list[Any], agent: Any) -> Optional[Json]:
    """What the board takes while it invokes; None where it has no meter.

    The meter is read beside invocations of its own, after those that are timed: to read it takes time of the
    processor. What the board takes at rest is part of it.
    """
    name, watts = meter(agent)
    if watts is None:
        return None
    readings: list[float] = []
    over = threading.Event()

    def sample() -> None:
        while len(readings) < POWER_SAMPLES and not over.wait(POWER_S / (POWER_SAMPLES + 1)):
            reading = meter(agent)[1]
            if reading is not None:
                readings.append(reading)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    began = time.monotonic()
    invocations = len(agent.timed(invoke, items, POWER_S, 1))
    seconds = time.monotonic() - began
    over.set()
    thread.join()
    if not readings:
        return None
    return {"meter": name, "watts": readings, "invocations": invocations, "seconds": seconds}


def meter(agent: Any) -> tuple[str, Optional[float]]:
    """Name and watts of what measures the board's power: the Raspberry Pi 5's own chip, else INA2xx sensors."""
    rails = pmic_watts(vcgencmd("pmic_read_adc"))
    if rails is not None:
        return "pmic", rails
    sensors = [path for path in sorted(glob(f"{agent.HWMON}/name")) if agent.text_of(path).startswith("ina2")]
    found = {path: sensor_watts(os.path.dirname(path), agent) for path in sensors}
    measured = {agent.text_of(path): watts for path, watts in found.items() if watts is not None}
    watts = [each for each in found.values() if each is not None]
    return (" + ".join(measured), sum(watts)) if watts else ("", None)


def sensor_watts(folder: str, agent: Any) -> Optional[float]:
    microwatts = agent.numbers(f"{folder}/power*_input").values()
    return sum(microwatts) / 1e6 if microwatts else None


def pmic_watts(text: str) -> Optional[float]:
    """Volts times amperes of every rail that `vcgencmd pmic_read_adc` tells both of; None where it tells none."""
    amperes: dict[str, float] = {}
    volts: dict[str, float] = {}
    for line in text.splitlines():
        name, _, reading = line.strip().partition(" ")
        rail, of_rail = name[:-2], {"_A": amperes, "_V": volts}.get(name[-2:])
        value = reading.partition("=")[2].rstrip("AV")
        with contextlib.suppress(ValueError):
            if of_rail is not None:
                of_rail[rail] = float(value)
    both = amperes.keys() & volts.keys()
    return sum(amperes[rail] * volts[rail] for rail in both) if both else None


def vcgencmd(command: str) -> str:
    """The firmware's answer, '' on other boards or where it does not answer."""
    if not shutil.which("vcgencmd"):
        return ""
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        return subprocess.run(["vcgencmd", command], capture_output=True, text=True, timeout=2).stdout
    return ""


# ---- soak -----------------------------------------------------------------------------------------------------------


def soak(task: Json, emit: Callable[[Json], None], agent: Any) -> Json:
    """A block of `soak_s` seconds, of which each second's latencies are kept as median, p90 and count."""

    def measure(invoke: Invoke, items: list[Any]) -> Json:
        rows = list(by_second(invoke, items, task["settings"]["soak_s"], agent))
        return {"latencies_ns": [], "seconds": {key: [row[key] for row in rows] for key in rows[0]}}

    found: Json = agent.block(task, measure)
    return found


def by_second(invoke: Invoke, items: list[Any], soak_s: float, agent: Any) -> Iterator[Json]:
    """One row a second, or an invocation where that takes longer. Sensors are read between two seconds."""
    began = time.monotonic()
    while True:
        at_s = time.monotonic() - began
        latencies_ns = sorted(agent.timed(invoke, items, SECOND_S, 1))
        yield {
            "at_s": round(at_s, 3),
            "median_ns": latencies_ns[len(latencies_ns) // 2],
            "p90_ns": latencies_ns[len(latencies_ns) * 9 // 10],
            "invocations": len(latencies_ns),
            "millicelsius": max(agent.numbers(agent.THERMAL).values(), default=None),
            "frequency_khz": max(agent.numbers(agent.CPUFREQ.format("[0-9]*", "cur_freq")).values(), default=None),
        }
        if time.monotonic() - began >= soak_s:
            return
