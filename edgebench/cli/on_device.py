"""A device's own accuracy in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.session import Column, Session

if TYPE_CHECKING:
    from edgebench.pipeline.choice import Choice
    from edgebench.specs.data import DataSettings


OnDeviceAccuracy = Annotated[
    bool, typer.Option("--on-device-accuracy", help="Then evaluate there too, as `edgebench evaluate --device` does.")
]
LIMIT_S = 600.0


def show_on_devices(session: Session, choice: Choice, devices: str, data: DataSettings) -> None:
    """After a run on one device or several: its answer with that of the evaluations added."""
    from edgebench.pipeline.workspace import names

    measured, evaluated = session.answered, []
    for device in names(devices):
        show_on_device(session, choice, device, data, limit_s=LIMIT_S, force=False)
        evaluated.append(session.answered)
    session.answer({**measured, "on_device": evaluated})


def show_on_device(
    session: Session, choice: Choice, device: str, data: DataSettings, *, limit_s: float, force: bool
) -> None:
    """Has the device answer, and shows its accuracy beside that of the same images here."""
    from edgebench.pipeline.on_device import evaluate_on_device
    from edgebench.records.results import CRITERIA
    from edgebench.render.text import estimate_text, metric_title
    from edgebench.units import change_text, score_text

    found = evaluate_on_device(session.workspace, choice, device=device, data=data, limit_s=limit_s, force=force)
    session.answer({"device": device, "variants": found})
    criterion = next((name for name in CRITERIA if all(name in each.scores.metrics for each in found)), CRITERIA[0])
    columns = (
        Column("variant"),
        Column("images", numeric=True, rank=2),
        Column(f"{metric_title(criterion)} there", numeric=True),
        Column("minus here", numeric=True),
        Column("other calls", numeric=True),
        Column("outputs apart by", numeric=True, rank=1),
    )
    rows = [
        (
            each.variant,
            str(each.images) if each.images == each.of else f"{each.images} of {each.of}",
            estimate_text(each.scores.metrics.get(criterion), score_text),
            estimate_text(each.drift.deltas.get(criterion), change_text),
            str(each.drift.flips),
            f"{each.largest_difference:.1e}" if each.largest_difference else "nothing",
        )
        for each in found
    ]
    session.table(columns, rows, title=f"{device}: its own answers")
