"""MobileNetV1 with an expression and a valence/arousal head, as in Vadlejch 2021."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebench.errors import SpecError
from edgebench.zoo import Architecture

if TYPE_CHECKING:
    import keras

    from edgebench.specs.model import Head, InputContract

SMALLEST_SIZE = 32
"""The body halves its input five times."""
FIRST_FILTERS = 32
"""Of the narrowest layer at alpha 1."""


def mobilenet_v1(
    contract: InputContract, heads: Sequence[Head], *, alpha: float, batch_norm_momentum: float = 0.9
) -> keras.Model:
    """Howard et al. 2017 (arXiv 1704.04861) without its top, then batch norm, average pooling, dropout 0.5, heads.

    Args:
        alpha: width multiplier of every layer of the body.
        batch_norm_momentum: of the moving statistics. With the 0.99 that Keras starts from, they are still a
            third initial values after 100 steps, so on a few thousand images the first epochs of validation
            measure the lag and not the net. Weights and parameter count do not depend on it.
    """
    _check(contract, heads, alpha)
    import keras

    height, width = contract.size
    image = keras.Input((height, width, contract.channels), name="image")
    body = keras.applications.MobileNet(
        include_top=False, weights=None, alpha=alpha, input_tensor=image, input_shape=image.shape[1:]
    )
    features = keras.layers.BatchNormalization(name="features_bn")(body.output)
    features = keras.layers.GlobalAveragePooling2D(name="features_pool")(features)
    features = keras.layers.Dropout(0.5, name="features_dropout")(features)
    model = keras.Model(image, [_head(head)(features) for head in heads], name="mobilenet_v1")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    return model


MOBILENET_V1 = Architecture(build=mobilenet_v1, revision=1)


def _head(head: Head) -> keras.layers.Layer:
    import keras

    if head.kind == "valence_arousal":
        return keras.layers.Dense(head.width, activation="tanh", name=head.name)
    return keras.layers.Dense(
        head.width, activation="softmax" if head.activation == "softmax" else None, name=head.name
    )


def _check(contract: InputContract, heads: Sequence[Head], alpha: float) -> None:
    if contract.layout != "nhwc":
        raise SpecError("takes nhwc input", subject="mobilenet_v1", fix="set input.layout to nhwc")
    if min(contract.size) < SMALLEST_SIZE:
        raise SpecError(
            f"takes images of at least {SMALLEST_SIZE}x{SMALLEST_SIZE}", subject="mobilenet_v1", fix="raise input.size"
        )
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or int(FIRST_FILTERS * alpha) < 1:
        raise SpecError(f"alpha must be a number of 1/{FIRST_FILTERS} or more, not {alpha!r}", subject="mobilenet_v1")
    for head in heads:
        if head.kind == "valence_arousal" and head.range != (-1.0, 1.0):
            raise SpecError(
                "answers valence and arousal in [-1, 1]", subject="mobilenet_v1", fix=f"set range of {head.name!r} so"
            )
