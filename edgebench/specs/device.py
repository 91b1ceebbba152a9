"""What a device file says: how to reach a machine and which runtimes and threads to measure there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebench.frozen import Frozen
from edgebench.specs.stated import Stated

Runtime = Literal["litert", "onnxruntime", "coreml"]


class VetoLimits(Frozen):
    """When a block is measured again, and how often at most."""

    foreign_load: Annotated[float, Field(gt=0)] = Field(
        default=0.25, description="processor time others used during the block, in cores"
    )
    frequency_change: Annotated[float, Field(gt=0, le=1)] = Field(default=0.1, description="share of the clock rate")
    max_temperature_c: float | None = None
    repeats: Annotated[int, Field(ge=0)] = 2


class DeviceSpec(Stated):
    description: str = ""
    transport: Literal["local"] = "local"
    runtimes: tuple[Runtime, ...] = ("litert", "onnxruntime", "coreml")
    threads: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1,)
    cpu_affinity: tuple[Annotated[int, Field(ge=0)], ...] = ()
    veto: VetoLimits = VetoLimits()
    notes: str = Field(default="", description="cooling, power supply: what a reader of the numbers should know")
