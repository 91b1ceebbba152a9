"""TensorFlow SavedModels as sources: one signature of one image, and its outputs that the spec has heads for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import ModelFileError
from edgebench.sources.batches import BATCH, answer_in_batches
from edgebench.sources.border import translated
from edgebench.sources.contract import check_inputs, finite_or_refused, outputs_left_out, outputs_of_heads

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import Head, ModelSpec

BEYOND_TENSORS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles"})
"""Operators that run Python or touch files; those that restore a SavedModel's own variables are not among them."""


class Signature:
    """A signature called as a Keras model is: one tensor in, the outputs of the heads out, in their order.

    Args:
        function: TensorFlow's concrete function, called by keywords.
        answers: names of its outputs, in the order of the heads.
    """

    def __init__(self, loaded: Any, name: str, answers: Sequence[str]) -> None:
        self.name = name
        self._loaded = loaded  # owns the variables
        self._function = loaded.signatures[name]
        self._answers = tuple(answers)
        ((self._argument, spec),) = self._function.structured_input_signature[1].items()
        self.inputs = (spec,)

    def __call__(self, inputs: Any, training: bool = False) -> list[Any]:
        answer = self._function(**{self._argument: inputs})
        return [answer[name] for name in self._answers]


class SavedModel:
    """A SavedModel that fits its spec."""

    framework = "tensorflow"

    def __init__(self, model: Signature, heads: Sequence[Head], *, left_out: tuple[str, ...] = ()) -> None:
        import tensorflow as tf

        self.model = model
        self.left_out = left_out
        self.heads = tuple(heads)
        batch, *shape = model.inputs[0].shape
        self._batch = batch or BATCH
        self._answer = tf.function(model, input_signature=[tf.TensorSpec((self._batch, *shape), tf.float32)])

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        return answer_in_batches(self._answer, inputs, self.heads, batch=self._batch)

    def first_nonfinite(self, sample: np.ndarray) -> str | None:
        """Name of the first operator whose result on `sample` holds NaN or infinity."""
        import numpy as np
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        function = tf.function(self.model, input_signature=[tf.TensorSpec(sample.shape, tf.float32)])
        frozen = convert_variables_to_constants_v2(function.get_concrete_function())
        results = [out for op in frozen.graph.get_operations() for out in op.outputs if out.dtype.is_floating]
        every = frozen.prune(frozen.inputs, results)
        values = every(tf.constant(sample))
        return next(
            (out.op.name for out, value in zip(results, values, strict=True) if not np.isfinite(value).all()), None
        )


def from_folder(spec: ModelSpec, folder: Path | None) -> SavedModel:
    """Loads a SavedModel and the signature that the spec names.

    Raises:
        SpecError: the folder is missing.
        ModelFileError: it is damaged, holds operators that run Python or touch files, has no such signature,
            or breaks the contract.
    """
    source: Any = spec.source
    path = spec.source_file(folder)
    loaded = load_folder(path, source.signature)
    function = loaded.signatures[source.signature]
    _check_input(function, spec, path)
    finite_or_refused({variable.name: variable.numpy() for variable in function.variables}, path)
    with translated(path, "cannot be run", fix="save it again for one input of the spec's size"):
        outputs = [(name, list(value.shape)) for name, value in sorted(function.structured_outputs.items())]
    places = outputs_of_heads(outputs, spec.heads, path)
    signature = Signature(loaded, source.signature, [outputs[place][0] for place in places])
    return SavedModel(signature, spec.heads, left_out=outputs_left_out(outputs, places))


def load_folder(path: Path, signature: str) -> Any:
    """What is in the folder, which owns the variables of its signatures; raises as `from_folder` does."""
    _refuse_code(path)
    with translated(path, "cannot be read as a SavedModel", fix="save or fetch it again"):
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        signatures = loaded.signatures
    if signature not in signatures:
        raise ModelFileError(
            f"has no signature {signature!r}, {'only ' + ', '.join(signatures) if signatures else 'nor any other'}",
            subject=str(path),
            fix="state `signature` under `source` (`--signature` to import), or save it with tf.saved_model.save(..., "
            "signatures=...)",
        )
    return loaded


def only_signature(path: Path) -> str | None:
    """The one that a SavedModel has beside what its variables are restored by; None where there are several."""
    with translated(path, "cannot be read as a SavedModel", fix="save or fetch it again"):
        stored = _stored(path)
        names = {name for meta in stored.meta_graphs for name in meta.signature_def} - {"__saved_model_init_op"}
    return names.pop() if len(names) == 1 else None


def _check_input(function: Any, spec: ModelSpec, path: Path) -> None:
    inputs = list(function.structured_input_signature[1].values())
    check_inputs(
        [(list(tensor.shape) if tensor.shape.rank is not None else [], tensor.dtype.name) for tensor in inputs],
        spec.input,
        path,
        fix="save a signature of one image",
        free_size=False,
    )


def _refuse_code(path: Path) -> None:
    """Looks at every operator of the file before TensorFlow, which may run some while it loads."""
    with translated(path, "cannot be read as a SavedModel", fix="save or fetch it again"):
        stored = _stored(path)
        nodes = [node for meta in stored.meta_graphs for node in meta.graph_def.node]
        functions = [function for meta in stored.meta_graphs for function in meta.graph_def.library.function]
        kinds = {node.op for node in nodes} | {node.op for function in functions for node in function.node_def}
    if found := sorted(kinds & BEYOND_TENSORS):
        raise ModelFileError(
            f"holds {', '.join(found)}, which runs Python or touches files, and is not run",
            subject=str(path),
            fix="save the net alone, without its reading of files",
        )


def _stored(path: Path) -> Any:
    """The protocol buffer of a SavedModel; nothing of it is run."""
    from tensorflow.core.protobuf import saved_model_pb2

    stored = saved_model_pb2.SavedModel()
    stored.ParseFromString((path / "saved_model.pb").read_bytes())
    return stored
