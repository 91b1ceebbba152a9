"""TensorFlow Lite: converted once by TensorFlow (or taken as it is), quantized by ai-edge-quantizer, run by LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgebench.records.artifact import Operators
from edgebench.targets import Converter, RunnableFile
from edgebench.targets.border import converting, reading, versions
from edgebench.targets.converters import convert, converter
from edgebench.targets.keras_graph import frozen_function
from edgebench.targets.precision import by_recipe, check_precision, count
from edgebench.targets.ranges import Range, ranges_over
from edgebench.targets.tflite_graph import TfliteGraph, TfliteOperator

if TYPE_CHECKING:
    import numpy as np

    from edgebench.sources import Source

COMPUTE = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL"})
WEIGHT_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Which axis of its weights counts output channels: the layouts of TensorFlow Lite's kernels."""
BIAS_LIMIT = 2**30
"""Half of int32, as TensorFlow's own converter keeps it: room for the accumulated products."""


def half(float_file: Path, graph: TfliteGraph, calibration: Sequence[np.ndarray] | None) -> bytes:
    """float16 weights, dequantized once when the file is loaded."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.quantizer import Quantizer
    from ai_edge_quantizer.recipe import AlgorithmName

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    quantizer = Quantizer(str(float_file))
    quantizer.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        algorithm_key=AlgorithmName.FLOAT_CASTING,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
    )
    return bytes(quantizer.quantize().quantized_model)


def full_integer(float_file: Path, graph: TfliteGraph, calibration: Sequence[np.ndarray] | None) -> bytes:
    """int8 by our own ranges: ai-edge-quantizer's calibration is a moving average, which forgets early samples."""
    import numpy as np
    from ai_edge_quantizer import recipe
    from ai_edge_quantizer.quantizer import Quantizer

    found = ranges_over(calibration, graph.run)
    statistics: dict[str, Any] = {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in found.items()
    }
    for operator in graph.operators:
        statistics.update(weight_ranges(graph, operator, found))
    return bytes(Quantizer(str(float_file), recipe.static_wi8_ai8()).quantize(statistics).quantized_model)


def weight_ranges(graph: TfliteGraph, operator: TfliteOperator, activations: dict[str, Range]) -> dict[str, Any]:
    """Ranges per output channel, widened where a (nearly) dead channel would overflow its bias.

    A bias is stored as int32 in steps of input scale times weight scale. Batch normalization folded into a
    dead filter leaves weights near zero beside a real bias: with their own tiny scale, the bias wraps around.
    """
    import numpy as np

    if operator.kind not in WEIGHT_AXIS or len(operator.inputs) < 3:
        return {}
    data, weight, bias = operator.inputs[:3]
    if not (graph.is_constant(weight) and graph.is_constant(bias)) or graph.name(data) not in activations:
        return {}
    low, high = activations[graph.name(data)]
    input_scale = max((max(high, 0.0) - min(low, 0.0)) / 255, float(np.finfo(np.float32).tiny))
    values, axis = graph.constant(weight), WEIGHT_AXIS[operator.kind]
    others = tuple(i for i in range(values.ndim) if i != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    needed = np.abs(graph.constant(bias)) * 127 / (input_scale * BIAS_LIMIT)
    limit = np.maximum(largest, needed.reshape(largest.shape)).astype(np.float32)
    return {graph.name(weight): {"min": -limit, "max": limit}}


RECIPES: Mapping[str, Callable[[Path, TfliteGraph, Sequence[np.ndarray] | None], bytes]] = {
    "fp16": half,
    "int8": full_integer,
}


def from_tensorflow(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    import tensorflow as tf

    function = frozen_function(source, contract_shape)
    out.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())


def from_tflite(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    """The same file: a source's `model` is its bytes."""
    data: Any = source.model
    out.write_bytes(data)


CONVERTERS: Mapping[str, Converter] = {
    "keras": Converter("edgebench.targets.tflite:from_tensorflow", ("tensorflow", "keras")),
    "keras-h5": Converter("edgebench.targets.tflite:from_tensorflow", ("tensorflow", "keras", "tf-keras")),
    "tensorflow": Converter("edgebench.targets.tflite:from_tensorflow", ("tensorflow",)),
    "tflite": Converter("edgebench.targets.tflite:from_tflite"),
    "torch": Converter("edgebench.targets.torch_graph:to_tflite", ("torch", "litert-torch")),
}


class Tflite:
    suffix: ClassVar[str] = ".tflite"
    recipes: ClassVar[tuple[str, ...]] = tuple(RECIPES)
    converters: ClassVar[Mapping[str, Converter]] = CONVERTERS

    def convert(self, source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
        with converting(out):
            convert(self.converters, source, contract_shape, out, format_name="tflite")

    def quantize(self, float_file: Path, recipe: str, calibration: Sequence[np.ndarray] | None, out: Path) -> None:
        """int8 is static, with per-channel weights, and int8 at input and output."""
        quantized = by_recipe(recipe, RECIPES, format_name="tflite")
        with reading(float_file):
            graph = TfliteGraph(float_file)
        with converting(out):
            out.write_bytes(quantized(float_file, graph, calibration))
            check_precision(recipe, self.inspect(out), subject=out.name)

    def inspect(self, file: Path) -> Operators:
        with reading(file):
            graph = TfliteGraph(file)
            return count([(op.kind, graph.precision(op)) for op in graph.operators], COMPUTE)

    def runnable(self, file: Path, folder: Path) -> tuple[RunnableFile, ...]:
        return (RunnableFile("litert", file),)

    def tools(self, framework: str) -> dict[str, str]:
        row = converter(self.converters, framework, format_name="tflite")
        return versions(*row.packages, "ai-edge-quantizer", "ai-edge-litert")

    def first_nonfinite(self, file: Path, sample: np.ndarray) -> str | None:
        import numpy as np

        with reading(file):
            results = TfliteGraph(file).run(sample)
            return next((name for name, values in results if not np.isfinite(values).all()), None)
