"""The other backbones that Vadlejch 2021 tried, under the same top and heads as MobileNetV1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgebench.errors import SpecError
from edgebench.zoo import Architecture
from edgebench.zoo.parts import check_contract, check_unit_affect, check_width, image_input, with_affect_top

if TYPE_CHECKING:
    import keras

    from edgebench.specs.model import Head, InputContract

MOMENTUM = 0.9
"""Of the moving statistics, for the reason that `mobilenet_v1` gives."""


def mobilenet_v2(
    contract: InputContract, heads: Sequence[Head], *, alpha: float = 1.0, batch_norm_momentum: float = MOMENTUM
) -> keras.Model:
    """Sandler et al. 2018 (arXiv 1801.04381).

    Args:
        alpha: width multiplier of every layer but the body's last.
    """
    # The narrowest layer of the net at alpha 1 has 16 filters, which Keras rounds to no less than 8.
    check_width(alpha, subject="mobilenet_v2", filters=16)
    return _affect_net("MobileNetV2", contract, heads, batch_norm_momentum, name="mobilenet_v2", alpha=alpha)


def nasnet_mobile(
    contract: InputContract, heads: Sequence[Head], *, batch_norm_momentum: float = MOMENTUM
) -> keras.Model:
    """Zoph et al. 2018 (arXiv 1707.07012), NASNet-A with 4 repeats and 1056 filters before the top."""
    return _affect_net("NASNetMobile", contract, heads, batch_norm_momentum, name="nasnet_mobile")


def efficientnet_b0(
    contract: InputContract, heads: Sequence[Head], *, batch_norm_momentum: float = MOMENTUM
) -> keras.Model:
    """Tan and Le 2019 (arXiv 1905.11946).

    Keras' body begins with layers that bring pixels of 0 to 255 to the scale it computes in.

    Raises:
        SpecError: the contract scales the pixels as well.
    """
    if contract.range != (0.0, 255.0):
        raise SpecError(
            "scales pixels of 0 to 255 inside the net", subject="efficientnet_b0", fix="set input.range to [0, 255]"
        )
    return _affect_net("EfficientNetB0", contract, heads, batch_norm_momentum, name="efficientnet_b0")


def xception(contract: InputContract, heads: Sequence[Head], *, batch_norm_momentum: float = MOMENTUM) -> keras.Model:
    """Chollet 2017 (arXiv 1610.02357)."""
    # The smallest that Keras takes.
    return _affect_net("Xception", contract, heads, batch_norm_momentum, name="xception", smallest=71)


def _affect_net(
    body: str,
    contract: InputContract,
    heads: Sequence[Head],
    batch_norm_momentum: float,
    *,
    name: str,
    smallest: int = 32,
    **options: Any,
) -> keras.Model:
    check_contract(contract, subject=name, smallest=smallest)
    check_unit_affect(heads, subject=name)
    import keras

    image = image_input(contract)
    net = getattr(keras.applications, body)(
        include_top=False, weights=None, input_tensor=image, input_shape=image.shape[1:], **options
    )
    return with_affect_top(net, heads, name=name, batch_norm_momentum=batch_norm_momentum)


MOBILENET_V2 = Architecture(build=mobilenet_v2, revision=1)
NASNET_MOBILE = Architecture(build=nasnet_mobile, revision=1)
EFFICIENTNET_B0 = Architecture(build=efficientnet_b0, revision=1)
XCEPTION = Architecture(build=xception, revision=1)
