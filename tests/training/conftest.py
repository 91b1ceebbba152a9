"""A net small enough to train in a second, and faces of one grey each."""

from types import SimpleNamespace

import numpy as np
import pytest

from edgebench.specs.model import ModelSpec
from edgebench.zoo import ARCHITECTURES, Architecture

LABELS = ("dark", "middle", "bright")


def tiny(contract, heads, *, filters=4):
    import keras

    image = keras.Input((*contract.size, contract.channels), name="image")
    x = keras.layers.Conv2D(filters, 3, strides=2, use_bias=False)(image)
    x = keras.layers.BatchNormalization(momentum=0.8)(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.25)(x)
    activations = {"expression": "softmax", "classes": "softmax", "valence_arousal": "tanh", "regression": "linear"}
    return keras.Model(
        image, [keras.layers.Dense(head.width, activations[head.kind], name=head.name)(x) for head in heads]
    )


TINY = Architecture(build=tiny, revision=1)


@pytest.fixture(autouse=True)
def _tiny_is_in_the_zoo(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "tiny", f"{__name__}:TINY")


@pytest.fixture
def spec():
    return ModelSpec(
        name="tiny_net",
        source={"architecture": "tiny", "weights": "random"},
        input={"size": (12, 10), "range": (-1, 1)},
        heads=[
            {"kind": "expression", "name": "expression", "labels": LABELS},
            {"kind": "valence_arousal", "name": "valence_arousal"},
        ],
        training={"epochs": 3, "batch_size": 8, "learning_rate": 0.01},
    )


@pytest.fixture
def make_samples():
    """Images whose grey tells the expression; every fifth has no expression, every seventh no arousal."""

    def make(count, seed=0):
        rng = np.random.default_rng(seed)
        truth = np.arange(count) % 3
        grey = 40 + 80 * truth[:, None, None, None]
        images = (grey + rng.integers(-15, 15, (count, 12, 10, 3))).astype(np.uint8)
        affect = np.stack([truth - 1, 0.5 * truth], axis=1).astype(np.float32) * 0.8
        affect[::7, 1] = np.nan
        expression = truth.astype(np.int64)
        expression[4::5] = -1
        return SimpleNamespace(
            images=images, labels=LABELS, classes=expression, value_names=("valence", "arousal"), values=affect
        )

    return make
