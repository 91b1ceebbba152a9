"""`edgebench evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebench.cli.options import (
    ALL_RECIPES,
    AllowMissing,
    CalibrationCount,
    Data,
    Force,
    Formats,
    Limit,
    Models,
    Only,
    Recipes,
    Seed,
    Tolerance,
    data_settings,
)
from edgebench.cli.session import Session


def evaluate(
    session: Session,
    model: Models,
    formats: Formats = None,
    recipes: Recipes = ALL_RECIPES,
    only: Only = None,
    data: Data = "synthetic",
    limit: Limit = None,
    tolerance: Tolerance = 0.0,
    allow_missing_classes: AllowMissing = False,
    calibration: CalibrationCount = 200,
    seed: Seed = 0,
    force: Force = False,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", metavar="NAME", help="Let this device answer, and hold that against our answers here."
        ),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            "--minutes",
            min=0,
            metavar="M",
            help="With --device: may take so long; else a part of the images has to do.",
        ),
    ] = 10,
) -> None:
    """Measure accuracy, and its drift against the source model, image by image."""
    from edgebench.cli.on_device import show_on_device
    from edgebench.cli.tables import show_results
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.evaluate import evaluate
    from edgebench.pipeline.findings.results import evaluation_results
    from edgebench.pipeline.images.labels import CLASS_CAVEATS

    choice = Choice.of(model, formats=formats, recipes=recipes, only=only or ())
    settings = data_settings(
        data,
        calibration=calibration,
        seed=seed,
        limit=limit,
        tolerance=tolerance,
        allow_missing_classes=allow_missing_classes,
    )
    if device is not None:
        show_on_device(session, choice, device, settings, limit_s=60 * minutes, force=force)
        return
    evaluations = evaluate(session.workspace, choice, data=settings, force=force)
    results = evaluation_results(session.workspace, evaluations)
    session.answer(results)
    info = evaluations[0].dataset
    dropped = "; ".join(f"{count} {what} dropped" for what, count in info.dropped.items() if count)
    session.say(f"{info.name}: {info.images_text}" + (f" ({dropped})" if dropped else ""))
    show_results(session, results)
    for caveat in results.caveats:
        if caveat.kind in CLASS_CAVEATS:
            session.say(f"{caveat.kind}: {caveat.text}")
    for result in results.variants:
        if result.drift and result.drift.verdict != "pass":
            session.say(f"{result.variant}: {result.drift.verdict}: {result.drift.reason}")
