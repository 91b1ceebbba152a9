"""Jobs that go on while nobody is connected: the agent's tasks start, supervise, follow, jobs and cancel.

A supervisor in a session of its own runs the schedule and holds the device's lease, a lock that the system frees when
the supervisor ends, however it ends. A job's folder tells its story, whoever asks later:

    job.json         what was asked, by whom, since which boot
    heartbeat.json   renewed by whoever follows; not renewed for `deadline_s`, the job ends
    progress.json    how far it is
    journal.jsonl    the schedule's own
    answer.json      how it ended; without one, and without the lease, it was killed

All tasks work in that folder but `jobs`, which works in the one above. Needs Python 3.9, and the agent's
files beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from glob import glob
from typing import Any, Callable

Json = dict[str, Any]

LOCK, LEASE = "lease.lock", "lease.json"
JOB, HEARTBEAT, PROGRESS, ANSWER = "job.json", "heartbeat.json", "progress.json", "answer.json"
RESERVE, LOG = "answer.reserve", "supervisor.log"
RESERVE_BYTES = 4096
POLL_S = 0.2
LET_GO_S = 2.0  # a supervisor that has answered is gone by then
BEGIN_S = 120.0  # one that died is seen at once; a small board that is just starting up takes its time
KILL_S = 5.0
CANCEL = signal.SIGUSR1  # not the one that a system sends to everybody when it goes down


# ---- files ----------------------------------------------------------------------------------------------------------


def read(path: str) -> Json:
    """Empty where there is no such file, or a power cut left half of one."""
    try:
        with open(path, encoding="utf-8") as file:
            value: Json = json.load(file)
    except (OSError, ValueError):
        return {}
    return value


def write(path: str, value: Json, *, sync: bool = True) -> None:
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "w", encoding="utf-8") as file:
            json.dump(value, file, allow_nan=False)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        remove(part)
        raise


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


# ---- the lease ------------------------------------------------------------------------------------------------------


def holder_of(home: str) -> Json:
    """The lease's {job, holder, pid, boot_id, started_at}; empty where nobody holds it, whatever a dead one left."""
    try:
        with open(os.path.join(home, LOCK), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return {}
    except BlockingIOError:
        return read(os.path.join(home, LEASE))
    return {}


def boot_id() -> str:
    """Another one after every start of the system."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        asked = ["sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip()


def start(task: Json, emit: Callable[[Json], None], agent: Any) -> Json:
    """Starts the task's `schedule` detached, unless it runs already.

    Returns:
        {"started": whether it was we, "pid": the supervisor's, "detached": whether it goes on with nobody following},
        or {"held": the lease} where another job holds it.
    """
    job = task["schedule"]["job"]
    deadline = time.monotonic() + LET_GO_S
    with open(os.path.join("..", LOCK), "ab") as lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                pid = begin(task, lock.fileno(), agent)
                return {"started": True, "pid": pid, "detached": task["deadline_s"] is None}
            lease = read(os.path.join("..", LEASE))
            if lease.get("job") == job and not os.path.exists(ANSWER):
                if task["deadline_s"] is None:
                    write(HEARTBEAT, {"deadline_s": None})
                detached = read(HEARTBEAT).get("deadline_s") is None
                return {"started": False, "pid": lease["pid"], "detached": detached}
            if time.monotonic() > deadline:
                return {"held": lease}
            time.sleep(POLL_S)


def begin(task: Json, lock: int, agent: Any) -> int:
    """The process id of a supervisor at work. It inherits the lock, and with it the lease."""
    for old in (os.path.join("..", LEASE), ANSWER, PROGRESS):
        remove(old)
    with open(RESERVE, "wb") as file:
        file.write(bytes(RESERVE_BYTES))
        os.fsync(file.fileno())
    facts = {"holder": task["holder"], "boot_id": boot_id(), "started_at": now()}
    write(JOB, {"task": "supervise", "schedule": task["schedule"], **facts})
    write(HEARTBEAT, {"deadline_s": task["deadline_s"]})
    argv = [sys.executable, os.path.abspath(agent.__file__), JOB]
    with open(LOG, "wb") as log:
        supervisor = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock], start_new_session=True
        )
    deadline = time.monotonic() + BEGIN_S
    while read(os.path.join("..", LEASE)).get("pid") != supervisor.pid:
        if supervisor.poll() is not None:
            raise agent.Refused(f"the supervisor {agent.ending(supervisor.returncode)}: {last_words()}")
        if time.monotonic() > deadline:
            supervisor.kill()
            raise agent.Refused(f"the supervisor did not begin within {BEGIN_S:g} s")
        time.sleep(0.01)
    return supervisor.pid


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def last_words() -> str:
    with open(LOG, "rb") as file:
        return file.read()[-500:].decode(errors="replace").strip()


# ---- the supervisor -------------------------------------------------------------------------------------------------


def supervise(task: Json, emit: Callable[[Json], None], agent: Any) -> Json:
    """Runs the schedule to its end, or until it is cancelled or abandoned, and writes down how it ended."""
    schedule = task["schedule"]
    lease = {"job": schedule["job"], "pid": os.getpid(), **{k: task[k] for k in ("holder", "boot_id", "started_at")}}
    write(os.path.join("..", LEASE), lease)
    reasons: list[Json] = []
    argv = [sys.executable, os.path.abspath(agent.__file__), "-"]
    child = subprocess.Popen(argv, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None

    def end(kind: str, message: str) -> None:
        reasons.append({"type": kind, "message": message, "where": "supervisor"})
        child.terminate()
        kill = threading.Timer(KILL_S, child.kill)
        kill.daemon = True
        kill.start()

    signal.signal(CANCEL, lambda *_: end("Cancelled", "it was cancelled"))
    signal.signal(signal.SIGTERM, lambda *_: end("Killed", "its supervisor was told to end by the system"))
    threading.Thread(target=watch, args=[end], daemon=True).start()
    with contextlib.suppress(BrokenPipeError):  # it died before it read; its end is told below
        child.stdin.write(json.dumps({**schedule, "lifeline": True}).encode() + b"\n")
    answer = hear(child)
    child.wait()
    if reasons or not answer:
        how = ("was " if child.returncode < 0 else "") + agent.ending(child.returncode)
        killed = {"type": "Killed", "message": f"its agent {how}", "where": "supervisor"}
        answer = {"error": reasons[0] if reasons else killed}
    try:
        agent.conditions().restore("..", agent)  # a schedule that was killed could not
    finally:
        conclude(answer, agent)
    return {"ended": schedule["job"]}


def hear(child: Any) -> Json:
    """The schedule's answer, empty where it ended without one. How far it is stands in a file meanwhile."""
    answer: Json = {}
    for line in child.stdout:
        with contextlib.suppress(ValueError):  # torn: it was killed
            told = json.loads(line)
            if "schema" in told:
                answer = told
            else:
                with contextlib.suppress(OSError):  # a full disk ends the schedule, not what tells of it
                    write(PROGRESS, told, sync=False)
    return answer


def watch(end: Callable[[str, str], None]) -> None:
    """Ends a job that nobody has followed for too long. Wall clocks jump, so only changes of the file's time count."""
    seen, renewed, deadline_s = None, time.monotonic(), None
    while True:
        with contextlib.suppress(FileNotFoundError):
            changed = os.stat(HEARTBEAT).st_mtime_ns
            if changed != seen:
                seen, renewed, deadline_s = changed, time.monotonic(), read(HEARTBEAT).get("deadline_s")
        if deadline_s is not None and time.monotonic() - renewed > deadline_s:
            return end("Abandoned", f"nobody followed it for {deadline_s:g} s")
        time.sleep(POLL_S)


def conclude(answer: Json, agent: Any) -> None:
    try:
        write(ANSWER, answer)
        remove(RESERVE)
    except OSError as error:  # of a full disk the space set aside is left
        short = {"error": answer.get("error") or agent.failure(error)}
        with open(RESERVE, "r+b") as file:
            file.write(json.dumps(short).encode()[:RESERVE_BYTES])
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        os.replace(RESERVE, ANSWER)


# ---- from outside ---------------------------------------------------------------------------------------------------


def follow(task: Json, emit: Callable[[Json], None], agent: Any) -> Json:
    """Tells how far `job` is until it ends, as long as a line comes in now and then.

    Returns:
        {"ended": its answer}; {"silent": true} where whoever asked fell silent for `silence_s`, or went away.
    """
    heard, seen = time.monotonic(), None
    while True:
        running = holder_of("..").get("job") == task["job"]  # first of all: who has let go has answered before
        if (progress := read(PROGRESS)) and progress != seen:
            seen = progress
            emit(progress)
        if os.path.exists(ANSWER):
            return {"ended": read(ANSWER)}
        if not running:
            return {"ended": {"error": {"type": "Killed", "message": how_it_died(), "where": "follow"}}}
        if select.select([0], [], [], POLL_S)[0]:
            if not os.read(0, 65536):
                return {"silent": True}
            heard = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(HEARTBEAT)
        elif time.monotonic() - heard > task["silence_s"]:
            return {"silent": True}


def how_it_died() -> str:
    job = read(JOB)
    if not job:
        return "there is no such job"
    return "its supervisor was killed" if job["boot_id"] == boot_id() else "the device was started anew"


def jobs(task: Json, emit: Callable[[Json], None], agent: Any) -> Json:
    """{"lease": who holds the device, empty if nobody, "jobs": all that have a folder here, by age}."""
    lease = holder_of(".")
    folders = [os.path.dirname(path) for path in glob(os.path.join("*", JOB))]
    found = [told_of(folder, lease) for folder in folders]
    return {"lease": lease, "jobs": sorted(found, key=lambda each: each["age_s"])}


def told_of(folder: str, lease: Json) -> Json:
    job, answer, progress = (read(os.path.join(folder, name)) for name in (JOB, ANSWER, PROGRESS))
    schedule = job.get("schedule", {"job": folder, "blocks": []})
    finished = bool(answer) and "error" not in answer
    running = lease.get("job") == schedule["job"]
    return {
        "job": schedule["job"],
        "state": "running" if running else "finished" if finished else "interrupted",
        "why": answer.get("error", {}).get("message", ""),
        "done": progress.get("done", 0),
        "total": len(schedule["blocks"]),
        "holder": job.get("holder", ""),
        "age_s": time.time() - os.stat(os.path.join(folder, JOB)).st_mtime,
    }


def cancel(task: Json, emit: Callable[[Json], None], agent: Any) -> Json:
    """Ends the job's session; its journal stays. {"cancelled": whether it ran}."""
    lease = holder_of("..")
    if lease.get("job") != task["job"]:
        return {"cancelled": False}
    with contextlib.suppress(ProcessLookupError):
        os.kill(lease["pid"], CANCEL)
    deadline = time.monotonic() + 2 * KILL_S
    while holder_of("..").get("job") == task["job"]:
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(lease["pid"], signal.SIGKILL)
        time.sleep(0.05)
    return {"cancelled": True}
