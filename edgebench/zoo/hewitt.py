"""The three nets of Hewitt and Gunes 2018 (arXiv 1807.08775), each as a classifier or as a regressor.

Which one a net is, its heads say: expressions answer by softmax, valence and arousal linearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgebench.zoo import Architecture
from edgebench.zoo.parts import check_contract, image_input, outputs, set_momentum

if TYPE_CHECKING:
    import keras

    from edgebench.specs.model import Head, InputContract

SMALLEST_SIZE = 32
"""Each of the nets halves its input five times."""
MOMENTUM = 0.9
"""Of the moving statistics, for the reason that `mobilenet_v1` gives."""
DENSE_UNITS = (1024, 1024)

Groups = tuple[tuple[tuple[int, int], ...], ...]
"""(kernel size, filters) of each convolution, in groups that a pooling ends."""

ALEXNET_GROUPS: Groups = (((9, 16),), ((7, 32),), ((5, 64),), ((3, 128),), ((3, 128),))
VGG_GROUPS: Groups = tuple(((3, filters), (3, filters)) for filters in (16, 32, 64, 128, 128))


def alexnet(contract: InputContract, heads: Sequence[Head], *, batch_norm_momentum: float = MOMENTUM) -> keras.Model:
    """Five convolutions that narrow from 9x9 to 3x3, then two dense layers."""
    return _convolutions_and_dense(
        ALEXNET_GROUPS, contract, heads, name="hewitt_alexnet", batch_norm_momentum=batch_norm_momentum
    )


def vgg(contract: InputContract, heads: Sequence[Head], *, batch_norm_momentum: float = MOMENTUM) -> keras.Model:
    """Ten 3x3 convolutions in pairs, then two dense layers."""
    return _convolutions_and_dense(
        VGG_GROUPS, contract, heads, name="hewitt_vgg", batch_norm_momentum=batch_norm_momentum
    )


def mobilenet(contract: InputContract, heads: Sequence[Head], *, batch_norm_momentum: float = MOMENTUM) -> keras.Model:
    """MobileNetV1 at width 1 with ReLU in place of ReLU6, then average pooling and dropout 0.3."""
    check_contract(contract, subject="hewitt_mobilenet", smallest=SMALLEST_SIZE)
    import keras

    image = image_input(contract)
    body = keras.applications.MobileNet(
        include_top=False, weights=None, input_tensor=image, input_shape=image.shape[1:]
    )
    for layer in body.layers:
        if isinstance(layer, keras.layers.ReLU):
            layer.max_value = None
    features = keras.layers.GlobalAveragePooling2D(name="features_pool")(body.output)
    features = keras.layers.Dropout(0.3, name="features_dropout")(features)
    model = keras.Model(image, outputs(heads, features, affect="linear"), name="hewitt_mobilenet")
    return set_momentum(model, batch_norm_momentum)


def _convolutions_and_dense(
    groups: Groups, contract: InputContract, heads: Sequence[Head], *, name: str, batch_norm_momentum: float
) -> keras.Model:
    check_contract(contract, subject=name, smallest=SMALLEST_SIZE)
    import keras
    from keras import layers

    x = image = image_input(contract)
    for number, group in enumerate(groups, start=1):
        for place, (size, filters) in enumerate(group, start=1):
            convolution = layers.Conv2D(
                filters, size, padding="same", use_bias=False, name=(block := f"conv{number}_{place}")
            )
            x = _normalized_relu(convolution(x), block)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
        x = layers.GaussianDropout(0.2, name=f"pool{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(DENSE_UNITS, start=1):
        x = _normalized_relu(layers.Dense(units, use_bias=False, name=(block := f"dense{number}"))(x), block)
        x = layers.Dropout(0.5, name=f"{block}_dropout")(x)
    return set_momentum(keras.Model(image, outputs(heads, x, affect="linear"), name=name), batch_norm_momentum)


def _normalized_relu(x: Any, block: str) -> Any:
    from keras import layers

    return layers.ReLU(name=f"{block}_relu")(layers.BatchNormalization(name=f"{block}_bn")(x))


ALEXNET = Architecture(build=alexnet, revision=1)
VGG = Architecture(build=vgg, revision=1)
MOBILENET = Architecture(build=mobilenet, revision=1)
