"""How many images set the int8 ranges, and how they are drawn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgebench.frozen import Frozen


class CalibrationSettings(Frozen):
    count: Annotated[int, Field(ge=1)] = 200
    seed: int = 0
