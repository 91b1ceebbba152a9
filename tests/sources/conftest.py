"""Small real Keras models and the specs that state them."""

import numpy as np
import pytest

from edgebench.specs.model import ModelSpec

HEADS = [
    {"kind": "expression", "name": "expression", "labels": ["a", "b", "c"]},
    {"kind": "valence_arousal", "name": "valence_arousal"},
]


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (70, 12, 10, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def small_net():
    """Builds a net of two outputs, each (layer name, width), on one input."""

    def build(outputs=(("expression", 3), ("valence_arousal", 2)), shape=(12, 10, 3), **input_options):
        import keras

        keras.utils.set_random_seed(1)
        image = keras.Input(shape, name="image", **input_options)
        x = keras.layers.Conv2D(4, 3, name="conv")(image)
        x = keras.layers.BatchNormalization(name="norm")(x)
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        x = keras.layers.Dropout(0.5, name="drop")(x)
        return keras.Model(image, [keras.layers.Dense(width, name=name)(x) for name, width in outputs])

    return build


@pytest.fixture
def keras_spec():
    def make(file="net.keras", heads=HEADS, **contract):
        return ModelSpec(
            name="net", source={"keras": file}, heads=heads, input={"size": (12, 10), "range": (-1, 1)} | contract
        )

    return make


@pytest.fixture
def zoo_spec():
    """MobileNetV1 of the least width and size that it takes."""

    def make(weights="random", alpha=0.04, heads=HEADS, **source):
        return ModelSpec(
            name="net",
            source={"architecture": "mobilenet_v1", "weights": weights, "options": {"alpha": alpha}} | source,
            input={"size": (32, 32), "range": (-1, 1)},
            heads=heads,
        )

    return make
