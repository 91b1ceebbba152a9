"""What a recipe promised against what the operators of an artifact do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from edgebench.errors import ConversionError, UnknownName
from edgebench.records.artifact import PRECISIONS, Operators, Precision
from edgebench.records.caveat import Caveat

CONVERSIONS = frozenset({"quantize", "dequantize", "quantizelinear", "dequantizelinear", "cast"})
"""Operators that only carry values from one precision to another, in the spelling of any format."""

Row = TypeVar("Row")


def count(operators: Iterable[tuple[str, Precision]], compute: frozenset[str]) -> Operators:
    """Counts (operator type, what it computes in) pairs. `compute` names convolutions and matrix products.

    `total`, `by_type` and `by_precision` count everything; `int8` and `float` leave out `CONVERSIONS`, and what
    computes in neither, such as shapes.
    """
    rows = list(operators)
    by_precision: dict[str, dict[Precision, int]] = {}
    for kind, precision in sorted(rows, key=lambda row: (row[0], PRECISIONS.index(row[1]))):
        counts = by_precision.setdefault(kind, {})
        counts[precision] = counts.get(precision, 0) + 1
    working = [(kind, precision) for kind, precision in rows if kind.lower() not in CONVERSIONS]
    return Operators(
        total=len(rows),
        int8=sum(precision == "int8" for _, precision in working),
        float=sum(precision in ("fp32", "fp16") for _, precision in working),
        compute=sum(kind in compute for kind, _ in working),
        compute_int8=sum(kind in compute and precision == "int8" for kind, precision in working),
        by_type={kind: sum(counts.values()) for kind, counts in by_precision.items()},
        by_precision=by_precision,
    )


def by_recipe(recipe: str, table: Mapping[str, Row], *, format_name: str) -> Row:
    """The row of a target's table of recipes; raises UnknownName where it has none."""
    if recipe not in table:
        raise UnknownName.among(recipe, table, kind=f"recipe for {format_name}")
    return table[recipe]


def check_precision(recipe: str, operators: Operators, *, subject: str) -> None:
    """Raises ConversionError where an artifact called int8 multiplies nothing in int8."""
    if recipe == "int8" and operators.compute_int8 == 0:
        raise ConversionError(
            f"called int8, but none of its {operators.compute} convolutions and matrix products is int8",
            subject=subject,
            fix="use the fp16 recipe for this model, or another format",
        )


def precision_caveats(format_name: str, recipe: str, operators: Operators) -> tuple[Caveat, ...]:
    """What a reader must know about an artifact's real precision."""
    caveats = []
    if recipe == "int8" and operators.float:
        text = f"{operators.float} of {operators.int8 + operators.float} operators compute in float"
        caveats.append(Caveat(kind="float-operators", text=text))
    if recipe == "fp16" and format_name == "onnx":
        text = "onnxruntime computes float16 on most processors by casting to float32: smaller, not faster"
        caveats.append(Caveat(kind="fp16-casts", text=text))
    if recipe == "fp16" and format_name == "tflite":
        text = "weights are float16, arithmetic stays float32 on processors: smaller, not faster"
        caveats.append(Caveat(kind="fp16-weights", text=text))
    return tuple(caveats)
