"""What the translations of Core ML (MIL) operators share: constant inputs, and refusals."""

from __future__ import annotations

from typing import Any

from edgebench.errors import UnknownOperator

Operator = Any
"""coremltools' own `Operation`, which carries no type annotations."""


def value_of(op: Operator, name: str, default: Any = None) -> Any:
    """A constant input of the operator; `default` where it is not given.

    Raises:
        UnknownOperator: the input is computed at run time, which no row of the table translates.
    """
    var = op.inputs.get(name)
    if var is None:
        return default
    if var.val is None:
        raise UnknownOperator(f"operator {op.op_type!r} computes its {name!r} at run time", subject=op.outputs[0].name)
    return var.val


def refuse(op: Operator, what: str) -> UnknownOperator:
    return UnknownOperator(f"operator {op.op_type!r} with {what} has no translation", subject=op.outputs[0].name)


def ints(values: Any) -> list[int]:
    return [int(value) for value in values]
