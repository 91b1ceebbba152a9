"""Float TensorFlow Lite files as sources, answered by LiteRT sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import ModelFileError
from edgebench.sources.batches import answer_in_batches
from edgebench.sources.border import translated
from edgebench.sources.contract import Shape, check_inputs, outputs_left_out, outputs_of_heads
from edgebench.sources.tflite_outputs import with_outputs

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import Head, ModelSpec

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TensorFlow Lite flatbuffer."""
NOT_RUN = "LiteRT does not run it"
CONVERT_AGAIN = "convert it again with TensorFlow Lite's own operators"
QUANTIZED = ("int8", "uint8", "int16", "float16")


class TfliteModel:
    """A float .tflite file that fits its spec.

    Args:
        model: the file's bytes.
        places: which of its outputs is which head, in the order of `heads`.
    """

    framework = "tflite"

    def __init__(
        self, model: bytes, heads: Sequence[Head], places: Sequence[int], *, left_out: tuple[str, ...] = ()
    ) -> None:
        self.model = model
        self.left_out = left_out
        self.heads = tuple(heads)
        self._places = list(places)
        self._interpreter = interpreter_of(model)
        self._interpreter.allocate_tensors()

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        return answer_in_batches(self._answer, inputs, self.heads, batch=1)

    def _answer(self, sample: np.ndarray) -> list[np.ndarray]:
        given, answers = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()
        self._interpreter.set_tensor(given["index"], sample)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(answers[place]["index"]) for place in self._places]


def from_file(spec: ModelSpec, folder: Path | None) -> TfliteModel:
    """Loads a float .tflite file.

    Raises:
        SpecError: the file is missing.
        ModelFileError: it is damaged, quantized, or breaks the contract.
    """
    path = spec.source_file(folder)
    data = path.read_bytes()
    if data[4:8] != IDENTIFIER:
        raise ModelFileError("is not a TensorFlow Lite file", subject=str(path), fix="convert or fetch it again")
    with translated(path, NOT_RUN, fix=CONVERT_AGAIN):
        interpreter = interpreter_of(data)
        kinds = {_dtype(tensor) for tensor in interpreter.get_tensor_details()}
        inputs = described(interpreter)
    _refuse_quantized(kinds, path)
    check_inputs(
        inputs,
        spec.input,
        path,
        fix="convert it with one image as its only input",
        free_size=False,
    )
    if (batch := int(interpreter.get_input_details()[0]["shape"][0])) != 1:
        raise ModelFileError(f"takes batches of {batch} only", subject=str(path), fix="convert it for one sample")
    with translated(path, NOT_RUN, fix=CONVERT_AGAIN):
        interpreter.allocate_tensors()
        outputs = [(tensor["name"], tensor["shape"].tolist()) for tensor in interpreter.get_output_details()]
    places = outputs_of_heads(outputs, spec.heads, path)
    if not (left_out := outputs_left_out(outputs, places)):
        return TfliteModel(data, spec.heads, places)
    with translated(path, "cannot be written without the outputs that are left out", fix=CONVERT_AGAIN):
        kept = with_outputs(data, places)
        return TfliteModel(kept, spec.heads, [sorted(places).index(place) for place in places], left_out=left_out)


def _refuse_quantized(kinds: set[str], path: Path) -> None:
    if found := [kind for kind in QUANTIZED if kind in kinds]:
        raise ModelFileError(
            f"is quantized already, it holds {', '.join(found)}",
            subject=str(path),
            fix="give the float file",
        )


def described(interpreter: Any) -> list[tuple[Shape, str]]:
    """Shape and dtype of every input."""
    return [(_shape(tensor), _dtype(tensor)) for tensor in interpreter.get_input_details()]


def _shape(tensor: dict[str, Any]) -> list[int | None]:
    """Sizes as the file's signature has them, where it has one: there a free size is -1."""
    signature = tensor["shape_signature"] if len(tensor["shape_signature"]) else tensor["shape"]
    return [None if size < 0 else int(size) for size in signature]


def _dtype(tensor: dict[str, Any]) -> str:
    import numpy as np

    return str(np.dtype(tensor["dtype"]).name)


def interpreter_of(data: bytes) -> Any:
    """One thread, its tensors not allocated yet."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=data, num_threads=1)


def keeping_interpreter(data: bytes) -> Any:
    """One whose every intermediate tensor can be read; a delegate would leave those inside it unwritten."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=data,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
