"""Keras models as sources: an architecture of the zoo with its weights, or a whole `.keras` or `.h5` file.

Every source is brought to one form, so that the targets need to know only that: a functional model with one
float32 input in the contract's layout and one output [batch, width] per head, in the order of the spec. Called,
Keras gives those as a list, and a lone one bare.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.digests import sha256_file
from edgebench.errors import ModelFileError
from edgebench.sources.batches import BATCH, answer_in_batches
from edgebench.sources.border import translated
from edgebench.sources.contract import check_inputs, finite_or_refused, outputs_left_out, outputs_of_heads
from edgebench.sources.keras_file import checked_archive, checked_weights, named
from edgebench.sources.legacy_keras import load_legacy
from edgebench.zoo import architecture, build

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from edgebench.specs.model import Head, InputContract, ModelSpec

RANDOM_SEED = 0
"""Of weights `random`."""

MODEL_NAME = "source"
"""Of what is made of a whole model's file; converters write it into their files."""


class KerasModel:
    """A Keras model that fits its spec.

    Args:
        model: functional, with one input and its outputs in the order of `heads`, of Keras 3 or tf-keras.
        left_out: outputs of the file that are no head's.
    """

    def __init__(
        self, model: Any, heads: Sequence[Head], *, framework: str = "keras", left_out: tuple[str, ...] = ()
    ) -> None:
        import tensorflow as tf

        self.model = model
        self.heads = tuple(heads)
        self.framework = framework
        self.left_out = left_out
        signature = tf.TensorSpec((BATCH, *model.inputs[0].shape[1:]), tf.float32)
        self._answer = tf.function(lambda x: tf.nest.flatten(model(x, training=False)), input_signature=[signature])

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Head name -> float32 [samples, width], for float32 inputs in the contract's layout.

        A sample's answer does not depend on the others, nor on how many there are.
        """
        return answer_in_batches(self._answer, inputs, self.heads)

    def first_nonfinite(self, sample: np.ndarray) -> str | None:
        return first_nonfinite(self.model, sample)


def zoo_content(spec: ModelSpec, folder: Path | None) -> dict[str, Any]:
    """What makes the net of a zoo source the one it is."""
    source: Any = spec.source
    return {
        "architecture": source.architecture,
        "revision": architecture(source.architecture).revision,
        "options": source.options,
        "weights": RANDOM_SEED if spec.has_random_weights else sha256_file(spec.source_file(folder)),
    }


def from_zoo(spec: ModelSpec, folder: Path | None) -> KerasModel:
    """Builds the architecture and loads its weights.

    Weights `random` are drawn under a fixed seed, which is left set as Keras' global one.

    Raises:
        SpecError: the weights file is missing, or the architecture does not take what the spec asks for.
        ModelFileError: the weights file is damaged, or of another net.
    """
    keras = _fresh_keras()
    if spec.has_random_weights:
        keras.utils.set_random_seed(RANDOM_SEED)
        return KerasModel(build(spec), spec.heads)
    path = spec.source_file(folder)
    model = build(spec)
    checked_weights(path, arrays=len(model.weights))
    with translated(
        path,
        "the weights do not fit the architecture, or are damaged",
        fix="correct its options or the labels of its heads, or train it again",
    ):
        model.load_weights(path)
    _check_finite(model, path)
    return KerasModel(model, spec.heads)


def from_file(spec: ModelSpec, folder: Path | None) -> KerasModel:
    """Loads a `.keras` or `.h5` file; code inside it is never run.

    Raises:
        SpecError: the file is missing.
        ModelFileError: the file is damaged, of another format, holds code, or breaks the contract.
    """
    source: Any = spec.source
    path = spec.source_file(folder)
    loaded, keras = (load_archive if source.framework == "keras" else load_legacy)(path)
    _check_finite(loaded, path)
    _check_input(loaded, spec.input, path)
    outputs = list(named_outputs(loaded, keras).items())
    shapes = [(name, output.shape) for name, output in outputs]
    places = outputs_of_heads(shapes, spec.heads, path)
    model = keras.Model(loaded.inputs[0], [outputs[place][1] for place in places], name=MODEL_NAME)
    return KerasModel(model, spec.heads, framework=source.framework, left_out=outputs_left_out(shapes, places))


def load_archive(path: Path) -> tuple[Any, Any]:
    """The model in a `.keras` file and its Keras; raises as `from_file` does."""
    keras = _fresh_keras()
    checked_archive(path)
    fix = "save it again with model.save()"
    with translated(path, "cannot be read as a Keras model", fix=fix), named(path, ".keras") as file:
        return keras.models.load_model(file, compile=False, safe_mode=True), keras


def _fresh_keras() -> Any:
    """Keras without memory of earlier models: it numbers what has no name, and those names reach the artifacts."""
    import keras

    keras.utils.clear_session()
    return keras


def first_nonfinite(model: Any, sample: np.ndarray) -> str | None:
    """Name of the first layer whose output on the sample holds NaN or infinity; None where none does.

    Args:
        model: functional, with one input, of Keras 3 or tf-keras.
        sample: float32 [1, ...].
    """
    import numpy as np
    import tensorflow as tf

    # Keras tells the order of a graph nowhere in public: a layer's own `output` is that of its first use, which
    # may have been in another model.
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    outputs = [(_layer(node).name, output) for node in nodes for output in tf.nest.flatten(node.outputs)]
    every = type(model)(model.inputs[0], [output for _, output in outputs])
    for (name, _), answer in zip(outputs, every(sample, training=False), strict=True):
        if not np.isfinite(answer).all():
            return str(name)
    return None


def _layer(node: Any) -> Any:
    return node.layer if hasattr(node, "layer") else node.operation  # in tf-keras, in Keras 3


def _check_finite(model: Any, path: Path) -> None:
    finite_or_refused({getattr(weight, "path", weight.name): weight.numpy() for weight in model.weights}, path)


def _check_input(model: Any, contract: InputContract, path: Path) -> None:
    # A Sequential model that never saw an input has none.
    inputs = getattr(model, "inputs", None) or []
    check_inputs(
        [(tensor.shape, getattr(tensor.dtype, "name", tensor.dtype)) for tensor in inputs],
        contract,
        path,
        fix="save a model built on one keras.Input",
    )
    if inputs[0].shape[0] is not None:
        raise ModelFileError(
            f"takes batches of {inputs[0].shape[0]} only", subject=str(path), fix="save it with a free batch size"
        )


def named_outputs(model: Any, keras: Any) -> dict[str, Any]:
    """Name -> symbolic tensor of each output, in the order in which the model answers."""
    structure = getattr(model, "output", None)  # a Sequential has none before it is called
    if isinstance(structure, dict):
        return dict(structure)
    functional = keras.Model(model.inputs[0], model.outputs)
    return dict(zip(functional.output_names, functional.outputs, strict=True))
