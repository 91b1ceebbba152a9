"""How one latency block is measured (the defaults of TensorFlow Lite's benchmark_model, made stricter)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebench.frozen import Frozen

SOAK_LEAST_S, SOAK_MOST_S = 1.0, 7200.0
Seconds = Annotated[float, Field(ge=0)]


class BenchSettings(Frozen):
    rounds: Annotated[int, Field(ge=1)] = 5
    warmup_s: Seconds = 0.5
    steady_change: Annotated[float, Field(gt=0)] = Field(
        default=0.02, description="warm-up goes on until the rolling median moves less than this share"
    )
    max_warmup_s: Seconds = 5.0
    measure_s: Seconds = 1.0
    min_invocations: Annotated[int, Field(ge=1)] = 30
    inputs: Annotated[int, Field(ge=1)] = Field(default=16, description="real preprocessed samples to cycle through")
    seed: Annotated[int, Field(ge=0)] = 0


class SoakSettings(BenchSettings):
    """One long block of each variant, to see how its speed lasts."""

    rounds: Literal[1] = 1
    soak_s: Annotated[float, Field(ge=SOAK_LEAST_S, le=SOAK_MOST_S)] = 600.0


QUICK = BenchSettings(warmup_s=0.1, max_warmup_s=0.5, measure_s=0.2, min_invocations=20, inputs=8)
"""For demos: a fifth of the time, and intervals to match."""
