"""`edgebench data synth|show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edgebench.cli.options import Seed
from edgebench.cli.session import Column, Session
from edgebench.cli.verb import verb

if TYPE_CHECKING:
    from edgebench.data import Index
    from edgebench.data.survey import Survey
    from edgebench.specs.model import ModelSpec

app = typer.Typer(help="Look at data sets, or draw one.", no_args_is_help=True, rich_markup_mode=None)


@app.command("synth")
@verb
def synth(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")],
    layout: Annotated[Literal["2017", "2021"], typer.Option(help="Of AffectNet.")] = "2017",
    training: Annotated[int, typer.Option(min=1, metavar="N", help="Images of the training part.")] = 4000,
    validation: Annotated[int, typer.Option(min=1, metavar="N", help="Images of the validation part.")] = 1000,
    seed: Seed = 1,
) -> None:
    """Draw synthetic faces with expression, valence and arousal, in a layout of AffectNet."""
    from edgebench.pipeline.images.datasets import draw_faces

    size = {"layout": layout, "training": training, "validation": validation, "seed": seed}
    draw_faces(session.workspace, out, **size)
    session.answer({"folder": out, **size})
    session.say(f"{out}: {training} training and {validation} validation images; use it with --data {out}")


@app.command("show")
@verb
def show(
    session: Session,
    folder: Annotated[str, typer.Argument(metavar="DIR")] = "synthetic",
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="NAME", help="Whose eyes to look with.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A PNG to write, of pictures as the model is shown them.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Look into at most so many pictures of each part.")
    ] = None,
) -> None:
    """Say what a data set holds, part by part, and which of its pictures cannot be read."""
    from edgebench.errors import UsageError
    from edgebench.pipeline.look import draw_sheet, look

    if sheet is not None and model is None:
        raise UsageError("a sheet shows what a model sees", subject="--sheet", fix="say --model NAME too")
    workspace = session.workspace
    spec = workspace.model(model) if model else None
    parts = look(workspace, folder, crop=spec.input.crop if spec else "none", limit=limit)
    session.answer({part.split: _described(part, pictures, spec) for part, pictures in parts})
    first = parts[0][0]
    session.say(f"{first.name}: {first.folder}, layout {first.layout}")
    session.table(_COLUMNS, [_counts(part, pictures) for part, pictures in parts])
    _show_labels(session, [part for part, _ in parts])
    for part, pictures in parts:
        _show_doubts(session, part, pictures, spec)
    if sheet is not None and model is not None:
        shown = draw_sheet(workspace, parts[-1][0], model, sheet)
        session.say(f"{sheet}: {shown} pictures as {model} is shown them; they are your pictures: keep the file here")


_COLUMNS = (
    Column("part"),
    Column("images", numeric=True),
    Column("with a class", numeric=True),
    Column("width", numeric=True, rank=1),
    Column("height", numeric=True, rank=1),
    Column("broken", numeric=True),
    Column("dropped", rank=2),
)
NAMED = 10


def _described(part: Index, pictures: Survey, spec: ModelSpec | None) -> dict[str, Any]:
    return {
        "name": part.name,
        "layout": part.layout,
        "folder": part.folder,
        "synthetic": part.synthetic,
        "images": len(part),
        "files": len(set(part.files)),
        "with_class": sum(part.per_class().values()),
        "per_class": part.per_class(),
        "per_value": part.per_value(),
        "dropped": part.dropped,
        "agreement": part.agreement,
        "looked_into": pictures.pictures,
        "widths": pictures.widths,
        "heights": pictures.heights,
        "broken": pictures.broken,
        "uncroppable": pictures.uncroppable,
        "not_of_the_model": _not_of(part, spec),
    }


def _counts(part: Index, pictures: Survey) -> tuple[str, ...]:
    return (
        part.split,
        str(len(part)),
        str(sum(part.per_class().values())),
        *(_spread(sizes) for sizes in (pictures.widths, pictures.heights)),
        str(len(pictures.broken)) + ("" if pictures.pictures == len(part) else f" of {pictures.pictures}"),
        ", ".join(f"{count} {what}" for what, count in part.dropped.items()),
    )


def _spread(sizes: tuple[int, int, int] | None) -> str:
    """Smallest, median and largest; one number where all are equal."""
    if sizes is None:
        return ""
    return str(sizes[0]) if sizes[0] == sizes[2] else " / ".join(map(str, sizes))


def _show_labels(session: Session, parts: Sequence[Index]) -> None:
    """Images of each class, and with each number, by part."""
    counts = [part.per_class() | {f"{name} (number)": n for name, n in part.per_value().items()} for part in parts]
    labels = dict.fromkeys(label for each in counts for label in each)
    columns = (Column("label"), *(Column(part.split, numeric=True) for part in parts))
    session.table(columns, [(label, *(str(each.get(label, 0)) for each in counts)) for label in labels])


def _show_doubts(session: Session, part: Index, pictures: Survey, spec: ModelSpec | None) -> None:
    if (files := len(set(part.files))) < len(part):
        session.say(f"{part.split}: {len(part)} faces in {files} pictures")
    if part.agreement:
        agreement = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in part.agreement.items())
        session.say(f"{part.split}: several annotators agree by {agreement}{_why_alone(part.agreement)}")
    for name in pictures.broken[:NAMED]:
        session.say(f"{part.split}: cannot be read: {name}")
    if len(pictures.broken) > NAMED:
        session.say(f"{part.split}: and {len(pictures.broken) - NAMED} more; --json names all")
    for why, count in pictures.uncroppable.items():
        session.say(f"{part.split}: {count} of no use to a model with `crop: face_box`: {why}")
    if unknown := _not_of(part, spec):
        counts = ", ".join(f"{label} ({count})" for label, count in unknown.items())
        session.say(f"{part.split}: the model has no class {counts}")


def _why_alone(agreement: Mapping[str, float]) -> str:
    from edgebench.data.agreement import MOST_PAIRED

    if not all(name.startswith("krippendorff_alpha") for name in agreement):
        return ""
    return f"; for more, a column `annotator` has to say who labelled each row, of at most {MOST_PAIRED} people"


def _not_of(part: Index, spec: ModelSpec | None) -> dict[str, int]:
    """Classes that the model does not have, and their images."""
    from edgebench.metrics.labels import classes_without_label

    head = spec.class_head if spec else None
    return classes_without_label(part.per_class(), head) if head and part.labels else {}
