"""`edgebench data synth|show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from edgebench.cli.options import Seed
from edgebench.cli.session import Column, Session
from edgebench.cli.verb import verb

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
    from edgebench.pipeline.datasets import draw_faces

    size = {"layout": layout, "training": training, "validation": validation, "seed": seed}
    draw_faces(session.workspace, out, **size)
    session.answer({"folder": out, **size})
    session.say(f"{out}: {training} training and {validation} validation images; use it with --data {out}")


@app.command("show")
@verb
def show(session: Session, folder: Annotated[str, typer.Argument(metavar="DIR")] = "synthetic") -> None:
    """Count what a data set holds, part by part."""
    from edgebench.data import find_splits, open_index
    from edgebench.pipeline.datasets import data_folder

    workspace = session.workspace
    path = data_folder(workspace, folder)
    parts = [open_index(path, split, cache=workspace.store.folder("cache")) for split in find_splits(path)]
    session.answer(
        {
            part.split: {
                "name": part.name,
                "layout": part.layout,
                "synthetic": part.synthetic,
                "images": len(part),
                "with_expression": sum(part.per_class().values()),
                "with_valence_arousal": part.rated(),
                "per_class": part.per_class(),
                "dropped": part.dropped,
            }
            for part in parts
        }
    )
    session.say(f"{parts[0].name}: {path}")
    session.table(
        (
            Column("part"),
            Column("images", numeric=True),
            Column("with expression", numeric=True),
            Column("with valence/arousal", numeric=True),
            *(Column(label, numeric=True, rank=1) for label in parts[0].per_class()),
            Column("dropped"),
        ),
        [
            (
                part.split,
                str(len(part)),
                str(sum(part.per_class().values())),
                str(part.rated()),
                *(str(count) for count in part.per_class().values()),
                ", ".join(f"{count} {what}" for what, count in part.dropped.items()),
            )
            for part in parts
        ],
    )
