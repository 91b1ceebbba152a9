"""What each head is trained on: labels that are there, classes weighed by how rare they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import ClassHead


def class_weights(classes: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    """N / (classes x N of the class) over labelled samples (Vadlejch 2021): float32 [classes].

    Raises:
        DataError: a label out of range, or a class without a sample.
    """
    import numpy as np

    if len(classes) and not -1 <= classes.min() <= classes.max() < len(labels):
        raise DataError(
            f"labels run from {classes.min()} to {classes.max()}",
            subject="training samples",
            fix=f"-1 for none, 0 to {len(labels) - 1} for the classes of the model",
        )
    counts = np.bincount(classes[classes >= 0], minlength=len(labels))
    empty = [label for label, count in zip(labels, counts, strict=True) if not count]
    if empty:
        raise DataError(f"no sample of {', '.join(empty)}", subject="training samples", fix="add images of it")
    weights: np.ndarray = (counts.sum() / (len(labels) * counts)).astype("float32")
    return weights


def class_loss(truth: Any, scores: Any, weights: Any, head: ClassHead) -> Any:
    """Weighted cross-entropy, mean over the labelled samples of the batch; zero where none is labelled.

    Args:
        truth: int64 [batch], -1 for no label.
        scores: float32 [batch, classes], as the head's activation says.
        weights: float32 [classes].
    """
    import keras
    import tensorflow as tf

    labelled = truth >= 0
    known = tf.where(labelled, truth, 0)
    each = keras.ops.sparse_categorical_crossentropy(known, scores, from_logits=head.activation == "logits")
    weighed = tf.where(labelled, each * tf.gather(weights, known), 0.0)
    return tf.reduce_sum(weighed) / tf.maximum(tf.reduce_sum(tf.cast(labelled, tf.float32)), 1.0)


def value_loss(truth: Any, answer: Any) -> Any:
    """Squared error, mean over the numbers that are labelled; zero where none is.

    Args:
        truth: float32 [batch, targets], NaN for no label.
        answer: float32 [batch, targets].
    """
    import tensorflow as tf

    labelled = tf.math.is_finite(truth)
    # The NaN is replaced before the difference: masking afterwards would still give NaN gradients.
    error = tf.where(labelled, truth, 0.0) - tf.where(labelled, answer, 0.0)
    return tf.reduce_sum(error**2) / tf.maximum(tf.reduce_sum(tf.cast(labelled, tf.float32)), 1.0)
