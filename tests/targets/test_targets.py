"""What holds for every format alike."""

import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from edgebench.errors import ConversionError, ModelFileError, UnknownName
from edgebench.targets import TARGETS
from edgebench.targets.outputs import match_outputs, parity

FORMATS = sorted(TARGETS)
VARIANTS = [(format_name, recipe) for format_name in FORMATS for recipe in ("fp32", "fp16", "int8")]
# Largest difference to the Keras model over held-out samples: measured 2e-7, 2e-4 and 4e-3 at most.
TOLERANCE = {"fp32": 1e-6, "fp16": 5e-4, "int8": 1e-2}

every_format = pytest.mark.parametrize("format_name", FORMATS)
every_variant = pytest.mark.parametrize(("format_name", "recipe"), VARIANTS)


@pytest.fixture(scope="module")
def answered(lab, artifacts, held_out, tmp_path_factory):
    """(format, recipe) -> outputs on held-out samples, through the runtime that works on this machine."""
    folder = tmp_path_factory.mktemp("runnable")
    return {
        (name, recipe): lab.answers(lab.target(name).runnable(file, folder)[-1], held_out)
        for (name, recipe), file in artifacts.items()
    }


@pytest.fixture(scope="module")
def expected(net, held_out):
    return net.predict(np.concatenate(held_out))


@every_variant
def test_an_artifact_answers_like_its_source(answered, expected, format_name, recipe):
    outputs = match_outputs(expected, answered[format_name, recipe])
    difference = parity(expected, answered[format_name, recipe], outputs)
    assert difference <= TOLERANCE[recipe], f"{difference:.2e}"


@every_format
def test_precision_costs_more_the_lower_it_is(answered, expected, format_name):
    fp32, fp16, int8 = (
        parity(expected, answered[format_name, recipe], match_outputs(expected, answered[format_name, recipe]))
        for recipe in ("fp32", "fp16", "int8")
    )
    assert fp32 < fp16 < int8


# onnxruntime fuses only what lies between quantized tensors on both sides; the rest it computes in float.
@pytest.mark.parametrize("format_name", ["tflite", "onnx", "coreml"])
def test_int8_computes_every_convolution_in_int8(lab, artifacts, format_name):
    operators = lab.target(format_name).inspect(artifacts[format_name, "int8"])
    assert (operators.compute, operators.compute_int8) == (6, 6)


@pytest.mark.parametrize(("format_name", "recipe"), [row for row in VARIANTS if row[1] != "int8"])
def test_float_artifacts_hold_no_int8_operator(lab, artifacts, format_name, recipe):
    operators = lab.target(format_name).inspect(artifacts[format_name, recipe])
    assert (operators.compute, operators.int8, operators.compute_int8) == (6, 0, 0)
    assert sum(operators.by_type.values()) == operators.total >= operators.float


@every_variant
def test_equal_inputs_give_equal_bytes(lab, net, calibration, artifacts, tmp_path, format_name, recipe):
    again = lab.make(lab.target(format_name), net, recipe, tmp_path, calibration)
    assert lab.digest(again) == lab.digest(artifacts[format_name, recipe])


@every_format
def test_the_order_of_calibration_samples_does_not_matter(lab, calibration, artifacts, tmp_path, format_name):
    target = lab.target(format_name)
    out = tmp_path / f"reversed{target.suffix}"
    target.quantize(artifacts[format_name, "fp32"], "int8", calibration[::-1], out)
    assert lab.digest(out) == lab.digest(artifacts[format_name, "int8"])


@every_format
def test_one_extreme_sample_counts_wherever_it_stands(lab, calibration, artifacts, tmp_path, format_name):
    target, extreme = lab.target(format_name), lab.make_samples(1, seed=5, amplitude=8.0)
    digests = {}
    for name, samples in {"first": extreme + calibration, "last": calibration + extreme}.items():
        out = tmp_path / f"{name}{target.suffix}"
        target.quantize(artifacts[format_name, "fp32"], "int8", samples, out)
        digests[name] = lab.digest(out)
    assert digests["first"] == digests["last"] != lab.digest(artifacts[format_name, "int8"])


@every_format
def test_calibration_samples_are_read_one_at_a_time(lab, calibration, artifacts, tmp_path, format_name):
    class OneByOne:
        """Answers single positions and nothing else: no slices, no iteration into a list."""

        def __len__(self):
            return len(calibration)

        def __getitem__(self, index):
            assert isinstance(index, int)
            return calibration[index]

    target = lab.target(format_name)
    target.quantize(artifacts[format_name, "fp32"], "int8", OneByOne(), tmp_path / f"net{target.suffix}")


@every_format
@pytest.mark.parametrize("samples", [None, [], np.zeros((0, 1, 32, 32, 3), np.float32)], ids=["none", "list", "array"])
def test_int8_without_calibration_is_refused(lab, artifacts, tmp_path, format_name, samples):
    target = lab.target(format_name)
    with pytest.raises(ConversionError, match="needs calibration samples"):
        target.quantize(artifacts[format_name, "fp32"], "int8", samples, tmp_path / f"net{target.suffix}")


@every_format
def test_a_new_row_is_a_supported_recipe_run_by_its_own_function(lab, artifacts, tmp_path, monkeypatch, format_name):
    target, module = lab.target(format_name), import_module(f"edgebench.targets.{format_name}")
    assert target.recipes == tuple(module.RECIPES)
    monkeypatch.setattr(module, "RECIPES", {**module.RECIPES, "halved": module.RECIPES["fp16"]})
    out = tmp_path / f"net{target.suffix}"
    target.quantize(artifacts[format_name, "fp32"], "halved", None, out)
    assert lab.digest(out) == lab.digest(artifacts[format_name, "fp16"])


@every_format
def test_an_unknown_recipe_is_refused_by_name(lab, artifacts, tmp_path, format_name):
    target = lab.target(format_name)
    with pytest.raises(UnknownName, match=f"recipe for {format_name}.*did you mean 'int8'"):
        target.quantize(artifacts[format_name, "fp32"], "int4", None, tmp_path / f"net{target.suffix}")


@pytest.fixture(scope="module")
def spoiled(lab, tmp_path_factory):
    """A net whose pointwise layer holds NaN, converted to each format."""
    source, folder = lab.make_net(spoil="pointwise"), tmp_path_factory.mktemp("spoiled")
    return {name: lab.make(lab.target(name), source, "fp32", folder, None) for name in FORMATS}


@every_format
def test_the_first_layer_with_nan_is_named(lab, spoiled, held_out, format_name):
    assert "pointwise" in lab.target(format_name).first_nonfinite(spoiled[format_name], held_out[0])


@every_variant
def test_a_sound_net_has_no_layer_with_nan(lab, artifacts, held_out, format_name, recipe):
    assert lab.target(format_name).first_nonfinite(artifacts[format_name, recipe], held_out[0]) is None


@every_format
def test_nan_during_calibration_names_the_tensor(lab, spoiled, held_out, tmp_path, format_name):
    target = lab.target(format_name)
    with pytest.raises(ConversionError, match=r"tensor .*pointwise.*not all finite"):
        target.quantize(spoiled[format_name], "int8", held_out, tmp_path / f"net{target.suffix}")


@every_format
def test_a_dead_filter_keeps_its_bias(lab, tmp_path, format_name):
    """Folded batch normalization leaves filters of (nearly) zero beside real biases."""
    with lab.quietly():
        import keras

    inputs = keras.Input(lab.shape[1:])
    layer = keras.layers.Conv2D(4, 3, padding="same", name="conv")
    model = keras.Model(inputs, layer(inputs))
    kernel = np.random.default_rng(0).normal(0, 0.1, (3, 3, 3, 4)).astype(np.float32)
    kernel[..., 1], kernel[..., 2] = 0.0, kernel[..., 2] * 1e-7
    layer.set_weights([kernel, np.array([0.1, 0.7, 0.5, 0.0], np.float32)])
    source, target = lab.KerasModel(model, heads=("conv",)), lab.target(format_name)
    samples = lab.make_samples(4)
    file = lab.make(target, source, "int8", tmp_path, samples)
    answer = lab.answers(target.runnable(file, tmp_path)[-1], samples)[0].reshape(4, 32, 32, -1)
    assert np.abs(answer - source.predict(np.concatenate(samples))["conv"]).max() < 0.02


@every_format
def test_a_source_of_another_framework_is_refused(lab, tmp_path, format_name):
    source, target = lab.KerasModel(object(), framework="jax"), lab.target(format_name)
    with pytest.raises(ConversionError, match=f"edgebench makes no {format_name} of jax models"):
        target.convert(source, lab.shape, tmp_path / f"net{target.suffix}")


@every_format
def test_an_input_that_breaks_the_contract_is_refused(lab, net, tmp_path, format_name):
    target = lab.target(format_name)
    with pytest.raises(ModelFileError, match=r"\(None, 32, 32, 3\), its contract states \(1, 48, 48, 3\)"):
        target.convert(net, (1, 48, 48, 3), tmp_path / f"net{target.suffix}")


@every_format
def test_a_file_of_another_format_is_refused(lab, artifacts, tmp_path, format_name):
    target = lab.target(format_name)
    other = artifacts["onnx" if format_name == "tflite" else "tflite", "fp32"]
    for verb in (
        lambda: target.inspect(other),
        lambda: target.quantize(other, "fp16", None, tmp_path / f"net{target.suffix}"),
        lambda: target.first_nonfinite(other, np.zeros(lab.shape, np.float32)),
    ):
        with pytest.raises(ModelFileError, match=r"TensorFlow Lite|cannot be read|not an \.mlpackage"):
            verb()


@every_format
def test_a_missing_file_is_refused(lab, tmp_path, format_name):
    target = lab.target(format_name)
    with pytest.raises(ModelFileError, match="nothing"):
        target.inspect(tmp_path / f"nothing{target.suffix}")


@every_format
def test_conversion_prints_nothing_and_warns_of_nothing(lab, net, calibration, tmp_path, capsys, format_name):
    lab.make(lab.target(format_name), net, "int8", tmp_path, calibration)
    assert capsys.readouterr() == ("", "")


@every_format
def test_tools_are_named_without_importing_them(format_name):
    code = (
        "import sys; from edgebench.registry import resolve; from edgebench.targets import TARGETS\n"
        f"tools = resolve(TARGETS, {format_name!r}, kind='format')().tools('keras')\n"
        "assert len(tools) >= 4 and all(tools.values())\n"
        "print(*sorted({'tensorflow', 'keras', 'onnx', 'onnxruntime', 'coremltools', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == []


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_process(lab, artifacts, tmp_path, request):
    """Hash seeds order sets of names differently; other conversions in a process move its counters."""
    code = (
        "import importlib.util, sys, pathlib\n"
        "spec = importlib.util.spec_from_file_location('lab', sys.argv[1])\n"
        "lab = importlib.util.module_from_spec(spec); sys.modules['lab'] = lab; spec.loader.exec_module(lab)\n"
        "folder, source = pathlib.Path(sys.argv[2]), lab.make_net()\n"
        "for name, recipe in lab.VARIANTS:\n"
        "    file = lab.make(lab.target(name), source, recipe, folder, lab.make_samples(16))\n"
        "    print(name, recipe, lab.digest(file))\n"
    )
    helpers = request.path.with_name("conftest.py")
    for seed in ("0", "1"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, str(helpers), str(folder)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
        lines = [line.split() for line in run.stdout.splitlines()]
        found = {(name, recipe): digest for name, recipe, digest in (line for line in lines if len(line) == 3)}
        assert found == {key: lab.digest(file) for key, file in artifacts.items()}
