"""Files by content: what is there already is not sent, what broke off goes on, and what arrived is proven there."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from edgebench.digests import sha256_file
from edgebench.errors import DeviceError, StoreError
from edgebench.files import as_store_errors
from edgebench.transports import OnBytes
from edgebench.transports.ssh_link import Link
from edgebench.units import bytes_text

if TYPE_CHECKING:
    from paramiko import SFTPClient

CHANNELS = 3
"""Files on their way at once: each waits for four answers, however small it is. With a command that makes four
sessions, the fewest that hardened servers allow."""
REQUEST_BYTES = 128 * 1024
"""OpenSSH's SFTP server takes up to 256 KiB; at paramiko's own 32 KiB it is Python that limits the rate."""
SENDS = 2
NEWS_EVERY_S = 0.1

Marks = Sequence[tuple[int, str]]


@dataclass(frozen=True)
class Content:
    local: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Answer:
    """What the far side has.

    Args:
        missing: sha256 of what it has not whole -> (bytes, sha256 of so many first ones) of what it has, growing.
    """

    missing: Mapping[str, Marks]
    free_bytes: int


Place = Callable[[Callable[[Answer], None] | None], Answer]
"""What `upload` asks of the far side; given nothing that sends, it says only what is missing now."""


@dataclass
class Sending:
    """What is on its way, each content with the byte to go on from."""

    total_bytes: int
    todo: SimpleQueue[tuple[Content, int]] = field(default_factory=SimpleQueue)
    sent_bytes: dict[str, int] = field(default_factory=dict)
    stopped: bool = False


def contents(files: Mapping[str, Path]) -> dict[str, Content]:
    """Far path -> content of the local file; of a folder each file below it.

    Raises:
        StoreError: a local file cannot be read.
    """
    every = {far: local for remote, path in files.items() for far, local in _files(path, remote)}
    with ThreadPoolExecutor(CHANNELS) as pool:
        return dict(zip(every, pool.map(_content, every.values()), strict=True))


def upload(
    link: Link,
    sftp: SFTPClient,
    files: Mapping[str, Content],
    *,
    blobs: str,
    place: Place,
    on_progress: OnBytes | None = None,
) -> None:
    """Sends what is missing into the folder `blobs` there, until everything is in its place.

    Args:
        sftp: a channel that is open already; more are opened where more files are missing.
        place: has the far side put in its place what it has whole, and say what is missing. It gives what is missing
            to the function it is given, which sends it, and puts in its place what comes of that as well.
        on_progress: told now and then how many bytes are sent, and of how many.

    Raises:
        DeviceError: no space there, or what arrives is not what was sent.
        SSHException, EOFError, OSError: as paramiko tells that the connection broke or the far side refused.
    """
    by_sha256 = {content.sha256: content for content in files.values()}

    def send(answer: Answer) -> None:
        _require_space(link, by_sha256, answer)
        try:
            _send(link, sftp, by_sha256, answer, blobs, on_progress)
        except OSError:
            if link.still_alive():  # an SFTP server says of a full disk no more than "Failure"
                _require_space(link, by_sha256, place(None))
            raise

    missing: Mapping[str, Marks] = {}
    for _ in range(SENDS):
        if not (missing := place(send).missing):
            return
    raise DeviceError(
        f"{by_sha256[min(missing)].local.name} does not arrive as it was sent, twice over",
        subject=link.address.device,
        fix="check the storage there, and that nothing changes the file here meanwhile",
    )


def resume_at(local: Path, marks: Marks) -> int:
    """How many bytes need not be sent: the last mark up to which the far side has what the local file has.

    Args:
        marks: (bytes, sha256 of so many first ones there), growing.
    """
    digest, kept = hashlib.sha256(), 0
    with as_store_errors(local), local.open("rb") as file:
        for size_bytes, sha256 in marks:
            digest.update(file.read(size_bytes - kept))
            if digest.hexdigest() != sha256:
                break
            kept = size_bytes
    return kept


def _files(local: Path, remote: str) -> list[tuple[str, Path]]:
    if not local.is_dir():
        return [(remote, local)]
    return [
        (f"{remote}/{each.relative_to(local).as_posix()}", each) for each in sorted(local.rglob("*")) if each.is_file()
    ]


def _content(local: Path) -> Content:
    with as_store_errors(local):
        return Content(local, sha256_file(local), local.stat().st_size)


def _require_space(link: Link, by_sha256: Mapping[str, Content], answer: Answer) -> None:
    there = {sha256: marks[-1][0] if marks else 0 for sha256, marks in answer.missing.items()}
    needed_bytes = sum(by_sha256[sha256].size_bytes - size_bytes for sha256, size_bytes in there.items())
    if needed_bytes > answer.free_bytes:
        raise DeviceError(
            f"no space: {bytes_text(needed_bytes)} more needed, {bytes_text(answer.free_bytes)} free",
            subject=link.address.device,
            fix=f"free some space there, or edgebench devices clean {link.address.device}",
        )


def _send(
    link: Link,
    sftp: SFTPClient,
    by_sha256: Mapping[str, Content],
    answer: Answer,
    blobs: str,
    on_progress: OnBytes | None,
) -> None:
    starts = {by_sha256[sha256]: resume_at(by_sha256[sha256].local, marks) for sha256, marks in answer.missing.items()}
    sending = Sending(sum(content.size_bytes - start for content, start in starts.items()))
    for content, start in sorted(starts.items(), key=lambda each: each[1] - each[0].size_bytes):  # the longest first
        sending.todo.put((content, start))
    with ThreadPoolExecutor(CHANNELS) as pool:
        futures = [pool.submit(_work, sftp, sending, blobs)]
        futures += [pool.submit(_work_beside, link, sending, blobs) for _ in range(min(len(starts), CHANNELS) - 1)]
        try:
            _watch(futures, sending, on_progress)
        finally:
            sending.stopped = True


def _watch(futures: list[Future[None]], sending: Sending, on_progress: OnBytes | None) -> None:
    """Raises what a worker raises."""
    working = True
    while working:
        done, under_way = wait(futures, NEWS_EVERY_S, FIRST_EXCEPTION)
        for future in done:
            future.result()
        working = bool(under_way)
        if on_progress:
            on_progress(sum(sending.sent_bytes.values()), sending.total_bytes)


def _work_beside(link: Link, sending: Sending, blobs: str) -> None:
    from paramiko import SSHException

    try:
        sftp = link.client.open_sftp()
    except SSHException:  # of several that are refused at once, paramiko tells one why
        if link.still_alive():
            return  # the server allows no more channels; those that are open do the work
        raise
    with contextlib.closing(sftp):
        _work(sftp, sending, blobs)


def _work(sftp: SFTPClient, sending: Sending, blobs: str) -> None:
    while not sending.stopped:
        try:
            content, start = sending.todo.get_nowait()
        except Empty:
            return
        _write(sftp, sending, content, start, f"{blobs}/{content.sha256}.part")


def _write(sftp: SFTPClient, sending: Sending, content: Content, start: int, part: str) -> None:
    try:
        far = sftp.open(part, "r+b")
    except FileNotFoundError:  # another host's transfer completed it just now
        sending.sent_bytes[content.sha256] = content.size_bytes - start
        return
    with far:
        far.MAX_REQUEST_SIZE = REQUEST_BYTES
        far.set_pipelined(True)
        far.seek(start)
        sent_bytes = 0
        for piece in _pieces(content.local, start):
            if sending.stopped:
                break
            far.write(piece)
            sent_bytes += len(piece)
            sending.sent_bytes[content.sha256] = sent_bytes
        if sending.stopped:
            return
        # The far side must not await what will not come, and paramiko tells of no write that failed.
        if start + sent_bytes < content.size_bytes:
            raise StoreError(
                "became shorter while it was sent", subject=str(content.local), fix="leave it alone meanwhile"
            )
        if far.stat().st_size < content.size_bytes:
            raise OSError(f"{part} is not written whole")


def _pieces(local: Path, start: int) -> Iterator[bytes]:
    with as_store_errors(local), local.open("rb") as file:
        file.seek(start)
        while piece := file.read(REQUEST_BYTES):
            yield piece
