"""A small real net, its nine artifacts, and the runtimes that answer for them."""

import hashlib
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is first imported

import numpy as np
import pytest

from edgebench.registry import resolve
from edgebench.targets import TARGETS, RunnableFile

SHAPE = (1, 32, 32, 3)
RECIPES = ("fp32", "fp16", "int8")
VARIANTS = [(format_name, recipe) for format_name in TARGETS for recipe in RECIPES]


@contextmanager
def quietly():
    """Importing TensorFlow and its kin warns of other people's deprecations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass
class KerasModel:
    """As the sources room hands a model over."""

    model: object
    heads: tuple[str, ...] = ("expression", "valence_arousal")
    framework: str = "keras"

    def predict(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        answer = self.model(inputs, training=False)
        outputs = answer if isinstance(answer, list) else [answer]
        return dict(zip(self.heads, map(np.asarray, outputs), strict=True))


def make_net(*, spoil: str = "") -> KerasModel:
    """Convolutions, a residual, pools and two heads, with weights and statistics as if trained.

    `spoil` names a layer whose weights become NaN.
    """
    with quietly():
        import keras
        from keras import layers

    x = inputs = layers.Input(SHAPE[1:], name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = stem = layers.ReLU(6.0, name="stem_relu")(layers.BatchNormalization(name="stem_bn")(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.ReLU(6.0, name="depthwise_relu")(layers.BatchNormalization(name="depthwise_bn")(x))
    x = layers.Conv2D(8, 1, name="pointwise")(x)
    x = layers.Activation("relu", name="residual_relu")(layers.Add(name="residual")([x, stem]))
    x = layers.MaxPooling2D(2, name="max_pool")(x)
    x = layers.Conv2D(12, 3, padding="valid", name="last")(x)
    x = layers.AveragePooling2D(2, name="average_pool")(layers.BatchNormalization(name="last_bn")(x))
    x = layers.Dropout(0.5, name="dropout")(layers.GlobalAveragePooling2D(name="mean")(x))
    expression = layers.Dense(8, activation="softmax", name="expression")(x)
    affect = layers.Dense(2, activation="tanh", name="valence_arousal")(x)
    model = keras.Model(inputs, [expression, affect], name="small")
    rng = np.random.default_rng(7)
    for layer in model.layers:
        layer.set_weights([trained_like(weights, rng) for weights in layer.get_weights()])
    if spoil:
        layer = model.get_layer(spoil)
        layer.set_weights([np.full_like(weights, np.nan) for weights in layer.get_weights()])
    return KerasModel(model)


def trained_like(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Kernels that differ in scale from channel to channel; vectors off 0 and 1."""
    if weights.ndim == 1:
        return weights + rng.uniform(0.0, 0.4, weights.shape).astype(np.float32)
    fan_in = weights.size / weights.shape[-1]
    kernel = rng.normal(0.0, np.sqrt(2 / fan_in), weights.shape)
    return (kernel * rng.uniform(0.5, 2.0, weights.shape[-1])).astype(np.float32)


def make_samples(count: int, *, seed: int = 0, amplitude: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(amplitude * rng.uniform(-1, 1, SHAPE)).astype(np.float32) for _ in range(count)]


def target(format_name: str):
    return resolve(TARGETS, format_name, kind="format")()


def answers(file: RunnableFile, samples: list[np.ndarray]) -> list[np.ndarray]:
    """Outputs of a runnable file in its own order, as float32 [samples, width]."""
    run = {"litert": litert, "onnxruntime": onnxruntime}[file.runtime](file.path)
    return [np.concatenate(outputs) for outputs in zip(*map(run, samples), strict=True)]


def litert(path: Path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]

    def run(sample):
        scale, zero = given["quantization"]
        tensor = np.clip(np.round(sample / scale) + zero, -128, 127) if scale else sample
        interpreter.set_tensor(given["index"], tensor.astype(given["dtype"]))
        interpreter.invoke()
        return [dequantized(interpreter, detail) for detail in interpreter.get_output_details()]

    return run


def dequantized(interpreter, detail) -> np.ndarray:
    values, (scale, zero) = interpreter.get_tensor(detail["index"]), detail["quantization"]
    return (values.astype(np.float32) - zero) * scale if scale else values


def onnxruntime(path: Path):
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda sample: session.run(None, {session.get_inputs()[0].name: sample})


def digest(path: Path) -> str:
    """Of a file, or of all files of a package with their places in it."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    parts = [f"{file.relative_to(path)}".encode() + file.read_bytes() for file in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make(target, source, recipe: str, folder: Path, calibration) -> Path:
    """The artifact of a recipe, by way of the float one where it needs that."""
    float_file = folder / f"net.fp32{target.suffix}"
    if not float_file.exists():
        target.convert(source, SHAPE, float_file)
    if recipe == "fp32":
        return float_file
    out = folder / f"net.{recipe}{target.suffix}"
    target.quantize(float_file, recipe, calibration, out)
    return out


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """The functions of this file, for tests that make nets and artifacts of their own."""
    tools = (KerasModel, make_net, make_samples, target, answers, digest, make, quietly)
    return SimpleNamespace(shape=SHAPE, **{tool.__name__: tool for tool in tools})


@pytest.fixture(scope="session")
def net() -> KerasModel:
    return make_net()


@pytest.fixture(scope="session")
def calibration() -> list[np.ndarray]:
    return make_samples(16)


@pytest.fixture(scope="session")
def held_out() -> list[np.ndarray]:
    return make_samples(8, seed=1)


@pytest.fixture(scope="session")
def artifacts(net, calibration, tmp_path_factory) -> dict[tuple[str, str], Path]:
    """(format, recipe) -> the artifact, all nine of them."""
    folder = tmp_path_factory.mktemp("artifacts")
    return {(name, recipe): make(target(name), net, recipe, folder, calibration) for name, recipe in VARIANTS}
