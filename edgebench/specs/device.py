"""What a device file says: how to reach a machine and which runtimes and threads to measure there."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edgebench.frozen import Frozen
from edgebench.specs import patterns
from edgebench.specs.stated import Name, Stated

Runtime = Literal["litert", "onnxruntime", "coreml"]
Host = Annotated[str, Field(pattern=patterns.HOST, max_length=255)]
User = Annotated[str, Field(pattern=patterns.USER, max_length=100)]
Port = Annotated[int, Field(ge=1, le=65535)]
FarFolder = Annotated[str, Field(pattern=patterns.FOLDER, max_length=200)]
"""Goes into command lines of the device's shell: letters, digits and `. _ / -` alone; never above the home folder."""
Program = Annotated[str, Field(pattern=patterns.PROGRAM, max_length=200)]
"""Goes into command lines likewise, and is no option."""
KeyFile = Annotated[str, Field(pattern=patterns.KEY_FILE, max_length=1000)]


class VetoLimits(Frozen):
    """When a block is measured again, and how often at most."""

    foreign_load: Annotated[float, Field(gt=0)] = Field(
        default=0.25, description="processor time others used during the block, in cores"
    )
    frequency_change: Annotated[float, Field(gt=0, le=1)] = Field(default=0.1, description="share of the clock rate")
    memory_pressure: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05, description="share of the time that something waited for memory"
    )
    max_temperature_c: float | None = None
    repeats: Annotated[int, Field(ge=0)] = 2


class SshSettings(Frozen):
    """How to log in. What is not said here comes from `~/.ssh/config`, then from ssh's own defaults."""

    host: Host | None = Field(default=None, description="address, or a Host of ~/.ssh/config [the device's name]")
    user: User | None = None
    port: Port | None = None
    key: KeyFile | None = Field(default=None, description="private key file; otherwise those of ssh's agent and ~/.ssh")
    jump: Annotated[str, Field(pattern=patterns.JUMP, max_length=400)] | None = Field(
        default=None, description="[user@]host[:port] to go through"
    )
    folder: FarFolder = Field(default=".edgebench", description="where edgebench works there, below the home folder")
    python: Program = Field(default="python3", description="interpreter of the device, 3.9 or later")


class DeviceSpec(Stated):
    description: str = ""
    transport: Literal["local", "ssh"] = "local"
    ssh: SshSettings = SshSettings()
    runtimes: tuple[Runtime, ...] = ("litert", "onnxruntime", "coreml")
    threads: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1,)
    cpu_affinity: tuple[Annotated[int, Field(ge=0)], ...] = ()
    board: Annotated[str, Field(pattern=patterns.BOARD, max_length=200)] = Field(
        default="", description="how the board's own name of its model must begin, such as Raspberry Pi 4"
    )
    governor: Annotated[str, Field(pattern=patterns.GOVERNOR, max_length=50)] | None = Field(
        default=None, description="the clock's governor while it measures, where we may set it; restored afterwards"
    )
    start_below_c: Annotated[float, Field(gt=0, le=120)] | None = Field(
        default=None, description="a block starts only when the board is cooler, in degrees Celsius"
    )
    emulated: bool = Field(
        default=False, description="an emulator: proves that things work, and no time measured there is ever shown"
    )
    pool: tuple[Name, ...] = Field(
        default=(), description="names of equal boards that share the rounds of a run; beside them only words go here"
    )
    veto: VetoLimits = VetoLimits()
    notes: str = Field(default="", description="cooling, power supply: what a reader of the numbers should know")

    @model_validator(mode="after")
    def _pool_of_others(self) -> Self:
        if self.pool and self.model_fields_set - {"name", "description", "notes", "pool"}:
            raise ValueError("a pool's boards have specs of their own: beside `pool` only `description` and `notes` go")
        if self.pool and (len(set(self.pool)) < max(2, len(self.pool)) or self.name in self.pool):
            raise ValueError("`pool` names two or more different boards, and not itself")
        return self
