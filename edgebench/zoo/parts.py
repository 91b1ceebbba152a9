"""What several architectures share: their last layers, and what they ask of a contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from edgebench.errors import SpecError
from edgebench.specs.model import ClassHead

if TYPE_CHECKING:
    import keras

    from edgebench.specs.model import Head, InputContract

Affect = Literal["tanh", "linear"]
"""Activation of valence and arousal: held in [-1, 1], or free to reach any range."""


def image_input(contract: InputContract) -> Any:
    """The one input of every net, `image`, float32 [batch, height, width, channels]."""
    import keras

    return keras.Input((*contract.size, contract.channels), name="image")


def outputs(heads: Sequence[Head], features: Any, *, affect: Affect) -> list[Any]:
    """One dense output per head, in order, from layers named as the heads. `features` is [batch, n]."""
    return [output_layer(head, affect=affect)(features) for head in heads]


def output_layer(head: Head, *, affect: Affect) -> keras.layers.Layer:
    import keras

    if not isinstance(head, ClassHead):
        # Other targets have units, which no tanh reaches.
        activation = affect if head.kind == "valence_arousal" else "linear"
        return keras.layers.Dense(head.width, activation=activation, name=head.name)
    return keras.layers.Dense(
        head.width, activation=None if head.activation == "logits" else head.activation, name=head.name
    )


def with_affect_top(body: keras.Model, heads: Sequence[Head], *, name: str, batch_norm_momentum: float) -> keras.Model:
    """Vadlejch's top on a body without one: batch norm, average pooling, dropout 0.5, the heads.

    Args:
        batch_norm_momentum: of the moving statistics of every layer, the body's too.
    """
    import keras

    features = keras.layers.BatchNormalization(name="features_bn")(body.output)
    features = keras.layers.GlobalAveragePooling2D(name="features_pool")(features)
    features = keras.layers.Dropout(0.5, name="features_dropout")(features)
    model = keras.Model(body.inputs[0], outputs(heads, features, affect="tanh"), name=name)
    return set_momentum(model, batch_norm_momentum)


def set_momentum(model: keras.Model, momentum: float) -> keras.Model:
    """The same model; its batch norms follow with `momentum`, which no weight depends on."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    return model


def check_contract(contract: InputContract, *, subject: str, smallest: int) -> None:
    """Raises SpecError for another layout than nhwc, or an image with less than `smallest` pixels a side."""
    if contract.layout != "nhwc":
        raise SpecError("takes nhwc input", subject=subject, fix="set input.layout to nhwc")
    if min(contract.size) < smallest:
        raise SpecError(f"takes images of at least {smallest}x{smallest}", subject=subject, fix="raise input.size")


def check_unit_affect(heads: Sequence[Head], *, subject: str) -> None:
    """Raises SpecError for valence and arousal on a scale that tanh cannot reach, or does not fill."""
    for head in heads:
        if head.kind == "valence_arousal" and head.range != (-1.0, 1.0):
            raise SpecError(
                "answers valence and arousal in [-1, 1]", subject=subject, fix=f"set range of {head.name!r} so"
            )


def check_width(alpha: float, *, subject: str, filters: int) -> None:
    """Raises SpecError for a multiplier that leaves no filter of the narrowest layer's `filters`."""
    if filters * alpha < 1:
        raise SpecError(f"alpha must be a number of 1/{filters} or more, not {alpha!r}", subject=subject)
