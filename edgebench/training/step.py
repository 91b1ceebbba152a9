"""One net with its optimizer: a gradient step, and answers in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgebench.specs.model import ClassHead
from edgebench.training.losses import class_loss, value_loss
from edgebench.zoo import build

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import ModelSpec

PREDICT_BATCH = 64


class Trainer:
    """The net of a spec under training by Adam; its initial weights follow from the seed.

    Args:
        weights: float32 [classes], of each class in its loss; None without such a head.
    """

    def __init__(self, spec: ModelSpec, weights: np.ndarray | None, seed: int) -> None:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(seed)
        self.spec, self.seed = spec, seed
        self.model = build(spec)
        self.optimizer = keras.optimizers.Adam(spec.training.learning_rate)
        self.optimizer.build(self.model.trainable_variables)
        self._weights = weights
        # Not compiled by XLA: on processors that was seven times slower here, for the depthwise convolutions.
        self._step = tf.function(self._gradient_step)
        shape = (None, *self.model.input_shape[1:])
        self._answer = tf.function(
            lambda x: self._forward(x, training=False), input_signature=[tf.TensorSpec(shape, tf.float32)]
        )

    def learning_rate(self, epoch: int) -> float:
        return self.spec.training.learning_rate * self.spec.training.decay**epoch

    def start_epoch(self, epoch: int) -> None:
        """Sets what an epoch depends on beside the weights: learning rate and dropout's random state."""
        self.optimizer.learning_rate = self.learning_rate(epoch)
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign([self.seed + 1000 * number, epoch << 20])

    def step(self, images: np.ndarray, classes: np.ndarray, values: np.ndarray) -> dict[str, float]:
        """One step of the optimizer. Returns `loss` and its parts, `classes` and `values`."""
        return {name: float(loss) for name, loss in self._step(images, classes, values).items()}

    def predict(self, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Head name -> float32 [samples, width]; slices of `inputs` are batches."""
        import numpy as np

        starts = range(0, len(inputs), PREDICT_BATCH)
        parts = [self._answer(inputs[start : start + PREDICT_BATCH]) for start in starts]
        columns = zip(*parts, strict=True)
        return {
            h.name: np.concatenate([np.asarray(p) for p in c]) for h, c in zip(self.spec.heads, columns, strict=True)
        }

    def _forward(self, images: Any, *, training: bool) -> list[Any]:
        """One answer per head, in order; Keras gives a lone answer without a list."""
        import keras

        answers: list[Any] = keras.tree.flatten(self.model(images, training=training))
        return answers

    def _gradient_step(self, images: Any, classes: Any, values: Any) -> dict[str, Any]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            losses = self._losses(self._forward(images, training=True), classes, values)
            losses["loss"] = tf.add_n(list(losses.values()))
        gradients = tape.gradient(losses["loss"], self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return losses

    def _losses(self, answers: Sequence[Any], classes: Any, values: Any) -> dict[str, Any]:
        losses = {}
        for head, answer in zip(self.spec.heads, answers, strict=True):
            if isinstance(head, ClassHead):
                losses["classes"] = class_loss(classes, answer, self._weights, head)
            else:
                losses["values"] = value_loss(values, answer)
        return losses
