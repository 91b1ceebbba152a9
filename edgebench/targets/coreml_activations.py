"""Core ML W8A8: coremltools' graph passes fed with our own activation ranges.

coremltools collects ranges by predicting, which only macOS can, and its version 9.0 keeps the last sample's
alone. Here they come from the reference translation, over all samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgebench.errors import ConversionError
from edgebench.targets.coreml_package import main_function, restart_names
from edgebench.targets.coreml_reference import float_tensors, translate_program
from edgebench.targets.onnx_graph import Probe
from edgebench.targets.ranges import Range, ranges_over

if TYPE_CHECKING:
    import numpy as np

PASSES = (
    "compression::insert_prefix_quantize_dequantize_pair",
    "compression::insert_suffix_quantize_dequantize_pair",
)
ELIMINATION = "common::dequantize_quantize_pair_elimination"
WEIGHTS = "compression::linear_quantize_weights"
FLOAT16_MAX = 65504.0
SMALLEST_SCALE = 2.0**-14
"""The smallest normal float16: the passes store scales as float16."""
LINEAR_RANK = 3
"""The highest of a tensor that Core ML's `linear` takes."""


def activation_ranges(program: Any, calibration: Sequence[np.ndarray] | None) -> dict[str, Range]:
    """Tensor name -> (smallest, largest) over all samples, run through the reference one at a time."""
    probe = Probe(translate_program(program), float_tensors(program))
    return ranges_over(calibration, probe.run)


def quantize_program(program: Any, ranges: Mapping[str, Range]) -> None:
    """Turns a float16 program into W8A8 in place: per-channel symmetric weights, per-tensor activations."""
    import coremltools.optimize.coreml as optimize

    activations = optimize.OptimizationConfig(
        global_config=optimize.OpLinearQuantizerConfig(mode=activation_mode(ranges), dtype="int8")
    )
    weights = optimize.OptimizationConfig(
        global_config=optimize.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8", weight_threshold=0)
    )
    statistics = {name: representable(*found) for name, found in ranges.items()}
    restart_names()
    make_linear(program)
    for name in PASSES:
        apply_pass(program, name, config=activations, activation_stats=statistics)
    apply_pass(program, ELIMINATION)
    apply_pass(program, WEIGHTS, config=weights)


def make_linear(program: Any) -> None:
    """Turns products with a constant matrix into `linear`, in place: the passes quantize no other product.

    coremltools does so only where a bias is added; a dense layer without one stays a `matmul`.
    """
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    block = main_function(program)
    for op in block.find_ops(op_type="matmul"):
        if is_dense(op):
            weight = op.y.val if op.transpose_y.val else op.y.val.T
            product = op.outputs[0]
            with block:
                linear = mb.linear(x=op.x, weight=weight, name=product.name, before_op=op)
            block.replace_uses_of_var_after_op(anchor_op=op, old_var=product, new_var=linear)
            block.remove_ops([op])


def is_dense(op: Any) -> bool:
    return op.y.val is not None and op.y.rank == 2 and op.x.rank <= LINEAR_RANK and not op.transpose_x.val


def apply_pass(program: Any, name: str, **options: Any) -> None:
    from coremltools.converters.mil.mil.passes.graph_pass import PassOption
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    graph_pass = PASS_REGISTRY[name]
    graph_pass.set_options([PassOption(option, value) for option, value in options.items()])
    graph_pass.apply(program)


def activation_mode(ranges: Mapping[str, Range]) -> str:
    """With a zero point, which gives ReLU outputs all 256 steps, wherever float16 can compute one.

    The passes multiply the range by 128 in float16, which overflows beyond 511; symmetric needs no such product.
    """
    widest = max(max(abs(low), abs(high)) for low, high in ranges.values())
    if widest > FLOAT16_MAX / 2:
        raise ConversionError(
            f"activations reach {widest:.3g}, beyond half of what float16 holds",
            fix="normalize the model's input, or fold its scale into the first layer",
        )
    return "linear" if widest * 128 <= FLOAT16_MAX else "linear_symmetric"


def representable(low: float, high: float) -> dict[str, float]:
    """The range with zero in it, wide enough for its scale to be a normal float16."""
    low, high = min(low, 0.0), max(high, 0.0)
    return {"rmin": low, "rmax": max(high, low + 255 * SMALLEST_SCALE)}
