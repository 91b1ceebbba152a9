"""`edgebench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebench.cli.session import Session


def report(
    session: Session,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Only these models [default: all kept]")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="Only this device [default: all measured on]")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the pages go.")] = Path("reports"),
) -> None:
    """Write speed-accuracy Pareto pages, tables and pictures of everything that was measured."""
    from edgebench.cli.tables import show_results
    from edgebench.pipeline.report import report
    from edgebench.render.conclusions import conclusions

    pages = report(session.workspace, model or (), device=device, out=out)
    session.answer({"pages": [{"folder": page.folder, "results": page.results} for page in pages]})
    for page in pages:
        dataset = page.results.dataset.name if page.results.dataset else "not evaluated"
        session.say(f"{dataset}, {page.results.device.name if page.results.device else 'no device'}")
        show_results(session, page.results)
        for sentence in conclusions(page.results):
            session.say(sentence)
        session.say(f"open {page.folder / 'index.html'}\n")
