"""Core ML: converted once by coremltools to an ML program, halved and quantized as a MIL program.

macOS runs the package itself. Everywhere else its accuracy is that of the reference translation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from edgebench.records.artifact import Operators, Precision
from edgebench.targets import Converter, RunnableFile, onnx_graph
from edgebench.targets.border import converting, reading, versions
from edgebench.targets.converters import convert, converter
from edgebench.targets.coreml_activations import activation_ranges, quantize_program
from edgebench.targets.coreml_overflow import lean_overflow_check
from edgebench.targets.coreml_package import load_program, main_function, program_of, restart_names, save_package
from edgebench.targets.coreml_reference import float_tensors, translate, translate_program
from edgebench.targets.keras_graph import frozen_function
from edgebench.targets.mil_graph import Graph
from edgebench.targets.precision import by_recipe, check_precision, count

if TYPE_CHECKING:
    import numpy as np

    from edgebench.sources import Source

COMPUTE = frozenset({"conv", "conv_transpose", "linear", "matmul"})
ACTIVATIONS = frozenset({"relu", "relu6", "leaky_relu", "sigmoid", "tanh"})
"""What Core ML fuses into the operator before it, on its way to quantize."""

INEXACT_PASS = "common::fuse_elementwise_to_batchnorm"
"""Makes of a scale and a shift a batch_norm with epsilon 1e-5, so every such layer is off by 5e-6 of its value.

Without it they are folded into the convolution before them all the same, and exactly.
"""


def to_package(model: Any, folder: Path, *, source: str = "milinternal", precision: str = "FLOAT16") -> Any:
    """A converted `MLModel`, kept in `folder`, for iOS 17 and later: the first to hold quantized activations."""
    import coremltools

    passes = coremltools.PassPipeline.DEFAULT
    passes.remove_passes({INEXACT_PASS})
    restart_names()
    with lean_overflow_check():
        return coremltools.convert(
            model,
            source=source,
            convert_to="mlprogram",
            compute_precision=coremltools.precision[precision],
            minimum_deployment_target=coremltools.target.iOS17,
            pass_pipeline=passes,
            skip_model_load=True,
            package_dir=str(folder / f"{len(list(folder.iterdir()))}.mlpackage"),
        )


def half(float_file: Path, folder: Path, calibration: Sequence[np.ndarray] | None) -> Any:
    with reading(float_file):
        program = load_program(float_file)
    return to_package(program, folder)


def full_integer(float_file: Path, folder: Path, calibration: Sequence[np.ndarray] | None) -> Any:
    """Weights and activations in int8, made from the float16 package."""
    package = half(float_file, folder, calibration)
    spec, weights = package.get_spec(), package.weights_dir
    del package  # it holds the program that it was made from
    halved = program_of(spec, weights)
    quantize_program(halved, activation_ranges(halved, calibration))
    return to_package(halved, folder)


RECIPES: Mapping[str, Callable[[Path, Path, Sequence[np.ndarray] | None], Any]] = {"fp16": half, "int8": full_integer}


def from_tensorflow(source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
    with TemporaryDirectory(prefix="edgebench-") as folder:
        function = frozen_function(source, contract_shape)
        save_package(to_package([function], Path(folder), source="tensorflow", precision="FLOAT32"), out)


CONVERTERS: Mapping[str, Converter] = {
    "keras": Converter("edgebench.targets.coreml:from_tensorflow", ("tensorflow", "keras")),
    "keras-h5": Converter("edgebench.targets.coreml:from_tensorflow", ("tensorflow", "keras", "tf-keras")),
    "tensorflow": Converter("edgebench.targets.coreml:from_tensorflow", ("tensorflow",)),
    "torch": Converter("edgebench.targets.torch_graph:to_coreml", ("torch",)),
}


class Coreml:
    suffix: ClassVar[str] = ".mlpackage"
    recipes: ClassVar[tuple[str, ...]] = tuple(RECIPES)
    converters: ClassVar[Mapping[str, Converter]] = CONVERTERS

    def convert(self, source: Source, contract_shape: tuple[int, ...], out: Path) -> None:
        with converting(out):
            convert(self.converters, source, contract_shape, out, format_name="coreml")

    def quantize(self, float_file: Path, recipe: str, calibration: Sequence[np.ndarray] | None, out: Path) -> None:
        quantized = by_recipe(recipe, RECIPES, format_name="coreml")
        with converting(out), TemporaryDirectory(prefix="edgebench-") as folder:
            save_package(quantized(float_file, Path(folder), calibration), out)
            check_precision(recipe, self.inspect(out), subject=out.name)

    def inspect(self, file: Path) -> Operators:
        with reading(file):
            return count(operators(load_program(file)), COMPUTE)

    def runnable(self, file: Path, folder: Path) -> tuple[RunnableFile, ...]:
        """The package for macOS, then its reference translation for onnxruntime, written into `folder`."""
        reference = folder / f"{file.stem}.reference.onnx"
        with reading(file):
            onnx_graph.write(translate(file), reference)
        return (RunnableFile("coreml", file), RunnableFile("onnxruntime", reference, reference=True))

    def tools(self, framework: str) -> dict[str, str]:
        row = converter(self.converters, framework, format_name="coreml")
        return versions(*row.packages, "coremltools", "onnx")

    def first_nonfinite(self, file: Path, sample: np.ndarray) -> str | None:
        with reading(file):
            program = load_program(file)
            return onnx_graph.first_nonfinite(translate_program(program), sample, float_tensors(program))


def operators(program: Any) -> Iterator[tuple[str, Precision]]:
    """(operator type, what it computes in) of every operator but constants."""
    for op in main_function(program).operations:
        if op.op_type != "const" and not op.op_type.startswith("constexpr_"):
            is_int8 = comes_from_int8(op) and all(goes_to_int8(var) for var in op.outputs)
            types = {Graph.type_name(var) for var in op.outputs}
            yield (
                op.op_type,
                "int8" if is_int8 else "fp32" if "fp32" in types else "fp16" if "fp16" in types else "other",
            )


def comes_from_int8(op: Any) -> bool:
    if op.op_type in ACTIVATIONS and op.inputs["x"].op is not None and op.inputs["x"].op.op_type != "dequantize":
        return op.inputs["x"].op.op_type in COMPUTE | {"add"} and comes_from_int8(op.inputs["x"].op)
    operands = [op.inputs[name] for name in ("x", "y", "weight") if op.inputs.get(name) is not None]
    operands += op.inputs.get("values") or []
    makers = [var.op.op_type if var.op is not None else "input" for var in operands]
    return "dequantize" in makers and set(makers) <= {"dequantize", "constexpr_affine_dequantize"}


def goes_to_int8(var: Any) -> bool:
    readers = list(var.child_ops)
    if len(readers) == 1 and readers[0].op_type in ACTIVATIONS:
        return goes_to_int8(readers[0].outputs[0])
    return any(reader.op_type == "quantize" for reader in readers)
