"""Keras models as sources: an architecture of the zoo with its weights, or a whole `.keras` file.

Every source is brought to one form, so that the targets need to know only that: a functional model with one
float32 input in the contract's layout and one output [batch, width] per head, in the order of the spec. Called,
Keras gives those as a list, and a lone one bare.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import ModelFileError
from edgebench.sources.keras_file import checked_archive, checked_weights, translated
from edgebench.zoo import build

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras
    import numpy as np

    from edgebench.specs.model import Head, InputContract, ModelSpec

BATCH = 32
"""Every forward pass has this many samples, the last one filled up: kernels choose their order of summation by
the shape of the batch, so that only a fixed shape gives a sample the same answer in any company."""

RANDOM_SEED = 0
"""Of weights `random`."""


class KerasModel:
    """A Keras model that fits its spec.

    Args:
        model: functional, with one input and its outputs in the order of `heads`.
    """

    framework = "keras"

    def __init__(self, model: keras.Model, heads: Sequence[Head]) -> None:
        import keras
        import tensorflow as tf

        self.model = model
        self.heads = tuple(heads)
        signature = tf.TensorSpec((BATCH, *model.inputs[0].shape[1:]), tf.float32)
        self._answer = tf.function(lambda x: keras.tree.flatten(model(x, training=False)), input_signature=[signature])

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Head name -> float32 [samples, width], for float32 inputs in the contract's layout.

        A sample's answer does not depend on the others, nor on how many there are.
        """
        import numpy as np

        answers: dict[str, np.ndarray] = {h.name: np.empty((len(inputs), h.width), np.float32) for h in self.heads}
        batch = np.zeros((BATCH, *inputs.shape[1:]), np.float32)
        for start in range(0, len(inputs), BATCH):
            size = min(BATCH, len(inputs) - start)
            batch[:size] = inputs[start : start + size]
            for head, answer in zip(self.heads, self._answer(batch), strict=True):
                answers[head.name][start : start + size] = np.asarray(answer)[:size]
        return answers


def from_zoo(spec: ModelSpec, folder: Path | None) -> KerasModel:
    """Builds the architecture and loads its weights.

    Weights `random` are drawn under a fixed seed, which is left set as Keras' global one.

    Raises:
        SpecError: the weights file is missing, or the architecture does not take what the spec asks for.
        ModelFileError: the weights file is damaged, or of another net.
    """
    import keras

    if spec.has_random_weights:
        keras.utils.set_random_seed(RANDOM_SEED)
        return KerasModel(build(spec), spec.heads)
    path = spec.source_file(folder)
    model = build(spec)
    checked_weights(path, arrays=len(model.weights))
    with translated(
        path, "the weights do not fit the architecture, or are damaged", fix="train it again, or correct its options"
    ):
        model.load_weights(path)
    _check_finite(model, path)
    return KerasModel(model, spec.heads)


def from_file(spec: ModelSpec, folder: Path | None) -> KerasModel:
    """Loads a `.keras` file; code inside it is never run.

    Raises:
        SpecError: the file is missing.
        ModelFileError: the file is damaged, of another format, holds code, or breaks the contract.
    """
    import keras

    path = spec.source_file(folder)
    checked_archive(path)
    with translated(path, "cannot be read as a Keras model", fix="save it again with model.save()"):
        loaded = keras.models.load_model(path, compile=False, safe_mode=True)
    _check_finite(loaded, path)
    _check_input(loaded, spec.input, path)
    return KerasModel(keras.Model(loaded.inputs[0], _in_head_order(loaded, spec.heads, path)), spec.heads)


def first_nonfinite(model: keras.Model, sample: np.ndarray) -> str | None:
    """Name of the first layer whose output on the sample holds NaN or infinity; None where none does.

    Args:
        model: functional, with one input.
        sample: float32 [1, ...].
    """
    import keras
    import numpy as np

    # Keras tells the order of a graph nowhere in public: a layer's own `output` is that of its first use, which
    # may have been in another model.
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    outputs = [(node.operation.name, output) for node in nodes for output in node.outputs]
    every = keras.Model(model.inputs[0], [output for _, output in outputs])
    for (name, _), answer in zip(outputs, every(sample, training=False), strict=True):
        if not np.isfinite(answer).all():
            return str(name)
    return None


def _check_finite(model: keras.Model, path: Path) -> None:
    import numpy as np

    for weight in model.weights:
        if not np.isfinite(weight.numpy()).all():
            raise ModelFileError(f"{weight.path} holds NaN or infinity", subject=str(path), fix="train it again")


def _check_input(model: keras.Model, contract: InputContract, path: Path) -> None:
    # A Sequential model that never saw an input has none.
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ModelFileError(
            f"has {len(inputs)} inputs, not one", subject=str(path), fix="save a model built on one keras.Input"
        )
    image = (*contract.size, contract.channels)
    wanted = image if contract.layout == "nhwc" else (image[2], *image[:2])
    batch, *shape = inputs[0].shape
    fits = len(shape) == 3 and all(a in (None, b) for a, b in zip(shape, wanted, strict=True))
    if batch is not None or not fits:
        raise ModelFileError(
            f"takes input {inputs[0].shape}, the spec says {(None, *wanted)} ({contract.layout}, {contract.color})",
            subject=str(path),
            fix="correct input.size, input.color or input.layout"
            if batch is None
            else "save it with a free batch size",
        )
    if inputs[0].dtype != "float32":
        raise ModelFileError(
            f"takes {inputs[0].dtype}, not float32", subject=str(path), fix="save it with float32 input"
        )


def _in_head_order(model: keras.Model, heads: Sequence[Head], path: Path) -> list[Any]:
    """The model's outputs, one per head: matched by name or, where names differ, by widths that are all distinct."""
    outputs = _named_outputs(model)
    widths = {name: math.prod(output.shape[1:]) if len(output.shape) == 2 else None for name, output in outputs.items()}
    if all(widths.get(head.name) == head.width for head in heads) and len(outputs) == len(heads):
        return [outputs[head.name] for head in heads]
    wanted = [head.width for head in heads]
    if sorted(wanted) == sorted(w or 0 for w in widths.values()) and len(set(wanted)) == len(wanted):
        by_width = {width: outputs[name] for name, width in widths.items()}
        return [by_width[width] for width in wanted]
    raise ModelFileError(
        f"answers {_listed({name: output.shape[1:] for name, output in outputs.items()})}, "
        f"the spec has heads {_listed({head.name: (head.width,) for head in heads})}",
        subject=str(path),
        fix="correct the heads of the spec, or name the output layers after them",
    )


def _named_outputs(model: keras.Model) -> dict[str, Any]:
    import keras

    structure = getattr(model, "output", None)  # a Sequential has none before it is called
    if isinstance(structure, dict):
        return dict(structure)
    functional = keras.Model(model.inputs[0], model.outputs)
    return dict(zip(functional.output_names, functional.outputs, strict=True))


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
