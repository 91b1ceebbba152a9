import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebench.targets.onnx import activation_ranges
from edgebench.targets.onnx_graph import read


@pytest.fixture(scope="module")
def int8(artifacts):
    return read(artifacts["onnx", "int8"])


def test_int8_weights_are_signed_with_a_scale_per_channel(int8):
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in int8.graph.initializer}
    producers = {name: node for node in int8.graph.node for name in node.output}
    seen = 0
    for node in int8.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            dequantize = producers[node.input[1]]
            weight, scale = (constants[name] for name in dequantize.input[:2])
            assert weight.dtype == np.int8
            assert scale.size == len(set(scale.tolist())) == weight.shape[0 if node.op_type == "Conv" else 1]
            seen += 1
    assert seen == 6


def test_int8_activations_are_unsigned_so_that_branches_stay_in_int8(int8):
    constants = {tensor.name: tensor.data_type for tensor in int8.graph.initializer}
    zeros = {constants[node.input[2]] for node in int8.graph.node if node.op_type == "QuantizeLinear"}
    assert zeros == {TensorProto.UINT8}


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8"])
def test_the_interface_is_float32_with_a_batch_of_one(artifacts, lab, recipe):
    graph = read(artifacts["onnx", recipe]).graph
    values = [*graph.input, *graph.output]
    assert {value.type.tensor_type.elem_type for value in values} == {TensorProto.FLOAT}
    shapes = [[size.dim_value for size in value.type.tensor_type.shape.dim] for value in values]
    assert shapes[0] == list(lab.shape)
    assert sorted(shapes[1:]) == [[1, 2], [1, 8]]


def test_fp16_holds_its_weights_in_half_the_bytes(artifacts):
    model = read(artifacts["onnx", "fp16"])
    kernels = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
    assert {tensor.data_type for tensor in kernels} == {TensorProto.FLOAT16}


def test_nodes_of_every_artifact_are_in_order_of_execution(artifacts):
    for recipe in ("fp32", "fp16", "int8"):
        graph = read(artifacts["onnx", recipe]).graph
        known = {value.name for value in [*graph.input, *graph.initializer]}
        for node in graph.node:
            assert {name for name in node.input if name} <= known
            known |= set(node.output)


def test_activation_ranges_span_every_sample():
    node = helper.make_node("Identity", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy"]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    samples = [np.array([row], np.float32) for row in ([-7.0, 0.0], [0.0, 1.0], [0.0, 5.0])]
    assert activation_ranges(model, samples) == {"x": (-7.0, 5.0), "y": (-7.0, 5.0)}
