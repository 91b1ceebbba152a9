import numpy as np
import pytest

from edgebench.errors import ConversionError
from edgebench.targets.coreml_activations import (
    SMALLEST_SCALE,
    activation_mode,
    activation_ranges,
    make_linear,
    representable,
)
from edgebench.targets.coreml_package import load_program, main_function
from edgebench.targets.coreml_reference import translate_program
from edgebench.targets.onnx_graph import session


def test_ranges_are_those_of_all_samples(artifacts, lab):
    program = load_program(artifacts["coreml", "fp16"])
    samples = lab.make_samples(1, amplitude=8.0) + lab.make_samples(3, seed=2)
    ranges = activation_ranges(program, samples)
    assert ranges["input"] == (min(s.min() for s in samples), max(s.max() for s in samples))
    relu6 = [op.outputs[0].name for op in main_function(program).operations if op.op_type == "relu6"]
    assert relu6
    assert all(0 <= ranges[name][0] <= ranges[name][1] <= 6 for name in relu6)


def test_the_passes_get_a_range_for_every_tensor_they_ask_for(artifacts, lab):
    program = load_program(artifacts["coreml", "fp16"])
    ranges = activation_ranges(program, lab.make_samples(1))
    asked = {op.inputs["x"].name for op in main_function(program).operations if op.op_type in ("conv", "linear", "add")}
    assert asked <= set(ranges)


@pytest.mark.parametrize(
    ("widest", "mode"), [(1.0, "linear"), (511.0, "linear"), (512.0, "linear_symmetric"), (30000.0, "linear_symmetric")]
)
def test_a_zero_point_is_used_where_float16_can_compute_it(widest, mode):
    assert activation_mode({"small": (-0.1, 0.1), "wide": (-widest, 1.0)}) == mode
    low, high = np.float16(-widest), np.float16(1.0)
    with np.errstate(over="ignore"):
        computable = np.isfinite(np.float16(-128) * high - np.float16(127) * low)
    assert computable or mode == "linear_symmetric"


def test_activations_beyond_float16_are_refused():
    with pytest.raises(ConversionError, match=r"activations reach 4e\+04"):
        activation_mode({"wide": (0.0, 40000.0)})


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ((-1.0, 2.0), (-1.0, 2.0)),
        ((0.5, 2.0), (0.0, 2.0)),
        ((-2.0, -1.0), (-2.0, 0.0)),
        ((0.0, 0.0), (0.0, 255 * SMALLEST_SCALE)),
    ],
)
def test_a_range_holds_zero_and_a_normal_scale(found, wanted):
    assert representable(*found) == pytest.approx({"rmin": wanted[0], "rmax": wanted[1]})
    assert np.float16((wanted[1] - wanted[0]) / 255) >= SMALLEST_SCALE * 0.99


def test_activations_too_wide_for_a_zero_point_still_quantize_well(lab, tmp_path):
    """Unnormalized inputs, as of the MLPerf Tiny ResNet8, reach thousands."""
    with lab.quietly():
        import keras

    inputs = keras.Input(lab.shape[1:])
    layer = keras.layers.Conv2D(4, 3, name="conv")
    model = keras.Model(inputs, keras.layers.Rescaling(1 / 1000)(keras.layers.ReLU()(layer(inputs))))
    source, target = lab.KerasModel(model, heads=("conv",)), lab.target("coreml")
    samples = lab.make_samples(4, amplitude=1000.0)
    answer = lab.answers(target.runnable(lab.make(target, source, "int8", tmp_path, samples), tmp_path)[-1], samples)[0]
    wanted = source.predict(np.concatenate(samples))["conv"]
    assert np.abs(answer.reshape(wanted.shape) - wanted).max() <= 0.03 * wanted.max()


@pytest.mark.parametrize("normalized", [True, False])
def test_dense_layers_without_a_bias_compute_in_int8(lab, tmp_path, normalized):
    with lab.quietly():
        import keras

    inputs = keras.Input(lab.shape[1:])
    x = keras.layers.Dense(16, use_bias=False, name="dense")(keras.layers.AveragePooling2D(8, name="pool")(inputs))
    x = keras.layers.BatchNormalization(name="norm")(x) if normalized else x
    x = keras.layers.Dense(4, use_bias=False, name="last")(keras.layers.Flatten()(keras.layers.ReLU()(x)))
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(3)
    for layer in model.layers:
        layer.set_weights([weights + rng.uniform(0.0, 0.4, weights.shape) for weights in layer.get_weights()])
    source, target = lab.KerasModel(model, heads=("last",)), lab.target("coreml")
    samples = lab.make_samples(4)
    package = lab.make(target, source, "int8", tmp_path, samples)
    operators = target.inspect(package)
    assert (operators.compute, operators.compute_int8) == (2, 2)
    answer, wanted = (
        lab.answers(target.runnable(package, tmp_path)[-1], samples)[0],
        source.predict(np.concatenate(samples))["last"],
    )
    assert np.abs(answer - wanted).max() <= 0.03 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("shape", "matrix", "turned", "kinds"),
    [
        ((2, 6), (6, 5), {}, ["linear"]),
        ((1, 2, 6), (5, 6), {"transpose_y": True}, ["linear"]),
        ((6, 2), (6, 5), {"transpose_x": True}, ["matmul"]),
        ((1, 1, 2, 6), (6, 5), {}, ["matmul"]),
    ],
)
def test_only_what_linear_can_compute_becomes_linear(lab, shape, matrix, turned, kinds):
    with lab.quietly():
        import coremltools as ct
        from coremltools.converters.mil import Builder as mb  # noqa: N813

    rng = np.random.default_rng(5)
    x, y = rng.normal(size=shape).astype(np.float32), rng.normal(size=matrix).astype(np.float32)
    build = mb.program(input_specs=[mb.TensorSpec(shape=shape)], opset_version=ct.target.iOS17)
    program = build(lambda x: mb.relu(x=mb.matmul(x=x, y=y, **turned)))
    (before,) = session(translate_program(program)).run(None, {"x": x})
    make_linear(program)
    found = [op.op_type for op in main_function(program).operations if op.op_type in ("linear", "matmul")]
    assert found == kinds
    (after,) = session(translate_program(program)).run(None, {"x": x})
    np.testing.assert_allclose(after, before, atol=1e-5)
