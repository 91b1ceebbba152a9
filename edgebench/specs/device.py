"""What a device file says: how to reach a machine and which runtimes and threads to measure there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebench.frozen import Frozen
from edgebench.specs.stated import Stated

Runtime = Literal["litert", "onnxruntime", "coreml"]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]*$", max_length=255)]
User = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9._-]*$", max_length=100)]
Port = Annotated[int, Field(ge=1, le=65535)]
FarPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$", max_length=200)]
"""Goes into command lines of the device's shell: letters, digits and `. _ / -` alone."""


class VetoLimits(Frozen):
    """When a block is measured again, and how often at most."""

    foreign_load: Annotated[float, Field(gt=0)] = Field(
        default=0.25, description="processor time others used during the block, in cores"
    )
    frequency_change: Annotated[float, Field(gt=0, le=1)] = Field(default=0.1, description="share of the clock rate")
    max_temperature_c: float | None = None
    repeats: Annotated[int, Field(ge=0)] = 2


class SshSettings(Frozen):
    """How to log in. What is not said here comes from `~/.ssh/config`, then from ssh's own defaults."""

    host: Host | None = Field(default=None, description="address, or a Host of ~/.ssh/config [the device's name]")
    user: User | None = None
    port: Port | None = None
    key: str | None = Field(default=None, description="private key file; otherwise those of ssh's agent and ~/.ssh")
    jump: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@:-]+$")] | None = Field(
        default=None, description="[user@]host[:port] to go through"
    )
    folder: FarPath = Field(default=".edgebench", description="where edgebench works there, below the home folder")
    python: FarPath = Field(default="python3", description="interpreter of the device, 3.9 or later")


class DeviceSpec(Stated):
    description: str = ""
    transport: Literal["local", "ssh"] = "local"
    ssh: SshSettings = SshSettings()
    runtimes: tuple[Runtime, ...] = ("litert", "onnxruntime", "coreml")
    threads: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1,)
    cpu_affinity: tuple[Annotated[int, Field(ge=0)], ...] = ()
    veto: VetoLimits = VetoLimits()
    notes: str = Field(default="", description="cooling, power supply: what a reader of the numbers should know")
