"""Which images a verb works on, and how the calibration images are drawn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgebench.frozen import Frozen

SYNTHETIC = "synthetic"
"""The embedded data set: drawn on first use, the same everywhere."""


class CalibrationSettings(Frozen):
    count: Annotated[int, Field(ge=1)] = 200
    seed: Annotated[int, Field(ge=0)] = 0


class DataSettings(Frozen):
    """A data set as a verb uses it."""

    folder: str = Field(default=SYNTHETIC, description="a folder in a known layout, or `synthetic`")
    limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="evaluate at most so many images, balanced over the classes"
    )
    tolerance: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="share of the images that may be unreadable"
    )
    allow_missing_classes: bool = False
    calibration: CalibrationSettings = CalibrationSettings()

    def without_path(self) -> DataSettings:
        """As records and reports keep it: where a user's images lie is nobody else's business."""
        return self if self.folder == SYNTHETIC else self.model_copy(update={"folder": "DIR"})
