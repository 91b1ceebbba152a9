import numpy as np
import pytest

from edgebench.targets.tflite import BIAS_LIMIT, Tflite, weight_ranges
from edgebench.targets.tflite_graph import TfliteGraph


@pytest.fixture(scope="module")
def int8(artifacts):
    return TfliteGraph(artifacts["tflite", "int8"])


def test_int8_is_full_integer(lab, artifacts, int8):
    operators = Tflite().inspect(artifacts["tflite", "int8"])
    assert (operators.float, operators.int8) == (0, operators.total)
    interpreter = int8.interpreter
    interpreter.allocate_tensors()
    details = interpreter.get_input_details() + interpreter.get_output_details()
    assert {detail["dtype"] for detail in details} == {np.int8}


def test_int8_weights_have_a_scale_per_channel(int8):
    interpreter = int8.interpreter
    interpreter.allocate_tensors()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    for operator in int8.operators:
        if operator.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            continue
        channels = details[operator.outputs[0]]["shape"][-1]
        scales = details[operator.inputs[1]]["quantization_parameters"]["scales"]
        assert len(scales) == channels == len(set(scales.tolist())), operator.kind


def test_fp16_halves_the_weights_and_keeps_float_at_the_interface(artifacts):
    graph = TfliteGraph(artifacts["tflite", "fp16"])
    kinds = [operator.kind for operator in graph.operators]
    assert kinds.count("DEQUANTIZE") >= 6
    weights = [op.inputs[0] for op in graph.operators if op.kind == "DEQUANTIZE"]
    assert {graph.constant(tensor).dtype for tensor in weights} == {np.dtype(np.float16)}
    assert {detail["dtype"] for detail in graph.interpreter.get_input_details()} == {np.float32}


def test_batch_is_fixed_to_one(artifacts, lab):
    shapes = [
        detail["shape"].tolist() for detail in TfliteGraph(artifacts["tflite", "fp32"]).interpreter.get_input_details()
    ]
    assert shapes == [list(lab.shape)]


def test_running_yields_the_input_and_every_result_in_order(artifacts, lab):
    graph, sample = TfliteGraph(artifacts["tflite", "fp32"]), lab.make_samples(1)[0]
    names = [name for name, _ in graph.run(sample)]
    assert names == ["input", *(graph.name(i) for op in graph.operators for i in op.outputs)]
    ((_, first), *_) = graph.run(sample)
    assert np.array_equal(first, sample)


def test_weight_ranges_grow_only_where_the_bias_would_overflow(artifacts):
    graph = TfliteGraph(artifacts["tflite", "fp32"])
    conv = next(op for op in graph.operators if op.kind == "CONV_2D")
    data, weight, bias = conv.inputs
    largest = np.abs(graph.constant(weight)).max(axis=(1, 2, 3))
    normal = weight_ranges(graph, conv, {graph.name(data): (-1.0, 1.0)})[graph.name(weight)]
    assert normal["max"].ravel() == pytest.approx(largest)
    assert np.array_equal(normal["min"], -normal["max"])
    tiny = weight_ranges(graph, conv, {graph.name(data): (-1e-9, 1e-9)})[graph.name(weight)]
    steps = np.abs(graph.constant(bias)) / (tiny["max"].ravel() / 127 * 2e-9 / 255)
    assert (tiny["max"].ravel() > largest).any()
    assert steps.max() <= BIAS_LIMIT * 1.001
