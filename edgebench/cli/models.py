"""`edgebench models list|show|validate|import|doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.options import Data, Seed, Tolerance
from edgebench.cli.session import Column, Session
from edgebench.cli.specs import add_spec_commands
from edgebench.cli.verb import verb

if TYPE_CHECKING:
    from edgebench.records.diagnosis import ContractScore, Diagnosis
    from edgebench.records.results import Estimate
    from edgebench.specs.catalog import Catalog
    from edgebench.specs.model import ModelSpec
    from edgebench.specs.problem import Problem

app = typer.Typer(
    help="Look at model specs, write one for a trained model, or test one against data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _catalog(session: Session) -> Catalog:
    from edgebench.specs.catalog import models

    return models(session.models or ())


def _row(spec: ModelSpec) -> tuple[str, ...]:
    from edgebench.specs.source import RANDOM_WEIGHTS

    height, width = spec.input.size
    return (
        f"{height}x{width} {spec.input.color}",
        ", ".join(head.name for head in spec.heads),
        spec.source.file or RANDOM_WEIGHTS,
        spec.description,
    )


def _check(spec: ModelSpec) -> tuple[Problem, ...]:
    from edgebench.zoo import problems

    return problems(spec)


def _try_out(session: Session, specs: Sequence[ModelSpec]) -> Iterable[Problem]:
    from edgebench.pipeline.opening import problems_of_sources

    return problems_of_sources(session.workspace, specs)


add_spec_commands(app, "model", _catalog, ("input", "heads", "weights", "description"), _row, _check, _try_out)


@app.command("import")
@verb
def import_(
    session: Session,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A .keras, .h5, .onnx, .tflite, .pt2 or .pth file, or a SavedModel folder."
        ),
    ],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Of the model [default: the file's]")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder of specs.")] = Path("model_specs"),
    factory: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:NAME", help="What builds the net of a .pth state dict, or PACKAGE.MODULE:NAME. It is run."
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="HEIGHT[xWIDTH]", help="Of the images, where the file leaves it open.")
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a SavedModel [default: serving_default, or its only one]"),
    ] = None,
) -> None:
    """Write a draft of the spec for a trained model, with a comment wherever the file does not tell."""
    from edgebench.pipeline.importing import import_model

    sides = None if size is None else _size(size)
    found = import_model(session.workspace, file, name=name, out=out, factory=factory, size=sides, signature=signature)
    session.answer(
        {"name": found.name, "spec": found.spec, "labels": found.labels, "draft": found.draft, "next": found.next}
    )
    session.say(f"{found.spec}:")
    session.say(found.spec.read_text(encoding="utf-8"))
    session.say("Correct what is marked, then:")
    for command in found.next:
        session.say(f"  {command}")


def _size(text: str) -> tuple[int, int]:
    """Height and width."""
    from edgebench.errors import UsageError

    sides = text.split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and 0 < int(side) < 10_000 for side in sides):
        raise UsageError("is no size", subject=repr(text), fix="write --size 224 or --size HEIGHTxWIDTH")
    return int(sides[0]), int(sides[-1])


@app.command("doctor")
@verb
def doctor(
    session: Session,
    model: Annotated[str, typer.Argument(metavar="NAME")],
    data: Data = "synthetic",
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="At most so many images, balanced over the classes.")
    ] = 1000,
    resize: Annotated[bool, typer.Option("--resize", help="Try every way to resize as well.")] = False,
    tolerance: Tolerance = 0.0,
    seed: Seed = 0,
) -> int:
    """Test a spec's colours, range, crop and labels against data; exit 1 contradicted, 3 cannot tell."""
    from edgebench.pipeline.doctor import doctor

    found = doctor(session.workspace, model, data=data, limit=limit, seed=seed, tolerance=tolerance, kernels=resize)
    session.answer(found.model_dump(mode="json") | {"exit_code": found.exit_code})
    _show(session, found)
    return found.exit_code


def _show(session: Session, found: Diagnosis) -> None:
    session.say(f"{found.model} on {found.dataset.name}: {found.dataset.images_text}")
    session.table(
        (
            Column("contract"),
            Column(found.criterion.replace("_", " "), numeric=True),
            Column("to the best", numeric=True, rank=1),
            Column(""),
        ),
        [_score_row(score, found.criterion) for score in found.scores],
    )
    session.say(f"{found.verdict}: {'; '.join(found.reasons)}")
    for line in found.advice:
        session.say(f"  {line}")


def _score_row(score: ContractScore, criterion: str) -> tuple[str, ...]:
    scale, digits, sign = (100, 1, " %") if criterion == "accuracy" else (1, 3, "")

    def text(value: Estimate, plus: str = "") -> str:
        shown = f"{scale * value.value:{plus}.{digits}f}"
        if value.low is None or value.high is None:
            return shown
        low, high = (f"{scale * end:{plus}.{digits}f}" for end in (value.low, value.high))
        return f"{shown} [{low}, {high}]" if plus else f"{shown}{sign} [{low}, {high}]"

    return (
        score.text,
        text(score.score),
        text(score.to_best, "+") if score.to_best else "best",
        "the spec" if score.stated else "",
    )
