"""`edgebench inspect`."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebench.cli.session import Column, Session


def inspect(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="VARIANT|FILE", help="A variant's name, or a model file.")],
) -> None:
    """Say which operators a variant holds, and which of them really compute in int8."""
    from edgebench.pipeline.inspect import inspect

    subject, operators = inspect(session.workspace, what)
    session.answer({"subject": subject, "operators": operators})
    session.say(
        f"{subject}: {operators.total} operators, {operators.int8} int8, {operators.float} float; "
        f"{operators.compute_int8} of {operators.compute} convolutions and matrix products are int8"
    )
    session.table(
        (Column("operator"), Column("count", numeric=True)),
        [(name, str(count)) for name, count in sorted(operators.by_type.items(), key=lambda item: -item[1])],
    )
