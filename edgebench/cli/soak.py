"""`edgebench run --soak`: how speed lasts, in the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.session import Column, Session
from edgebench.units import NOT_MEASURED, joules_text, ms_text, ratio_text, watts_text

if TYPE_CHECKING:
    from edgebench.records.results import PowerUse, Soak
    from edgebench.specs.bench import BenchSettings, SoakSettings

SoakFor = Annotated[
    str | None,
    typer.Option(
        "--soak", metavar="TIME", help="One long block of each variant, such as 10m: burst against sustained speed."
    ),
]
UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600}
BARS = "▁▂▃▄▅▆▇█"
TREND = 24


def soak_settings(text: str, settings: BenchSettings) -> SoakSettings:
    """Raises UsageError where the text is no time, or too short or long a one."""
    from edgebench.errors import UsageError
    from edgebench.specs.bench import SOAK_LEAST_S, SOAK_MOST_S, SoakSettings

    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(s|m|min|h)", text.strip())
    soak_s = float(match[1]) * UNITS_S[match[2]] if match else 0.0
    if not SOAK_LEAST_S <= soak_s <= SOAK_MOST_S:
        raise UsageError(
            "not a time from one second to two hours", subject=repr(text), fix="write a number and s, m or h: 10m"
        )
    return SoakSettings(**settings.model_dump(exclude={"rounds"}), soak_s=soak_s)


def show_soaks(session: Session, soaks: Mapping[tuple[str, int], Soak]) -> None:
    """Burst and sustained latency side by side, a table for each model."""
    columns = (
        Column("variant"),
        Column("threads", numeric=True, rank=1),
        Column("burst", numeric=True),
        Column("sustained", numeric=True),
        Column("sustained / burst", numeric=True),
        Column("latency over time", rank=2),
        Column("temperature", numeric=True, rank=3),
        Column("clock", numeric=True, rank=5),
        Column("power", numeric=True, rank=6),
        Column("energy", numeric=True, rank=7),
        Column("caveats", rank=4),
    )
    rows: dict[str, list[tuple[str, ...]]] = {}
    for (variant, threads), soak in soaks.items():
        model, _, kind = variant.rpartition(".")
        cells = (
            kind,
            str(threads),
            ms_text(soak.burst_ms),
            ms_text(soak.sustained_ms),
            ratio_text(soak.ratio),
            _trend(soak),
            _ends(soak.temperature_c, "C"),
            _ends(soak.frequency_mhz, "MHz"),
            *power_cells(soak.power),
            ", ".join(caveat.kind for caveat in soak.caveats),
        )
        rows.setdefault(model, []).append(cells)
    for model, of_model in rows.items():
        session.table(columns, of_model, title=model)
    first = next(iter(soaks.values()))
    session.say(f"burst: the first {first.burst_s:.0f} s; sustained: the last {first.sustained_s:.0f} s")


def power_cells(use: PowerUse | None) -> tuple[str, str]:
    """Watts, and joules of an inference."""
    return watts_text(use.mean_w if use else None), joules_text(use.inference_j if use else None)


def _trend(soak: Soak) -> str:
    """Latency as a line of bars, from zero, so that a small change looks small."""
    size = -(-len(soak.median_ms) // TREND)
    groups = [soak.median_ms[i : i + size] for i in range(0, len(soak.median_ms), size)]
    levels = [sum(group) / len(group) for group in groups]
    return "".join(BARS[min(int(len(BARS) * level / max(levels)), len(BARS) - 1)] for level in levels)


def _ends(column: tuple[float | None, ...], unit: str) -> str:
    read = [value for value in column if value is not None]
    if not read:
        return NOT_MEASURED
    return f"{read[0]:.0f} to {read[-1]:.0f} {unit}"
