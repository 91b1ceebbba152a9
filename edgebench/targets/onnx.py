"""ONNX: converted once by tf2onnx (or taken as it is), quantized by onnxruntime's tools, run by onnxruntime."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgebench.records.artifact import Operators
from edgebench.targets import Converter, RunnableFile, onnx_graph
from edgebench.targets.border import converting, reading, versions
from edgebench.targets.converters import convert, converter
from edgebench.targets.keras_graph import frozen_function, without_duplicates
from edgebench.targets.precision import by_recipe, check_precision, count
from edgebench.targets.ranges import ranges_over

if TYPE_CHECKING:
    import numpy as np
    import onnx

    from edgebench.sources import Source

OPSET = 17
"""Old enough for the runtimes found on small boards, new enough for per-channel quantization."""
OLDEST_OPSET = 13
"""The first whose quantize and dequantize operators take a scale per channel; older nets are lifted to OPSET."""


def half(float_file: Path, calibration: Sequence[np.ndarray] | None) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with reading(float_file):
        model = onnx_graph.read(float_file)
    made = OnnxModel(convert_float_to_float16(model, keep_io_types=True))
    made.topological_sort(is_deterministic=True)  # the casts at the inputs were appended at the end
    half_model: onnx.ModelProto = made.model
    return half_model


def static_int8(float_file: Path, calibration: Sequence[np.ndarray] | None) -> onnx.ModelProto:
    """Quantized by our own ranges, handed over as onnxruntime's calibration cache."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with reading(float_file):
        onnx_graph.read(float_file)  # damage is found here
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        prepared, cache, made = (Path(folder) / name for name in ("prepared.onnx", "ranges.json", "int8.onnx"))
        quant_pre_process(float_file, prepared, skip_symbolic_shape=True)
        ranges = activation_ranges(onnx.load_model(prepared), calibration)
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, ranges), cache)
        quantize_static(
            prepared,
            made,
            calibration_cache_path=cache,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Signed ones would do for a chain of layers; where branches meet, onnxruntime on x86 leaves them in float.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load_model(made)


def activation_ranges(model: onnx.ModelProto, calibration: Sequence[np.ndarray] | None) -> dict[str, Any]:
    import numpy as np

    found = ranges_over(calibration, onnx_graph.Probe(model).run)
    return {name: (np.float32(low), np.float32(high)) for name, (low, high) in found.items()}


RECIPES: Mapping[str, Callable[[Path, Sequence[np.ndarray] | None], onnx.ModelProto]] = {
    "fp16": half,
    "int8": static_int8,
}


def from_tensorflow(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    import tf2onnx

    function = frozen_function(source, contract_shape)
    model, _ = tf2onnx.convert.from_graph_def(
        without_duplicates(function.graph.as_graph_def()),
        input_names=[tensor.name for tensor in function.inputs],
        output_names=[tensor.name for tensor in function.outputs],
        opset=OPSET,
    )
    onnx_graph.canonical(model)
    onnx_graph.write(model, out)


def from_onnx(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    """The same net, which the source made for one sample, in an operator set that can be quantized per channel."""
    import onnx

    given: Any = source.model
    model = onnx.ModelProto()
    model.CopyFrom(given)
    if onnx_graph.opset(model) < OLDEST_OPSET:
        model = onnx.version_converter.convert_version(model, OPSET)
    onnx_graph.write(model, out)


CONVERTERS: Mapping[str, Converter] = {
    "keras": Converter("edgebench.targets.onnx:from_tensorflow", ("tensorflow", "keras", "tf2onnx")),
    "keras-h5": Converter("edgebench.targets.onnx:from_tensorflow", ("tensorflow", "keras", "tf-keras", "tf2onnx")),
    "tensorflow": Converter("edgebench.targets.onnx:from_tensorflow", ("tensorflow", "tf2onnx")),
    "onnx": Converter("edgebench.targets.onnx:from_onnx"),
    "torch": Converter("edgebench.targets.torch_graph:to_onnx", ("torch", "onnxscript")),
}


class Onnx:
    suffix: ClassVar[str] = ".onnx"
    recipes: ClassVar[tuple[str, ...]] = tuple(RECIPES)
    converters: ClassVar[Mapping[str, Converter]] = CONVERTERS

    def convert(self, source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
        with converting(out):
            convert(self.converters, source, contract_shape, out, format_name="onnx")

    def quantize(self, float_file: Path, recipe: str, calibration: Sequence[np.ndarray] | None, out: Path) -> None:
        """fp16 keeps float32 at input and output; int8 is static QDQ, its weights signed and per-channel."""
        quantized = by_recipe(recipe, RECIPES, format_name="onnx")
        with converting(out):
            onnx_graph.write(quantized(float_file, calibration), out)
            check_precision(recipe, self.inspect(out), subject=out.name)

    def inspect(self, file: Path) -> Operators:
        with reading(file):
            return count(onnx_graph.operators(onnx_graph.read(file)), onnx_graph.COMPUTE)

    def runnable(self, file: Path, folder: Path) -> tuple[RunnableFile, ...]:
        return (RunnableFile("onnxruntime", file),)

    def tools(self, framework: str) -> dict[str, str]:
        row = converter(self.converters, framework, format_name="onnx")
        return versions(*row.packages, "onnx", "onnxruntime")

    def first_nonfinite(self, file: Path, sample: np.ndarray) -> str | None:
        with reading(file):
            return onnx_graph.first_nonfinite(onnx_graph.read(file), sample)
