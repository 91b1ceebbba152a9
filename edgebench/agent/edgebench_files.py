"""Keeps files by their content on a device: the task `place` of edgebench_agent.py.

Shipped beside the agent, which imports it for that task alone. Standard library, Python 3.9. A blob is named by its
sha256; `<sha256>.part` is what has come of it so far. Hosts write into a part only what belongs at that place, cut
nothing off and rename nothing, so that several may send the same blob at once. All else is done here, under a lock.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, Optional

Json = dict[str, Any]
Marks = list[tuple[int, str]]  # growing numbers of bytes, each with the sha256 of so many first ones

POLL_S = 0.02
MARK_BYTES = 4 << 20  # a transfer goes on from the last multiple that holds what it should
NO_LINKS = (errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def place(task: Json, emit: Callable[[Json], None], agent: Any) -> Json:
    """Puts every file whose content is here whole in its place, and says what is missing.

    Args:
        task: {"blobs": folder, "files": {path: [sha256, bytes]}, "awaits": whether what is missing will come now}. What
            comes is awaited here, having said what is missing, and put in its place too: to start a process anew
            would take a slow board longer than to read a model.

    Returns:
        {"missing": {sha256: marks of what there is of it}, "free_bytes": what the disk of the blobs still takes}
    """
    answer = placed(task)
    if answer["missing"] and task.get("awaits"):
        emit(answer)
        sizes = dict(task["files"].values())
        while any(coming(os.path.join(task["blobs"], sha256), sizes[sha256]) for sha256 in answer["missing"]):
            time.sleep(POLL_S)
        answer = placed(task)
    return answer


def coming(blob: str, size: int) -> bool:
    """Whether its part is still too short; not where it is gone: another host completed it, or somebody cleans."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.getsize(blob + ".part") < size
    return False


def placed(task: Json) -> Json:
    """The answer of `place`, as things are now."""
    blobs, files = task["blobs"], task["files"]
    contents = sorted({tuple(content) for content in files.values()})
    os.makedirs(blobs, mode=0o700, exist_ok=True)
    with locked(os.path.join(blobs, "lock")):
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets other threads work
            every = pool.map(lambda content: (content[0], settled(os.path.join(blobs, content[0]), *content)), contents)
            missing = {sha256: marks for sha256, marks in every if marks is not None}
        flush(blobs)
        for path, (sha256, _) in files.items():
            if sha256 not in missing:
                link(os.path.join(blobs, sha256), path)
    disk = os.statvfs(blobs)
    return {"missing": missing, "free_bytes": disk.f_bavail * disk.f_frsize}


def settled(blob: str, sha256: str, size: int) -> Optional[Marks]:
    """None where the blob is whole, now if not before; else the marks of its part, which is made if there is none.

    What is kept is read again each time: storage wears out, and power goes.
    """
    if os.path.exists(blob):
        if marks_of(blob)[-1] == (size, sha256):
            return None
        os.unlink(blob)
    part = blob + ".part"
    if os.path.exists(part) and os.path.getsize(part) > size:
        os.unlink(part)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT, 0o600))
    if os.path.getsize(part) != size:
        return marks_of(part)
    with ThreadPoolExecutor(1) as beside:
        flushed = beside.submit(flush, part)  # the disk writes while we read what is still in memory
        marks = marks_of(part)
    if marks[-1] != (size, sha256):
        return marks
    flushed.result()
    os.chmod(part, 0o400)  # a job's file is this very file
    os.replace(part, blob)
    return None


def marks_of(path: str) -> Marks:
    """One every MARK_BYTES, and the last at the end of the file."""
    digest, at = hashlib.sha256(), 0
    marks: Marks = []
    with open(path, "rb") as file:
        while True:
            data = file.read(MARK_BYTES)
            digest.update(data)
            at += len(data)
            if data or not marks:
                marks.append((at, digest.hexdigest()))
            if len(data) < MARK_BYTES:
                return marks


def flush(path: str) -> None:
    """Brings a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def link(blob: str, path: str) -> None:
    """The blob as the file `path`, in place of what was there; a copy where the file system has no links."""
    if os.path.exists(path) and os.path.samefile(blob, path):
        return
    os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    part = f"{path}.part-{os.getpid()}"
    try:
        try:
            os.link(blob, part)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            shutil.copyfile(blob, part)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
        raise


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Waits for its turn; the system lets go of the lock when this process ends, however it ends."""
    import fcntl

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
