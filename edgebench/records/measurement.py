"""Latency blocks with every raw sample, and the conditions they were taken under."""

from __future__ import annotations

from typing import Any, Literal

from edgebench.frozen import Frozen
from edgebench.specs.data import DataSettings


class Power(Frozen):
    """What the board's meter read while the block's invocations went on for a second, after those that are timed."""

    meter: str
    """`pmic`, the sum of the rails of a Raspberry Pi 5's own power chip, or the names of INA2xx sensors."""
    watts: tuple[float, ...]
    """Of the whole of what the meter measures, at rest and at work."""
    invocations: int
    seconds: float

    @property
    def mean_w(self) -> float:
        return sum(self.watts) / len(self.watts)

    @property
    def joules(self) -> float:
        """Of one inference."""
        return self.mean_w * self.seconds / self.invocations


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
    answers: str = ""
    """Blob of what `outputs_sha256` is of: float32, output after output, image after image. None of whole frames."""
    started_at: str
    before: dict[str, Any]
    after: dict[str, Any]
    vetoes: tuple[str, ...] = ()
    disturbed: tuple[str, ...] = ()
    cooled_s: float = 0.0
    """So long it waited for the board to cool before it began, in all attempts."""
    governor_wanted: str = ""
    governor_refused: str = ""
    """Why the clock's governor is not the wanted one, where it is not."""
    power: Power | None = None
    """None where the board cannot measure it."""


class DeviceInfo(Frozen):
    """The machine as its agent described it. Two runs are compared only where these agree."""

    name: str
    description: str = ""
    notes: str = ""
    board: str = ""
    """What the board calls itself."""
    emulated: bool = False
    """What runs there shows that it works; no time of it is ever shown."""
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
    inputs: dict[str, str] = {}
    """Model -> sha256 of those images and of how the model is fed with them; none in older records."""
    data: DataSettings
    """How it was asked for, the user's path left out."""
    blocks: int
    """How many a finished job has."""
    purpose: Literal["run", "gate", "share"] = "run"
    """A gate's job holds the baseline's artifacts beside the changed ones, and no others; a share is a board's part of
    a pool's job."""
    shares: dict[str, str] = {}
    """Of a pool's job: board -> the job that holds its blocks."""
    started_at: str
