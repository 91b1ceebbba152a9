"""What is promised of devices over SSH: with a real sshd on this machine, so that the link is the loopback address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.desk import Desk, desk
from benchmarks.figures import Bench, Figure
from edgebench.pipeline.children.workers import anonymous_bytes

if TYPE_CHECKING:
    from edgebench.pipeline.jobs.tickets import Ticket
    from edgebench.records.measurement import DeviceInfo

MODEL = "mobilenet_v1_a0.25"
ONLY = ("--only", "tflite-fp32", "--only", "tflite-int8")
REPEATS = 5
TRANSFERS = 15
"""Of each, since the loopback address and the disk are as uneven as they are fast."""
ONE, SEVERAL = (100_000_000,), (25_000_000,) * 4
SHIPPED = (1_900_000, 600_000, 2_400_000)
"""Of a small model's two variants, and of the images that they cycle through."""
BLOCKS = 1000
SAMPLE_S = 0.5


def span(values: Sequence[float], unit: str = "") -> str:
    return f"{median(values):.2f}{unit} [{min(values):.2f}, {max(values):.2f}]"


# ---- a run here and a run there -------------------------------------------------------------------------------------


def overhead_s(bench: Bench) -> list[Figure]:
    with desk() as at:
        _beside_invocations_s(at, "here")  # makes the variants
        _beside_invocations_s(at, "board")  # and what they answer here
        first, second = [], []
        for _ in range(REPEATS):
            here_s = _beside_invocations_s(at, "here")
            at.forget()
            first.append(_beside_invocations_s(at, "board") - here_s)
            second.append(_beside_invocations_s(at, "board") - here_s)
    what = f"`run --device` over SSH beyond `run --device local`, {MODEL}, 2 variants"
    how = f"{REPEATS} runs of each, alternating; wall clock less the blocks' own invocations; median [least, most]"
    return [
        Figure(f"{what}, nothing of theirs there", "<= 2 s + transfer", span(first, " s"), f"{how}; with the transfer"),
        Figure(f"{what}, all files there", "<= 2 s", span(second, " s"), "the same"),
    ]


def _beside_invocations_s(at: Desk, device: str) -> float:
    from edgebench.records.measurement import Block

    asked = ("--model", MODEL, *ONLY, "--device", device, "--quick", "--rounds", 2, "--force", "--json")
    run = at.bench.edgebench("run", *asked)
    blocks = at.workspace.store.latest(Block, f"{json.loads(run.stdout)['job']['job']}/")
    return run.wall_s - sum(map(_invoked_s, blocks))


def _invoked_s(block: Any) -> float:
    warm_up_ns = block.warmup_invocations * median(block.latencies_ns)
    return (block.first_ns + warm_up_ns + sum(block.latencies_ns)) / 1e9


# ---- transfer -------------------------------------------------------------------------------------------------------


def transfer_ratio(bench: Bench) -> list[Figure]:
    """Ours proves on the far side what arrived and brings it to the disk there; sftp does neither."""
    with desk() as at:
        return [
            _compared(at, sizes, f"transfer of {len(sizes)} x {sizes[0] // 1_000_000} MB") for sizes in (ONE, SEVERAL)
        ]


def _compared(at: Desk, sizes: Sequence[int], name: str) -> Figure:
    ours_s, plain_s = [], []
    for number in range(TRANSFERS + 1):  # the first one warms up
        files = _random_files(at, sizes)
        at.forget()
        if number % 2:  # whoever comes second finds the files in memory
            ours_s.append(_ours_s(at, files))
        plain_s.append(_plain_s(at, files))
        if not number % 2:
            ours_s.append(_ours_s(at, files))
    ratios = [plain / ours for ours, plain in zip(ours_s[1:], plain_s[1:], strict=True)]
    megabytes = sum(sizes) / 1e6
    rates = f"{megabytes / median(ours_s[1:]):.0f} and {megabytes / median(plain_s[1:]):.0f} MB/s"
    how = f"{TRANSFERS} of each, alternating, log-in and, in ours, hashing there and fsync included; {rates}"
    return Figure(name, ">= 0.8 x plain sftp", span(ratios, " x"), how)


def _random_files(at: Desk, sizes: Sequence[int]) -> dict[str, Path]:
    """New content each time: what is there already is never sent."""
    folder = at.bench.folder / "files"
    folder.mkdir(exist_ok=True)
    files = {f"files/{i}": folder / str(i) for i in range(len(sizes))}
    for path, size in zip(files.values(), sizes, strict=True):
        path.write_bytes(os.urandom(size))
    os.sync()  # or the disk is still busy with them
    return files


def _ours_s(at: Desk, files: Mapping[str, Path]) -> float:
    from edgebench.transports import connect

    began = time.monotonic()
    there: Any = connect(at.board, at.folder, "transfer")
    there.put_all(files)
    ended = time.monotonic()
    there.close()
    return ended - began


def _plain_s(at: Desk, files: Mapping[str, Path]) -> float:
    known = at.bench.folder / "user" / ".config" / "edgebench" / "known_hosts"
    options = ["-q", "-b", "-", "-F", "/dev/null", "-o", f"UserKnownHostsFile={known}"]
    argv = ["sftp", *options, "-i", at.sshd.key, "-P", str(at.sshd.port), f"{at.sshd.user}@{at.sshd.host}"]
    batch = "".join(f"put {path} {at.sshd.home}/plain-{path.name}\n" for path in files.values())
    began = time.monotonic()
    subprocess.run(argv, input=batch, text=True, check=True, stdout=subprocess.DEVNULL)
    ended = time.monotonic()
    for path in at.sshd.home.glob("plain-*"):
        path.unlink()
    return ended - began


# ---- the first block ------------------------------------------------------------------------------------------------


def first_block_s(bench: Bench) -> list[Figure]:
    """From the first connection to the first block at work, by the clock that this machine and the board share."""
    with desk() as at:
        files = _random_files(at, SHIPPED)
        elapsed_s = [_to_first_block_s(at, f"{number:016x}", files) for number in range(REPEATS + 1)][1:]
    how = (
        f"{REPEATS} jobs; asking the machine, checking that the files are there, starting the job; "
        "until the block's process has read its conditions; median [least, most]"
    )
    return [Figure("log-in to first block, all files there", "<= 1.5 s", span(elapsed_s, " s"), how)]


def _to_first_block_s(at: Desk, job: str, files: Mapping[str, Path]) -> float:
    """The null runtime loads nothing and needs no warm-up, so its reading before the invocations is its beginning."""
    from edgebench.pipeline.boards.shipping import ship
    from edgebench.pipeline.children.agents import describe
    from edgebench.pipeline.jobs.following import carry_out
    from edgebench.records.measurement import Block
    from edgebench.transports import connect

    began = time.monotonic()
    info = describe(connect(at.board, at.folder), at.board)
    ticket = _ticket(at, info, job, rounds=1)
    there = connect(at.board, at.folder, job)
    ship(at.workspace.progress, there, files)
    carry_out(at.workspace, there, ticket)
    (block,) = at.workspace.store.latest(Block, f"{job}/")
    return float(block.before["monotonic_s"]) - began


def _ticket(at: Desk, info: DeviceInfo, job: str, *, rounds: int) -> Ticket:
    """A job of blocks that do nothing, with as many samples as a real one."""
    from edgebench.pipeline.jobs import tickets
    from edgebench.pipeline.jobs.following import JOURNAL
    from edgebench.plan import PlannedVariant, plan_blocks, schedule_task
    from edgebench.records.measurement import MeasurementJob
    from edgebench.specs.bench import BenchSettings
    from edgebench.specs.data import DataSettings

    settings = BenchSettings(
        rounds=rounds, warmup_s=0, max_warmup_s=0, steady_change=1, measure_s=0, min_invocations=200
    )
    variant = PlannedVariant(variant=f"{MODEL}.tflite-fp32", artifact="0" * 64, runtime="null", model="", inputs="")
    blocks = plan_blocks([variant], settings, (1,))
    ticket = tickets.Ticket(
        job=job,
        device="board",
        kind="job",
        block_kind="block",
        task=schedule_task(job, blocks, settings, device=at.board, inputs={}, journal=JOURNAL),
        artifacts={block.id: block.artifact for block in blocks},
    )
    record = MeasurementJob(
        job=job,
        device=info,
        settings=settings.model_dump(),
        variants=(variant.variant,),
        datasets={},
        data=DataSettings(),
        blocks=len(blocks),
        started_at="",
    )
    at.workspace.store.save(job, record)
    tickets.keep(at.workspace, ticket)
    return ticket


# ---- following ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    at_s: float
    processor_s: float
    memory_bytes: int
    home: int
    """Blocks."""


def following(bench: Bench) -> list[Figure]:
    """`edgebench runs attach` beside a detached job, watched from its first block on."""
    from edgebench.pipeline.children.agents import describe
    from edgebench.pipeline.jobs.following import carry_out
    from edgebench.transports import connect

    job = "f" * 16
    with desk() as at:
        ticket = _ticket(at, describe(connect(at.board, at.folder), at.board), job, rounds=BLOCKS)
        carry_out(at.workspace, connect(at.board, at.folder, job), ticket, detach=True)
        argv = [sys.executable, "-m", "edgebench", "runs", "attach", job, "--json"]
        with subprocess.Popen(argv, cwd=at.bench.folder, stdout=subprocess.DEVNULL) as follower:
            samples = list(_samples(at, ticket, follower))
        if follower.returncode:
            raise RuntimeError(f"`edgebench runs attach` ended with {follower.returncode}")
    first, last = samples[0], samples[-1]
    grown_bytes = max(sample.memory_bytes for sample in samples) - first.memory_bytes
    elapsed_s, used_s = last.at_s - first.at_s, last.processor_s - first.processor_s
    how = f"`edgebench runs attach`, its process alone, {last.home - first.home} blocks in {elapsed_s:.0f} s"
    each = f"{1000 * used_s / (last.home - first.home):.1f} ms of processor time a block"
    what = f"following a job of {BLOCKS} blocks"
    return [
        Figure(
            f"{what}: memory", "< 20 MB", f"{grown_bytes / 1e6:.1f} MB", f"{how}; anonymous memory, most less first"
        ),
        Figure(f"{what}: processor", "< 5 % of a core", f"{100 * used_s / elapsed_s:.1f} %", f"{how}; {each}"),
    ]


def _samples(at: Desk, ticket: Ticket, follower: subprocess.Popen[bytes]) -> Iterator[Sample]:
    """From the first block that is home to the last moment while others are still missing."""
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    while follower.poll() is None and (home := len(ticket.kept(at.workspace))) < ticket.total:
        with suppress(OSError):  # it ended just now
            fields = Path(f"/proc/{follower.pid}/stat").read_text().rpartition(")")[2].split()
            used_s = (int(fields[11]) + int(fields[12])) / ticks_per_s
            if home:
                yield Sample(time.monotonic(), used_s, anonymous_bytes(follower.pid), home)
        time.sleep(SAMPLE_S)


FIGURES: dict[str, Callable[[Bench], list[Figure]]] = {
    "overhead": overhead_s,
    "transfer": transfer_ratio,
    "first-block": first_block_s,
    "following": following,
}
