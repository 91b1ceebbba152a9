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


@pytest.fixture
def spec_of():
    """A spec of the small nets' contract for a source of any kind."""

    def make(heads=HEADS, contract=(), **source):
        stated = {"size": (12, 10), "range": (-1, 1), **dict(contract)}
        return ModelSpec(name="net", source=source, heads=heads, input=stated)

    return make


@pytest.fixture(scope="session")
def onnx_net():
    """Builds an ONNX net: a convolution, a mean, and one dense layer per output."""

    def build(outputs=(("expression", 3), ("valence_arousal", 2)), shape=("batch", 3, 12, 10), dtype=1):
        from onnx import helper, numpy_helper

        rng = np.random.default_rng(0)

        def constant(name, *sizes):
            return numpy_helper.from_array(rng.normal(0, 0.5, sizes).astype(np.float32), name)

        weights = [constant("kernel", 4, 3, 3, 3), constant("bias", 4)]
        nodes = [
            helper.make_node("Conv", ["image", "kernel", "bias"], ["conv"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["conv"], ["relu"]),
            helper.make_node("GlobalAveragePool", ["relu"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
        ]
        for name, width in outputs:
            weights.append(constant(f"{name}_weights", 4, width))
            nodes.append(helper.make_node("MatMul", ["flat", f"{name}_weights"], [name]))
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("image", dtype, shape)],
            [helper.make_tensor_value_info(name, 1, [shape[0], width]) for name, width in outputs],
            weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    return build


@pytest.fixture(scope="session")
def tflite_bytes(small_net):
    """Converts a small Keras net to .tflite, quantized where asked for."""

    def convert(*, quantized=False, shape=(1, 12, 10, 3)):
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        model = small_net(shape=shape[1:])
        function = tf.function(lambda x: model(x, training=False))
        frozen = convert_variables_to_constants_v2(function.get_concrete_function(tf.TensorSpec(shape, tf.float32)))
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        if quantized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([np.full(shape, x, np.float32)] for x in (-1, 0, 1))
        return converter.convert()

    return convert


TORCH_NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, outputs=(("expression", 3), ("valence_arousal", 2)), kind="dict"):
        super().__init__()
        self.kind = kind
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.tops = nn.ModuleDict({name: nn.Linear(4, width) for name, width in outputs})

    def forward(self, image):
        pooled = torch.relu(self.norm(self.conv(image))).mean((2, 3))
        answers = {name: top(pooled) for name, top in self.tops.items()}
        if self.kind == "dict":
            return answers
        return tuple(answers.values()) if self.kind == "tuple" else next(iter(answers.values()))


def net(kind="dict", expressions=3):
    return Net((("expression", expressions), ("valence_arousal", 2)), kind)


def single():
    return Net((("valence_arousal", 2),), "tensor")


def fails():
    raise KeyError("layers")


def no_net():
    return 42


def text():
    return Returns("text")


class Returns(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, image):
        return self.answer
"""


@pytest.fixture
def torch_folder(tmp_path):
    """A folder with net.py and the state dict that its `net` was saved with."""
    torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")
    (tmp_path / "net.py").write_text(TORCH_NET)
    torch.save(torch_net(tmp_path).state_dict(), tmp_path / "net.pth")
    return tmp_path


def torch_net(folder, factory="net", **options):
    """The net of a factory in net.py, with weights and statistics as if trained."""
    import torch

    space = {}
    exec((folder / "net.py").read_text(), space)
    torch.manual_seed(1)
    net = space[factory](**options).eval()
    for name, values in net.state_dict().items():
        if name.startswith("norm.") and values.is_floating_point():
            values.add_(torch.rand(values.shape))
    return net


@pytest.fixture
def trained():
    return torch_net
