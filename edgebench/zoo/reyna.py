"""The small net of Reyna 2024: two convolutions and two dense layers, for gray faces of 48x48."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebench.zoo import Architecture
from edgebench.zoo.parts import check_contract, image_input, outputs

if TYPE_CHECKING:
    import keras

    from edgebench.specs.model import Head, InputContract

SMALLEST_SIZE = 10
"""Twice a 3x3 window without padding and a halving leave one pixel of it."""


def reyna(contract: InputContract, heads: Sequence[Head]) -> keras.Model:
    """Valid 3x3 convolutions with bias and ReLU, 32 and 64 filters, each max pooled; dense 128; the heads."""
    check_contract(contract, subject="reyna", smallest=SMALLEST_SIZE)
    import keras
    from keras import layers

    x = image = image_input(contract)
    for number, filters in enumerate((32, 64), start=1):
        x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Dense(128, activation="relu", name="dense")(layers.Flatten(name="flatten")(x))
    return keras.Model(image, outputs(heads, x, affect="linear"), name="reyna")


REYNA = Architecture(build=reyna, revision=1)
