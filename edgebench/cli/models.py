"""`edgebench models list|show|validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from edgebench.cli.session import Session
from edgebench.cli.specs import add_spec_commands

if TYPE_CHECKING:
    from edgebench.specs.catalog import Catalog
    from edgebench.specs.model import ModelSpec

app = typer.Typer(help="Look at model specs.", no_args_is_help=True, rich_markup_mode=None)


def _catalog(session: Session) -> Catalog:
    from edgebench.specs.catalog import models

    return models(session.models or ())


def _row(spec: ModelSpec) -> tuple[str, ...]:
    from edgebench.specs.model import ZooSource

    height, width = spec.input.size
    weights = spec.source.weights if isinstance(spec.source, ZooSource) else spec.source.keras
    return (
        f"{height}x{width} {spec.input.color}",
        ", ".join(head.name for head in spec.heads),
        weights,
        spec.description,
    )


add_spec_commands(app, "model", _catalog, ("input", "heads", "weights", "description"), _row)
