"""`edgebench quantize`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.cli.options import (
    ALL_RECIPES,
    AllowMissing,
    CalibrationCount,
    Data,
    Force,
    Formats,
    Models,
    Only,
    Out,
    Recipes,
    Seed,
    Tolerance,
    data_settings,
)
from edgebench.cli.session import Column, Session

if TYPE_CHECKING:
    from edgebench.records.artifact import Artifact
    from edgebench.records.caveat import Caveat


def quantize(
    session: Session,
    model: Models,
    formats: Formats = None,
    recipes: Recipes = ALL_RECIPES,
    only: Only = None,
    data: Data = "synthetic",
    calibration: CalibrationCount = 200,
    seed: Seed = 0,
    tolerance: Tolerance = 0.0,
    allow_missing_classes: AllowMissing = False,
    out: Out = None,
    force: Force = False,
) -> int:
    """Make the variants of a model: converted, quantized, run once, checked against their source."""
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.findings.budget import over_budget
    from edgebench.pipeline.quantize import quantize

    workspace = session.workspace
    artifacts = quantize(
        workspace,
        Choice.of(model, formats=formats, recipes=recipes, only=only or ()),
        data=data_settings(
            data,
            calibration=calibration,
            seed=seed,
            tolerance=tolerance,
            allow_missing_classes=allow_missing_classes,
        ),
        out=out,
        force=force,
    )
    excess = {a.variant: over_budget(workspace.model(a.model), a) for a in artifacts}
    folder = out or workspace.store.folder("artifacts")
    session.answer(
        {"folder": folder, "artifacts": artifacts, "over_budget": [name for name, found in excess.items() if found]}
    )
    _show(session, artifacts, excess)
    session.say(f"files: {folder}")
    return 1 if any(excess.values()) else 0


def _show(session: Session, artifacts: tuple[Artifact, ...], excess: dict[str, Caveat | None]) -> None:
    from edgebench.units import bytes_text, duration_text

    fp32_bytes = {(a.model, a.format): a.size_bytes for a in artifacts if a.recipe == "fp32"}
    rows: dict[str, list[tuple[str, ...]]] = {}
    for artifact in artifacts:
        whole = fp32_bytes.get((artifact.model, artifact.format))
        operators = artifact.operators
        caveats = [caveat.kind for caveat in (*artifact.caveats, excess[artifact.variant]) if caveat]
        rows.setdefault(artifact.model, []).append(
            (
                f"{artifact.format}-{artifact.recipe}",
                bytes_text(artifact.size_bytes),
                f"{artifact.size_bytes / whole:.2f}" if whole else "",
                f"{operators.int8} of {operators.int8 + operators.float}",
                f"{operators.compute_int8} of {operators.compute}",
                f"{artifact.parity:.1e}" if artifact.parity is not None else "",
                duration_text(artifact.duration_s),
                ", ".join(caveats),
            )
        )
    columns = (
        Column("variant"),
        Column("size", numeric=True),
        Column("to fp32", numeric=True),
        Column("int8 operators", numeric=True),
        Column("int8 conv/matmul", numeric=True, rank=3),
        Column("max diff", numeric=True, rank=2),
        Column("made in", numeric=True, rank=1),
        Column("caveats"),
    )
    for model, of_model in rows.items():
        session.table(columns, of_model, title=model)
    for artifact in artifacts:
        for caveat in (*artifact.caveats, excess[artifact.variant]):
            if caveat:
                session.detail(f"{artifact.variant}: {caveat.text}" + (f" ({caveat.fix})" if caveat.fix else ""))
