"""What a board tells of itself, and what edgebench keeps on it: the tasks `examine`, `unpack` and `clean` of
edgebench_agent.py.

Shipped beside the agent, which imports it for those tasks alone and runs it in edgebench's own folder there. Needs
Python 3.9 and its standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
from glob import glob
from typing import Any, Callable, Iterator, Optional

Json = dict[str, Any]
Emit = Callable[[Json], None]

SITE = "site"  # where the agent finds its runtimes: a link to one of SITES
SITES = "sites"
BLOBS = "blobs"  # what was sent, under its hash
WHEELS = "wheels"  # sent and not yet unpacked, each called by its hash
CONTENTS = "edgebench-site.json"
LOCK, LEASE = "lease.lock", "lease.json"
OURS = re.compile(
    r"[0-9a-f]{16}|edgebench_\w+\.py|__pycache__|blobs|logs|site|sites|wheels|lease\..*|governor\..*|.*\.part(-\w+)?"
)
"""Names in our folder that we gave; a job's folder is called by its id."""
STORE = "results.db"  # of an edgebench that runs there and keeps its own results in a folder of the same name
SKIPPED = ("scripts", "data", "headers")  # parts of a wheel that nobody imports
IMPORT_S = 120.0
END_S = 10.0


# ---- examine --------------------------------------------------------------------------------------------------------


def examine(task: Json, emit: Emit, agent: Any) -> Json:
    """What decides whether one can measure here. What a machine does not tell is None, "" or an empty list."""
    disk = shutil.disk_usage(".")
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "word_bits": struct.calcsize("P") * 8,
        "glibc": glibc(),
        "macos": platform.mac_ver()[0],
        "board": agent.text_of(agent.BOARD),
        "boot_id": agent.text_of("/proc/sys/kernel/random/boot_id"),
        "uptime_s": uptime_s(agent.text_of("/proc/uptime")),
        "cores": os.cpu_count(),
        "disk_free_bytes": disk.free,
        "disk_bytes": disk.total,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "governors": agent.text_of(agent.CPUFREQ.format(0, "available_governors")).split(),
        "governor_writable": os.access(agent.CPUFREQ.format(0, "governor"), os.W_OK),
        "cooling": cooling(agent),
        "under_voltage": under_voltage(agent),
        "telemetry": agent.telemetry(),
        "runtimes": {name: brought[1] for name in agent.PROVIDERS if (brought := agent.provider(name))},
        "site": contents(SITE),
        "wheels": [os.path.basename(path) for path in sorted(glob(os.path.join(WHEELS, "*.whl")))],
        "jobs": [name for name in sorted(os.listdir(".")) if re.fullmatch(r"[0-9a-f]{16}", name)],
        "used_bytes": used_bytes("."),
        "busy": holder(),
    }


def glibc() -> str:
    """Version of the GNU C library, '' where there is another."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return ""
    return version if name == "glibc" else ""


def uptime_s(text: str) -> Optional[float]:
    return float(text.split()[0]) if text else None


def cooling(agent: Any) -> list[str]:
    """Fans and the like, with the state they are in; slowing the processor is no cooling."""
    devices = [os.path.dirname(path) for path in sorted(glob("/sys/class/thermal/cooling_device*/type"))]
    states = {
        device: [agent.text_of(os.path.join(device, name)) for name in ("type", "cur_state", "max_state")]
        for device in devices
    }
    found = [f"{kind} {now} of {most}" for kind, now, most in states.values() if "fan" in kind.lower()]
    speeds = agent.numbers("/sys/class/hwmon/hwmon*/fan*_input").values()
    return found + [f"{speed} rpm" for speed in speeds]


def under_voltage(agent: Any) -> Optional[bool]:
    """The Raspberry Pi's alarm, now; None on boards without one."""
    for path in glob("/sys/class/hwmon/hwmon*/name"):
        if agent.text_of(path) == "rpi_volt":
            return bool(agent.text_of(os.path.join(os.path.dirname(path), "in0_lcrit_alarm")) == "1")
    return None


def used_bytes(root: str) -> int:
    """On the disk; a file with several names counts once."""
    files = {}
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(folder, name))
                files[status.st_ino] = status.st_blocks * 512
    return sum(files.values())


# ---- who works here -------------------------------------------------------------------------------------------------


def holder() -> Optional[Json]:
    """Whoever measures here now, as they called themselves; None while nobody does."""
    if not is_locked(LOCK):
        return follower()
    with contextlib.suppress(OSError, ValueError), open(LEASE, encoding="utf-8") as file:
        told = json.load(file)
        return told if isinstance(told, dict) else {}
    return {}


def follower() -> Optional[Json]:
    """The job that somebody runs who stays connected, which takes no lease."""
    locked = [path for path in sorted(glob("*/journal.jsonl.lock")) if is_locked(path)]
    return {"job": os.path.dirname(locked[0])} if locked else None


def is_locked(path: str) -> bool:
    import fcntl

    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def only_us() -> Iterator[Optional[Json]]:
    """Yields whoever measures here; as long as that is None no job can start, however this process ends."""
    import fcntl

    with open(LOCK, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield holder() or {}
        else:
            yield follower()


def end(pid: int) -> None:
    """Every process of the session that this one leads."""
    with contextlib.suppress(OSError):
        if os.getsid(pid) != pid or pid == os.getsid(0):
            return
    for path in glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            if int(file.read().rpartition(")")[2].split()[3]) == pid:
                os.kill(int(path.split("/")[2]), signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


# ---- unpack ---------------------------------------------------------------------------------------------------------


def unpack(task: Json, emit: Emit, agent: Any) -> Json:
    """Makes the wheels the runtimes of this board, all of them in one step, or leaves everything as it was.

    Args:
        task: {"wheels": [{"name", "version", "sha256"}], "imports": [modules that must load]}; a wheel lies in
            `wheels` under its hash.

    Returns:
        {"site": its contents}, or {"busy": who measures here}, {"damaged": [hashes]} or {"broken": what went wrong}.
    """
    with only_us() as busy:
        if busy is not None:
            return {"busy": busy}
        wheels, damaged = task["wheels"], []
        name = hashlib.sha256("".join(sorted(wheel["sha256"] for wheel in wheels)).encode()).hexdigest()[:16]
        target = os.path.join(SITES, name)
        if not os.path.isdir(target) or unloadable(target, task["imports"]):
            damaged = [wheel["sha256"] for wheel in wheels if not is_whole(wheel["sha256"])]
            if damaged:
                return {"damaged": damaged}
            broken = install(wheels, target, task["imports"])
            if broken:
                return {"broken": broken}
        switch(target)
        remove_others(SITES, name)
        remove(WHEELS)
        for wheel in wheels:
            remove(os.path.join(BLOBS, wheel["sha256"]))
        return {"site": contents(SITE)}


def is_whole(sha256: str) -> bool:
    """False, and the file removed, where its content is another."""
    path = wheel_path(sha256)
    try:
        with open(path, "rb") as file:
            digest = hashlib.sha256()
            for part in iter(lambda: file.read(1 << 20), b""):
                digest.update(part)
    except FileNotFoundError:
        return False
    if digest.hexdigest() != sha256:
        os.unlink(path)
        return False
    return True


def wheel_path(sha256: str) -> str:
    return os.path.join(WHEELS, f"{sha256}.whl")


def install(wheels: list[Json], target: str, imports: list[str]) -> str:
    """Unpacks into a folder that gets its name when all is on the disk and loads; '' or why it did not."""
    part = f"{target}.part"
    remove(part)
    remove(target)
    try:
        for wheel in wheels:
            extract(wheel_path(wheel["sha256"]), part)
        with open(os.path.join(part, CONTENTS), "w", encoding="utf-8") as file:
            json.dump(wheels, file)
        broken = unloadable(part, imports)
        if not broken:
            os.sync()  # a power cut must not leave the name without the content
            os.rename(part, target)
        return broken
    finally:
        remove(part)


def extract(wheel: str, folder: str) -> None:
    """A wheel is a zip file to be unpacked where Python looks for modules; all but its *.data folder is in place."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            top, _, rest = member.filename.partition("/")
            if not top.endswith(".data"):
                archive.extract(member, folder)
                continue
            kind, _, inner = rest.partition("/")
            if kind not in SKIPPED and inner:
                member.filename = inner
                archive.extract(member, folder)


def unloadable(site: str, modules: list[str]) -> str:
    """Why one of the modules does not load from the folder, in a process of its own; '' where all do."""
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    environment = {**os.environ, "PYTHONPATH": os.path.abspath(site)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *modules],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=IMPORT_S,
        )
    except subprocess.TimeoutExpired:
        return f"not loaded within {IMPORT_S:g} s"
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"killed by signal {-done.returncode} while loading"
    return (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]


def switch(target: str) -> None:
    """Points `site` to the folder in one step."""
    if os.path.isdir(SITE) and not os.path.islink(SITE):
        remove(SITE)
    new = f"{SITE}.part"
    remove(new)
    os.symlink(target, new)
    os.replace(new, SITE)


def contents(site: str) -> list[Json]:
    """The wheels that `setup` unpacked there."""
    with contextlib.suppress(OSError, ValueError), open(os.path.join(site, CONTENTS), encoding="utf-8") as file:
        found: list[Json] = json.load(file)
        return found
    return []


def remove_others(folder: str, kept: str) -> None:
    for name in os.listdir(folder):
        if name != kept:
            remove(os.path.join(folder, name))


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


# ---- clean ----------------------------------------------------------------------------------------------------------


def clean(task: Json, emit: Emit, agent: Any) -> Json:
    """Removes all that edgebench put into its folder, and the folder when it is empty then.

    A governor that a killed job left is what it was before.

    Args:
        task: {"force": end a job that runs, "depth": of our folder below the home folder}.

    Returns:
        {"removed": names, "left": names of others' files, "freed_bytes"}, or {"busy": who measures here}, or
        {"store": True} where the folder is that of an edgebench on the board.
    """
    if os.path.exists(STORE):
        return {"store": True}
    if task["force"]:
        end_job()
    with only_us() as busy:
        if busy is not None:
            return {"busy": busy}
        agent.conditions().restore(".", agent)
        before_bytes = used_bytes(".")
        removed = [name for name in sorted(os.listdir(".")) if is_ours(name)]
        for name in removed:
            remove(name)
        left, freed_bytes = sorted(os.listdir(".")), before_bytes - used_bytes(".")
    remove_empty(os.getcwd(), task["depth"])
    return {"removed": removed, "left": left, "freed_bytes": freed_bytes}


def is_ours(name: str) -> bool:
    """True for what we named, and for every folder that an agent worked in."""
    return bool(OURS.fullmatch(name)) or os.path.isfile(os.path.join(name, "edgebench_agent.py"))


def end_job() -> None:
    """Ends the job that runs, if any, and waits until the system has freed its locks."""
    busy = holder() or {}
    if isinstance(busy.get("pid"), int):
        end(busy["pid"])
    deadline = time.monotonic() + END_S
    while holder() is not None and time.monotonic() < deadline:
        time.sleep(0.05)


def remove_empty(folder: str, depth: int) -> None:
    """The folder and those above it, so many in all, as long as nothing is in them."""
    with contextlib.suppress(OSError):
        for _ in range(depth):
            os.rmdir(folder)
            folder = os.path.dirname(folder)
