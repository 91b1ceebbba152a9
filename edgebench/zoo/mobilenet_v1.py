"""MobileNetV1 with an expression and a valence/arousal head, as in Vadlejch 2021."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebench.zoo import Architecture
from edgebench.zoo.parts import check_contract, check_unit_affect, check_width, image_input, with_affect_top

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
    check_contract(contract, subject="mobilenet_v1", smallest=SMALLEST_SIZE)
    check_unit_affect(heads, subject="mobilenet_v1")
    check_width(alpha, subject="mobilenet_v1", filters=FIRST_FILTERS)
    import keras

    image = image_input(contract)
    body = keras.applications.MobileNet(
        include_top=False, weights=None, alpha=alpha, input_tensor=image, input_shape=image.shape[1:]
    )
    return with_affect_top(body, heads, name="mobilenet_v1", batch_norm_momentum=batch_norm_momentum)


MOBILENET_V1 = Architecture(build=mobilenet_v1, revision=1)
