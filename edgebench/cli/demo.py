"""`edgebench demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebench.cli.session import Session


def demo(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the report goes.")] = Path("reports"),
) -> None:
    """The whole road on two small trained models, synthetic faces and this machine, ending in a report."""
    from edgebench.cli.tables import show_results
    from edgebench.pipeline.demo import demo
    from edgebench.render.conclusions import conclusions

    page = demo(session.workspace, out=out)
    session.answer({"folder": page.folder, "results": page.results})
    dataset = page.results.dataset
    if dataset:
        session.say(f"{dataset.name}: {dataset.images_text}")
    show_results(session, page.results)
    for sentence in conclusions(page.results):
        session.say(sentence)
    session.say(f"open {page.folder / 'index.html'}")
