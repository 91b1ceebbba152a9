"""`edgebench train`."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebench.cli.options import Data, Out, Seed
from edgebench.cli.session import Column, Session


def train(
    session: Session,
    model: Annotated[str, typer.Option("--model", "-m", metavar="NAME", help="A model spec of the zoo.")],
    data: Data = "synthetic",
    epochs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Instead of the spec's.")] = None,
    seed: Seed = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Do not resume an earlier training, replace it.")] = False,
    out: Out = None,
) -> None:
    """Train a model from the zoo by the recipe in its spec; started again, it goes on where it was."""
    from edgebench.pipeline.train import train

    history, weights = train(session.workspace, model, data=data, epochs=epochs, seed=seed, resume=not restart, out=out)
    session.answer({"weights": weights, "history": history})
    scores = sorted({name for epoch in history.epochs for name in epoch.validation})
    session.table(
        (
            Column("epoch", numeric=True),
            Column("rate"),
            Column("loss", numeric=True),
            *(Column(name.replace("_", " "), numeric=True) for name in scores),
        ),
        [
            (
                str(epoch.epoch),
                f"{epoch.learning_rate:.1e}",
                f"{epoch.loss:.3f}",
                *(f"{epoch.validation[name]:.3f}" if name in epoch.validation else "" for name in scores),
            )
            for epoch in history.epochs
        ],
    )
    session.say(f"weights: {weights}")
    session.say("to use them, name that file under `source: weights:` in the model's spec")
