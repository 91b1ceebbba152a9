"""`edgebench inspect`."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebench.cli.session import Column, Session


def inspect(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="VARIANT|FILE", help="A variant's name, or a model file.")],
) -> None:
    """Say which operators a variant holds, and what each really computes in: int8, fp16 or fp32."""
    from edgebench.pipeline.inspect import inspect
    from edgebench.records.artifact import PRECISIONS

    subject, operators = inspect(session.workspace, what)
    session.answer({"subject": subject, "operators": operators})
    session.say(
        f"{subject}: {operators.total} operators, {operators.int8} int8, {operators.float} float; "
        f"{operators.compute_int8} of {operators.compute} convolutions and matrix products are int8"
    )
    used = [name for name in PRECISIONS if any(name in counts for counts in operators.by_precision.values())]
    session.table(
        (Column("operator"), Column("count", numeric=True), *(Column(name, numeric=True) for name in used)),
        [
            (kind, str(count), *(str(operators.by_precision[kind].get(name, "")) for name in used))
            for kind, count in sorted(operators.by_type.items(), key=lambda item: -item[1])
        ],
    )
