"""`edgebench models list|show|validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from edgebench.cli.session import Session
from edgebench.cli.specs import add_spec_commands

if TYPE_CHECKING:
    from edgebench.specs.catalog import Catalog
    from edgebench.specs.model import ModelSpec
    from edgebench.specs.problem import Problem

app = typer.Typer(help="Look at model specs.", no_args_is_help=True, rich_markup_mode=None)


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


add_spec_commands(app, "model", _catalog, ("input", "heads", "weights", "description"), _row, _check)
