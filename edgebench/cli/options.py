"""Options that several commands share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgebench.specs.data import DataSettings

Models = Annotated[
    list[str], typer.Option("--model", "-m", metavar="NAME", help="A model spec; repeat or separate by commas.")
]
Formats = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="tflite, onnx, coreml [default: those it reaches with the converters installed]"),
]
Recipes = Annotated[str, typer.Option(metavar="LIST", help="fp32, fp16, int8")]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Only these variants, such as 'tflite-*' or 'net.onnx-int8'; repeatable."),
]
Data = Annotated[str, typer.Option("--data", "-d", metavar="DIR", help="A folder of labelled images, or `synthetic`.")]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="At most so many images, balanced over the classes.")
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="A device spec.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again, whatever is cached.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="PATH", help="Where to write.")]
CalibrationCount = Annotated[
    int, typer.Option("--calibration", min=1, metavar="N", help="Images that set int8 ranges.")
]
Tolerance = Annotated[
    float, typer.Option(min=0, max=1, metavar="SHARE", help="Share of the images that may be unreadable.")
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing-classes", help="Go on although a class of the model has no image.")
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Of every random choice.")]

ALL_RECIPES = "fp32,fp16,int8"


def data_settings(
    data: str, *, calibration: int, seed: int, limit: int | None = None, tolerance: float, allow_missing_classes: bool
) -> DataSettings:
    from edgebench.specs.data import CalibrationSettings, DataSettings

    return DataSettings(
        folder=data,
        limit=limit,
        tolerance=tolerance,
        allow_missing_classes=allow_missing_classes,
        calibration=CalibrationSettings(count=calibration, seed=seed),
    )


def thread_counts(text: str) -> tuple[int, ...]:
    from edgebench.errors import UsageError

    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
        raise UsageError(
            "not a list of different thread counts, each 1 or more", subject=repr(text), fix="write numbers such as 1,2"
        )
    return counts
