"""Latency blocks with every raw sample, and the conditions they were taken under."""

from __future__ import annotations

from typing import Any, Literal

from edgebench.frozen import Frozen
from edgebench.specs.data import DataSettings


class Block(Frozen):
    """One fresh process on the device: load, first inference, warm-up, N timed invocations.

    Durations are integer nanoseconds as the agent reported them. `before` and `after` are the
    agent's telemetry; `vetoes` says why earlier attempts at this block were measured again, and
    `disturbed` why this one should be read with care although repeats ran out.
    """

    job: str
    variant: str
    artifact: str
    device: str
    runtime: str
    runtime_version: str
    path: str = ""
    """What really executed, in the runtime's words: XNNPACK or built-in kernels, an execution provider."""
    threads: int
    round: int
    position: int
    attempt: int
    load_ns: int
    first_ns: int
    warmup_invocations: int
    latencies_ns: tuple[int, ...]
    peak_rss_bytes: int
    outputs_sha256: str
    started_at: str
    before: dict[str, Any]
    after: dict[str, Any]
    vetoes: tuple[str, ...] = ()
    disturbed: tuple[str, ...] = ()


class DeviceInfo(Frozen):
    """The machine as its agent described it. Two runs are compared only where these agree."""

    name: str
    description: str = ""
    notes: str = ""
    machine: str
    system: str
    processor: str
    cores: int
    memory_bytes: int
    word_bits: int
    """Of programs; a 32-bit user space on a 64-bit kernel is common and several times slower."""
    kernel_bits: int | None = None
    features: tuple[str, ...] = ()
    governor: str = ""
    virtualized: str = ""
    python: str
    runtimes: dict[str, str]


class MeasurementJob(Frozen):
    """One interleaved run: what was asked, on what machine."""

    job: str
    device: DeviceInfo
    settings: dict[str, Any]
    variants: tuple[str, ...]
    datasets: dict[str, str]
    """Model -> id of the data set whose first images the blocks cycled through."""
    data: DataSettings
    """How it was asked for, the user's path left out."""
    blocks: int
    """How many a finished job has."""
    purpose: Literal["run", "gate"] = "run"
    """A gate's job holds the baseline's artifacts beside the changed ones, and no others."""
    started_at: str
