from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgebench.agent.edgebench_agent import quantized, to_input

NHWC = {"layout": "nhwc", "scale": [2 / 255] * 3, "offset": [-1.0] * 3}
NCHW = {**NHWC, "layout": "nchw"}


def test_onnxruntime_computes_the_graph(predict, models, images):
    answer, (scores,) = predict("onnxruntime", models / "float.onnx", affine=NCHW)
    means = to_input(np.load(images), NCHW).mean(axis=(2, 3))
    np.testing.assert_allclose(scores, means, atol=1e-5)
    assert answer["path"] == "CPUExecutionProvider"
    assert answer["shapes"] == [[70, 3]]


def test_no_runtime_leaves_or_sends_anything(predict, models, tmp_path, monkeypatch):
    """onnxruntime's wheels keep an id of the device in the user's cache, and send telemetry, unless told not to."""
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    predict("onnxruntime", models / "float.onnx", affine=NCHW)
    predict("litert", models / "float.tflite")
    assert list(tmp_path.rglob("*")) == []


def test_litert_says_that_xnnpack_runs_it(predict, models):
    answer, (scores,) = predict("litert", models / "float.tflite")
    assert answer["path"].startswith("XNNPACK")
    assert scores.shape == (70, 3)
    assert answer["runtime_version"]
    assert answer["invoke_ns"] > 0
    assert answer["nonfinite"] == [None]


def test_integer_outputs_come_back_as_the_floats_they_stand_for(predict, models):
    _, (floats,) = predict("litert", models / "float.tflite")
    _, (from_int8,) = predict("litert", models / "int8.tflite")
    assert from_int8.dtype == np.float32
    steps = np.unique(np.diff(np.unique(from_int8)).round(6))
    assert len(np.unique(from_int8)) <= 256
    assert np.abs(floats - from_int8).max() < 10 * steps.min()


def test_int8_inputs_are_the_quantized_floats(predict, models, images):
    """The same file run directly, on floats quantized with the scale that it states."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(models / "int8.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    expected = []
    for image in np.load(images):
        item = quantized(to_input(image[None], NHWC), np.int8, *entry["quantization"])
        interpreter.set_tensor(entry["index"], item)
        interpreter.invoke()
        expected.append(interpreter.get_tensor(exit_["index"])[0])
    scale, zero_point = exit_["quantization"]
    _, (scores,) = predict("litert", models / "int8.tflite")
    np.testing.assert_array_equal(scores, (np.float32(expected) - zero_point) * np.float32(scale))


@pytest.mark.parametrize(
    ("runtime", "file", "affine"),
    [("litert", "float.tflite", NHWC), ("litert", "int8.tflite", NHWC), ("onnxruntime", "float.onnx", NCHW)],
)
def test_shards_together_are_the_whole_bit_for_bit(predict, models, runtime, file, affine):
    _, (whole,) = predict(runtime, models / file, affine=affine)
    cuts = [0, 1, 33, 70]  # neither on a border of the chunks that the agent prepares at a time
    parts = [predict(runtime, models / file, affine=affine, start=a, stop=b)[1][0] for a, b in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_first_sample_that_is_not_finite_is_named(predict, models, images, tmp_path):
    pixels = np.full((5, 8, 8, 3), 255, np.uint8)
    pixels[3] = 0
    np.save(tmp_path / "one_dark.npy", pixels)
    answer, _ = predict(
        "onnxruntime", models / "log.onnx", affine=NCHW, images=str(tmp_path / "one_dark.npy"), start=1, stop=5
    )
    assert answer["nonfinite"] == [3]


def test_a_contract_that_does_not_fit_the_model_is_refused(ask, models, images, tmp_path):
    task = {"runtime": "litert", "model": str(models / "float.tflite"), "start": 0, "stop": 1}
    answer = ask("predict", images=str(images), affine=NCHW, output=str(tmp_path / "out.npz"), returncode=1, **task)
    assert answer["error"]["type"] == "Refused"
    assert answer["error"]["message"] == "the model takes [1, 8, 8, 3], the images give [1, 3, 8, 8]"
    assert "in prepare" in answer["error"]["where"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("start", "stop", "message"), [(0, 71, "ends before image 71"), (5, 5, "no images"), (70, 71, "no images")]
)
def test_samples_that_are_not_there_are_refused(ask, models, images, tmp_path, start, stop, message):
    task = {"runtime": "litert", "model": str(models / "float.tflite"), "start": start, "stop": stop}
    answer = ask("predict", images=str(images), affine=NHWC, output=str(tmp_path / "o.npz"), returncode=1, **task)
    assert message in answer["error"]["message"]
