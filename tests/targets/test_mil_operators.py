"""Every row of the operator table, one operator a program, against plain numpy."""

import numpy as np
import pytest
from scipy.special import erf

from edgebench.errors import UnknownOperator
from edgebench.targets.coreml_reference import translate_program
from edgebench.targets.mil_operators import OPERATORS, value_of
from edgebench.targets.onnx_graph import session

ct = mb = types = None  # set by the fixture: importing coremltools takes seconds, which collecting tests should not


@pytest.fixture(scope="module", autouse=True)
def coreml(lab):
    global ct, mb, types
    with lab.quietly():
        import coremltools as ct
        from coremltools.converters.mil import Builder as mb  # noqa: N813
        from coremltools.converters.mil.mil import types


RNG = np.random.default_rng(3)
X = RNG.normal(size=(1, 4, 7, 6)).astype(np.float32)
Y = RNG.uniform(0.5, 2.0, size=X.shape).astype(np.float32)
ROW = RNG.normal(size=(1, 6)).astype(np.float32)
MATRIX = RNG.normal(size=(5, 6)).astype(np.float32)
BIAS = RNG.normal(size=5).astype(np.float32)
PER_CHANNEL = {name: RNG.uniform(0.5, 2, size=4).astype(np.float32) for name in ("mean", "variance", "gamma", "beta")}


def program(build, x=X):
    shapes = [mb.TensorSpec(shape=x.shape)]
    return mb.program(input_specs=shapes, opset_version=ct.target.iOS17)(build)


def run(build, x=X):
    translated = session(translate_program(program(build, x)))
    return translated.run(None, {translated.get_inputs()[0].name: x})[0]


def padded(x, pads, fill=0.0):
    """`pads` as MIL states them for the two spatial axes: before, after, before, after."""
    return np.pad(x, ((0, 0), (0, 0), pads[:2], pads[2:]), constant_values=fill)


def same(size, kernel, stride=1, dilation=1, *, lower=False):
    """Padding before and after, so that ceil(size / stride) windows fit; the odd one goes after, or before."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    pair = (total // 2, total - total // 2)
    return pair[::-1] if lower else pair


def windows(x, kernel, strides=(1, 1), dilations=(1, 1)):
    """[1, channels, rows, columns, kernel rows, kernel columns]."""
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    return view[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def convolved(x, weight, strides=(1, 1), dilations=(1, 1), groups=1):
    view = windows(x, weight.shape[2:], strides, dilations)
    parts = [
        np.einsum("ncijkl,ockl->noij", part, kernels)
        for part, kernels in zip(np.split(view, groups, 1), np.split(weight, groups, 0), strict=True)
    ]
    return np.concatenate(parts, axis=1)


WEIGHT = RNG.normal(size=(8, 4, 3, 3)).astype(np.float32)
DEPTHWISE = RNG.normal(size=(4, 1, 3, 3)).astype(np.float32)
OFFSETS = RNG.normal(size=8).astype(np.float32)
LOW, HIGH = -128, 127
QX = np.clip(np.round(X / 0.02) + 5, LOW, HIGH)
QU = np.clip(np.round(X / 0.01), 0, 255)
STORED = RNG.integers(LOW, HIGH, size=WEIGHT.shape).astype(np.int8)
SCALES = RNG.uniform(0.01, 0.02, size=8).astype(np.float32)
ZEROS = RNG.integers(-5, 5, size=8).astype(np.int8)
STORED_VALUE = (STORED - ZEROS.astype(np.int16)[:, None, None, None]) * SCALES[:, None, None, None]


def quantized(x, *, zero_point, kind="int8", scale=0.02):
    whole = mb.quantize(input=x, scale=np.float32(scale), zero_point=zero_point, output_dtype=kind)
    return mb.dequantize(input=whole, scale=np.float32(scale), zero_point=zero_point)


def by_channel(values):
    return values.reshape(1, -1, 1, 1)


CASES = {
    "relu": (lambda x: mb.relu(x=x), lambda: np.maximum(X, 0)),
    "relu6": (lambda x: mb.relu6(x=mb.mul(x=x, y=np.float32(5))), lambda: np.clip(5 * X, 0, 6)),
    "leaky_relu": (lambda x: mb.leaky_relu(x=x, alpha=0.3), lambda: np.where(X > 0, X, 0.3 * X)),
    "sigmoid": (lambda x: mb.sigmoid(x=x), lambda: 1 / (1 + np.exp(-X))),
    "silu": (lambda x: mb.silu(x=x), lambda: X / (1 + np.exp(-X))),
    "tanh": (lambda x: mb.tanh(x=x), lambda: np.tanh(X)),
    "elu": (lambda x: mb.elu(x=x, alpha=0.7), lambda: np.where(X > 0, X, 0.7 * np.expm1(X))),
    "erf": (lambda x: mb.erf(x=x), lambda: erf(X)),
    "softplus": (lambda x: mb.softplus(x=x), lambda: np.log1p(np.exp(X))),
    "softsign": (lambda x: mb.softsign(x=x), lambda: X / (1 + np.abs(X))),
    "sigmoid_hard": (lambda x: mb.sigmoid_hard(x=x, alpha=0.4, beta=0.3), lambda: np.clip(0.4 * X + 0.3, 0, 1)),
    "thresholded_relu": (lambda x: mb.thresholded_relu(x=x, alpha=-0.5), lambda: np.where(X >= -0.5, X, 0)),
    "prelu": (
        lambda x: mb.prelu(x=x, alpha=PER_CHANNEL["mean"]),
        lambda: np.where(X > 0, X, X * PER_CHANNEL["mean"].reshape(1, 4, 1, 1)),
    ),
    "gelu": (lambda x: mb.gelu(x=x, mode="EXACT"), lambda: X * (1 + erf(X / np.sqrt(2))) / 2),
    "gelu near tanh": (
        lambda x: mb.gelu(x=x, mode="TANH_APPROXIMATION"),
        lambda: X * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3))) / 2,
    ),
    "gelu near sigmoid": (
        lambda x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"),
        lambda: X / (1 + np.exp(-1.702 * X)),
    ),
    "clip": (lambda x: mb.clip(x=x, alpha=-0.5, beta=0.25), lambda: np.clip(X, -0.5, 0.25)),
    "add": (lambda x: mb.add(x=x, y=Y), lambda: X + Y),
    "add of what constants give": (lambda x: mb.add(x=x, y=mb.relu(x=Y - 1)), lambda: X + np.maximum(Y - 1, 0)),
    "sub": (lambda x: mb.sub(x=Y, y=x), lambda: Y - X),
    "mul": (lambda x: mb.mul(x=x, y=Y), lambda: X * Y),
    "real_div": (lambda x: mb.real_div(x=x, y=Y), lambda: X / Y),
    "maximum": (lambda x: mb.maximum(x=x, y=Y), lambda: np.maximum(X, Y)),
    "minimum": (lambda x: mb.minimum(x=x, y=Y), lambda: np.minimum(X, Y)),
    "conv valid": (
        lambda x: mb.conv(x=x, weight=WEIGHT, bias=OFFSETS),
        lambda: convolved(X, WEIGHT) + by_channel(OFFSETS),
    ),
    "conv same, strided": (
        lambda x: mb.conv(x=x, weight=WEIGHT, strides=[2, 2], pad_type="same"),
        lambda: convolved(padded(X, same(7, 3, 2) + same(6, 3, 2)), WEIGHT, (2, 2)),
    ),
    "conv same_lower, strided": (
        lambda x: mb.conv(x=x, weight=WEIGHT, strides=[2, 2], pad_type="same_lower"),
        lambda: convolved(padded(X, same(7, 3, 2, lower=True) + same(6, 3, 2, lower=True)), WEIGHT, (2, 2)),
    ),
    "conv custom": (
        lambda x: mb.conv(x=x, weight=WEIGHT, pad_type="custom", pad=[0, 1, 2, 3]),
        lambda: convolved(padded(X, (0, 1, 2, 3)), WEIGHT),
    ),
    "conv dilated": (
        lambda x: mb.conv(x=x, weight=WEIGHT, dilations=[2, 1]),
        lambda: convolved(X, WEIGHT, dilations=(2, 1)),
    ),
    "conv depthwise": (
        lambda x: mb.conv(x=x, weight=DEPTHWISE, groups=4, pad_type="same"),
        lambda: convolved(padded(X, same(7, 3) + same(6, 3)), DEPTHWISE, groups=4),
    ),
    "max_pool": (
        lambda x: mb.max_pool(x=x, kernel_sizes=[2, 3], strides=[2, 1], pad_type="valid"),
        lambda: windows(X, (2, 3), (2, 1)).max((4, 5)),
    ),
    "max_pool custom": (
        lambda x: mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 0, 0, 1]),
        lambda: windows(padded(X, (1, 0, 0, 1), -np.inf), (3, 3), (2, 2)).max((4, 5)),
    ),
    "avg_pool with its padding": (
        lambda x: mb.avg_pool(x=x, kernel_sizes=[3, 3], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda: windows(padded(X, (1, 1, 1, 1)), (3, 3)).mean((4, 5)),
    ),
    "avg_pool without its padding": (
        lambda x: mb.avg_pool(x=x, kernel_sizes=[3, 3], pad_type="same", exclude_padding_from_average=True),
        lambda: np.nanmean(windows(padded(X, (1, 1, 1, 1), np.nan), (3, 3)), (4, 5)),
    ),
    "pad constant": (
        lambda x: mb.pad(x=x, pad=[0, 1, 2, 0], mode="constant", constant_val=1.5),
        lambda: padded(X, (0, 1, 2, 0), 1.5),
    ),
    "pad reflect": (
        lambda x: mb.pad(x=x, pad=[1, 2], mode="reflect"),
        lambda: np.pad(X, ((0, 0), (0, 0), (0, 0), (1, 2)), mode="reflect"),
    ),
    "pad replicate": (
        lambda x: mb.pad(x=x, pad=[1, 2, 0, 1], mode="replicate"),
        lambda: np.pad(X, ((0, 0), (0, 0), (1, 2), (0, 1)), mode="edge"),
    ),
    "batch_norm": (
        lambda x: mb.batch_norm(x=x, epsilon=0.01, **PER_CHANNEL),
        lambda: (X - by_channel(PER_CHANNEL["mean"])) / np.sqrt(by_channel(PER_CHANNEL["variance"]) + 0.01)
        * by_channel(PER_CHANNEL["gamma"]) + by_channel(PER_CHANNEL["beta"]),
    ),
    "batch_norm plain": (
        lambda x: mb.batch_norm(x=x, mean=PER_CHANNEL["mean"], variance=PER_CHANNEL["variance"]),
        lambda: (X - by_channel(PER_CHANNEL["mean"])) / np.sqrt(by_channel(PER_CHANNEL["variance"]) + 1e-5),
    ),
    "linear": (lambda x: mb.linear(x=x, weight=MATRIX, bias=BIAS), lambda: X @ MATRIX.T + BIAS),
    "linear without bias": (lambda x: mb.linear(x=x, weight=MATRIX), lambda: X @ MATRIX.T),
    "matmul": (lambda x: mb.matmul(x=x, y=MATRIX.T.copy()), lambda: X @ MATRIX.T),
    "matmul turned": (
        lambda x: mb.matmul(x=x, y=Y, transpose_x=True, transpose_y=False),
        lambda: X.transpose(0, 1, 3, 2) @ Y,
    ),
    "transpose": (lambda x: mb.transpose(x=x, perm=[0, 2, 3, 1]), lambda: X.transpose(0, 2, 3, 1)),
    "reshape": (lambda x: mb.reshape(x=x, shape=[1, -1]), lambda: X.reshape(1, -1)),
    "squeeze": (lambda x: mb.squeeze(x=x, axes=[0]), lambda: X[0]),
    "expand_dims": (lambda x: mb.expand_dims(x=x, axes=[1]), lambda: X[:, None]),
    "concat": (lambda x: mb.concat(values=[x, Y, x], axis=1), lambda: np.concatenate([X, Y, X], 1)),
    "slice_by_index": (
        lambda x: mb.slice_by_index(x=x, begin=[0, 1, 1, 0], end=[1, 3, -1, 6], stride=[1, 1, 2, 3]),
        lambda: X[0:1, 1:3, 1:-1:2, 0:6:3],
    ),
    "slice_by_index masked": (
        lambda x: mb.slice_by_index(
            x=x, begin=[0, 2, 1, 5], end=[0, 1, 0, 2], begin_mask=[False, True, False, True],
            end_mask=[True, False, True, False],
        ),
        lambda: X[:, :1, 1:, :2],
    ),
    "slice_by_index squeezed": (
        lambda x: mb.slice_by_index(
            x=x, begin=[0, -1, 0, 2], end=[1, 0, 7, 0], squeeze_mask=[False, True, False, True]
        ),
        lambda: X[0:1, -1, :, 2],
    ),
    "reduce_mean": (lambda x: mb.reduce_mean(x=x, axes=[2, 3], keep_dims=False), lambda: X.mean((2, 3))),
    "reduce_mean kept": (lambda x: mb.reduce_mean(x=x, axes=[1], keep_dims=True), lambda: X.mean(1, keepdims=True)),
    "softmax": (lambda x: mb.softmax(x=x, axis=1), lambda: np.exp(X) / np.exp(X).sum(1, keepdims=True)),
    "cast": (lambda x: mb.cast(x=mb.cast(x=x, dtype="fp16"), dtype="fp32"), lambda: X.astype(np.float16)),
    "quantize": (lambda x: quantized(x, zero_point=np.int8(5)), lambda: (QX - 5) * np.float32(0.02)),
    "dequantize": (
        lambda x: quantized(x, zero_point=np.uint8(0), kind="uint8", scale=0.01),
        lambda: QU * np.float32(0.01),
    ),
    "dequantize without zero point": (
        lambda x: mb.dequantize(
            input=mb.quantize(input=x, scale=np.float32(0.02), output_dtype="int8"), scale=np.float32(0.02)
        ),
        lambda: np.clip(np.round(X / 0.02), LOW, HIGH) * np.float32(0.02),
    ),
    "constexpr_affine_dequantize": (
        lambda x: mb.conv(
            x=x,
            weight=mb.constexpr_affine_dequantize(quantized_data=STORED, scale=SCALES, zero_point=ZEROS, axis=0),
        ),
        lambda: convolved(X, STORED_VALUE.astype(np.float32)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_operator_means_what_coreml_says(case):
    build, wanted = CASES[case]
    expected = wanted()
    answer = run(build)
    assert answer.shape == expected.shape
    assert np.abs(answer - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


def test_every_row_of_the_table_has_a_case():
    assert {case.split()[0] for case in CASES} == set(OPERATORS)


def test_every_row_of_the_table_is_an_operator_of_coreml():
    assert [name for name in OPERATORS if not hasattr(mb, name)] == []


def half(build):
    """The operator inside a float16 program, with float32 at both ends."""
    return lambda x: mb.cast(x=build(mb.cast(x=x, dtype="fp16")), dtype="fp32")


def test_every_result_of_a_float16_program_is_rounded():
    x16, y16 = X.astype(np.float16), Y.astype(np.float16)
    answer = run(half(lambda x: mb.mul(x=mb.add(x=x, y=y16), y=y16)))
    assert np.array_equal(answer, ((x16 + y16) * y16).astype(np.float32))
    assert not np.array_equal(answer, (X + Y) * Y)


def test_float16_overflows_as_it_does_on_the_device():
    answer = run(half(lambda x: mb.mul(x=x, y=np.float16(60000))))
    assert np.isinf(answer[np.abs(X) > 1.2]).all()


def test_what_one_operator_adds_up_is_rounded_once():
    weight = WEIGHT.astype(np.float16)
    answer = run(half(lambda x: mb.conv(x=x, weight=weight)))
    exact = convolved(X.astype(np.float16).astype(np.float32), weight.astype(np.float32))
    assert np.abs(answer - exact.astype(np.float16)).max() <= np.spacing(np.abs(exact).max().astype(np.float16))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda x: mb.atan(x=x), "no translation for operator 'atan'"),
        (lambda x: mb.concat(values=[x, x], axis=1, interleave=True), "'concat' with interleaving"),
        (lambda x: mb.cast(x=x, dtype="int32"), "'cast' with the type int32"),
        (
            lambda x: mb.slice_by_index(x=x, begin=[0, 3, 0, 0], end=[1, 0, 7, 6], stride=[1, -1, 1, 1]),
            "'slice_by_index' with a backward stride",
        ),
    ],
)
def test_what_is_not_known_is_named_with_its_output(build, words):
    with pytest.raises(UnknownOperator, match=words) as caught:
        run(build)
    assert caught.value.subject


def test_a_parameter_computed_at_run_time_is_refused():
    specs = [mb.TensorSpec(shape=X.shape), mb.TensorSpec(shape=(8,))]
    build = lambda x, pads: mb.pad(x=x, pad=mb.cast(x=pads, dtype="int32"), name="padded")  # noqa: E731
    made = mb.program(input_specs=specs, opset_version=ct.target.iOS17)(build)
    (op,) = made.functions["main"].find_ops(op_type="pad")
    with pytest.raises(UnknownOperator, match="padded: operator 'pad' computes its 'pad' at run time"):
        value_of(op, "pad")


def test_float16_inputs_are_refused():
    specs = [mb.TensorSpec(shape=(1, 2), dtype=types.fp16)]
    made = mb.program(input_specs=specs, opset_version=ct.target.iOS17)(lambda x: mb.relu(x=x))
    with pytest.raises(UnknownOperator, match="x: the reference takes float32 inputs, not fp16"):
        translate_program(made)
