"""The lean check against coremltools' own."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.targets.coreml_overflow import lean_overflow_check, overflows

INFINITY = np.inf
ROWS = {
    "small": [1.0, -2.0, 0.0],
    "largest": [65504.0, -65504.0],
    "beyond": [1.0, 65505.0],
    "beyond below zero": [1.0, -1e30],
    "infinite": [INFINITY, -INFINITY, 3e38],
    "infinite and beyond": [INFINITY, 1e37],
    "no number": [np.nan, 1.0],
    "no number and beyond": [np.nan, 7e4],
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("scalar", [False, True])
def test_it_answers_as_coremltools_does(lab, row: str, scalar: bool) -> None:
    with lab.quietly():
        import coremltools as ct
        from coremltools.converters.mil import Builder as mb  # noqa: N813
        from coremltools.converters.mil.mil.passes.defs.quantization import FP16ComputePrecision

    value = np.float32(ROWS[row][-1]) if scalar else np.array(ROWS[row], np.float32)
    shapes = [mb.TensorSpec(shape=(1, len(ROWS[row])))]
    made = mb.program(input_specs=shapes, opset_version=ct.target.iOS17)(
        lambda x: mb.concat(values=[mb.add(x=x, y=value), x], axis=0)
    )
    for op in made.functions["main"].operations:
        assert overflows(op) == FP16ComputePrecision.fp16_overflow(op), op.op_type


def test_coremltools_has_its_own_back_afterwards(lab) -> None:
    with lab.quietly():
        from coremltools.converters.mil.mil.passes.defs.quantization import FP16ComputePrecision

    original = FP16ComputePrecision.fp16_overflow
    with lean_overflow_check():
        assert FP16ComputePrecision.fp16_overflow is overflows
    assert FP16ComputePrecision.fp16_overflow is original
