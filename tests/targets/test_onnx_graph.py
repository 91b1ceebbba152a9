import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebench.targets.onnx_graph import Probe, canonical, first_nonfinite, operators, read, write
from edgebench.targets.precision import count


def model_of(nodes, constants=None, *, outputs=("y",), shape=(None,)):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", *outputs)]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "g", values[:1], values[1:], tensors)
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type}__{40 + index}"
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


KERNEL = np.ones((1, 1, 1, 1), np.float32)
SCALE, ZERO = np.float32(0.1), np.int8(0)
CONSTANTS = {"w": KERNEL, "qw": KERNEL.astype(np.int8), "s": SCALE, "z": ZERO}
TO_INT8 = [("QuantizeLinear", ["x", "s", "z"], ["qx"]), ("DequantizeLinear", ["qx", "s", "z"], ["dx"])]
WEIGHT = ("DequantizeLinear", ["qw", "s", "z"], ["dw"])
END = [("QuantizeLinear", ["c", "s", "z"], ["qc"]), ("DequantizeLinear", ["qc", "s", "z"], ["y"])]


def executed_types(nodes):
    return dict(operators(model_of(nodes, CONSTANTS, shape=[1, 1, 2, 2])))


def test_a_convolution_between_quantized_tensors_is_int8():
    assert executed_types([*TO_INT8, WEIGHT, ("Conv", ["dx", "dw"], ["c"]), *END])["QLinearConv"] == "int8"


@pytest.mark.parametrize(
    "nodes",
    [
        [WEIGHT, ("Conv", ["x", "dw"], ["y"])],
        [*TO_INT8, WEIGHT, ("Conv", ["dx", "dw"], ["y"])],
        [("Conv", ["x", "w"], ["c"]), ("Relu", ["c"], ["y"])],
    ],
    ids=["weights-only", "float-output", "float"],
)
def test_what_the_runtime_computes_in_float_is_not_int8(nodes):
    types = executed_types(nodes)
    assert set(types.values()) == {"fp32"}
    assert {"Conv", "FusedConv"} & set(types)


def test_pooling_and_reshaping_bytes_is_int8():
    nodes = [*TO_INT8, ("MaxPool", ["dx"], ["p"]), ("QuantizeLinear", ["p", "s", "z"], ["qp"])]
    flat = [("DequantizeLinear", ["qp", "s", "z"], ["dp"]), ("Flatten", ["dp"], ["c"]), *END]
    pool = helper.make_attribute("kernel_shape", [2, 2])
    model = model_of([*nodes, *flat], CONSTANTS, shape=[1, 1, 2, 2])
    next(node for node in model.graph.node if node.op_type == "MaxPool").attribute.append(pool)
    del model.graph.output[0].type.tensor_type.shape.dim[2:]
    types = dict(operators(model))
    assert (types["MaxPool"], types["Flatten"]) == ("int8", "int8")


def test_shapes_are_neither_int8_nor_float():
    counted = count([("Shape", "other"), ("Conv", "int8"), ("Tanh", "fp32"), ("Mul", "fp16")], frozenset({"Conv"}))
    assert (counted.total, counted.int8, counted.float) == (4, 1, 2)


def test_a_canonical_model_does_not_show_the_session():
    def made(counter):
        nodes = [("Add", ["x", f"c__{counter}"], [f"a__{counter}:0"]), ("Relu", [f"a__{counter}:0"], ["y"])]
        model = model_of(nodes, {f"c__{counter}": np.float32(1)})
        for node in model.graph.node:
            node.name = f"layer/{node.op_type}__{counter}"
        canonical(model)
        return model.SerializeToString(deterministic=True)

    assert made(17) == made(4711)
    assert b"4711" not in made(4711)


def test_the_order_of_a_canonical_model_is_that_of_what_is_computed():
    nodes = [("Relu", ["x"], ["a"]), ("Neg", ["x"], ["b"]), ("Exp", ["b"], ["c"]), ("Add", ["a", "c"], ["y"])]
    written = set()
    for numbers in ((0, 1, 2, 3), (1, 0, 2, 3), (1, 2, 0, 3)):
        model = model_of([nodes[number] for number in numbers])
        canonical(model)
        written.add(model.SerializeToString(deterministic=True))
    assert len(written) == 1
    model = onnx.load_from_string(written.pop())
    assert [node.name for node in model.graph.node] == ["Relu__0", "Neg__0", "Exp__0", "Add__0"]
    assert dict(Probe(model, ["y"]).run(np.array([0], np.float32)))["y"] == 1


def test_what_a_branch_takes_from_outside_comes_before_it():
    float_y = helper.make_tensor_value_info("branch", TensorProto.FLOAT, (None,))
    branches = [
        helper.make_graph([helper.make_node(kind, ["a"], ["branch"])], kind, [], [float_y]) for kind in ("Relu", "Neg")
    ]
    node = helper.make_node("If", ["true"], ["y"], name="if__9", then_branch=branches[0], else_branch=branches[1])
    model = model_of([("Exp", ["x"], ["a"])], {"true": np.bool_(True)})
    model.graph.node.insert(0, node)
    canonical(model)
    assert [node.op_type for node in model.graph.node] == ["Exp", "If"]
    assert dict(Probe(model, ["y"]).run(np.array([0], np.float32)))["y"] == 1


def test_a_canonical_model_keeps_inputs_outputs_and_meaning():
    model = model_of([("Add", ["x", "c"], ["a"]), ("Mul", ["a", "c"], ["y"])], {"c": np.float32(3)})
    canonical(model)
    assert ([v.name for v in model.graph.input], [v.name for v in model.graph.output]) == (["x"], ["y"])
    assert dict(Probe(model, ["y"]).run(np.array([2], np.float32)))["y"] == 15


def test_writing_leaves_no_trace_of_the_producer(tmp_path):
    written = []
    for name in ("one", "two"):
        model = model_of([("Relu", ["x"], ["y"])])
        model.producer_name = model.doc_string = model.graph.name = model.graph.node[0].doc_string = name
        model.metadata_props.add(key=name, value=name)
        write(model, tmp_path / name)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert read(tmp_path / "one").producer_name == "edgebench"


def test_a_probe_answers_the_input_then_every_result():
    model = model_of([("Add", ["x", "x"], ["a"]), ("Relu", ["a"], ["y"])])
    answers = [(name, values.tolist()) for name, values in Probe(model).run(np.array([-1, 2], np.float32))]
    assert answers == [("x", [-1, 2]), ("a", [-2, 4]), ("y", [0, 4])]


def test_the_first_nonfinite_tensor_is_named():
    model = model_of([("Relu", ["x"], ["r"]), ("Div", ["r", "r"], ["d"]), ("Exp", ["d"], ["y"])])
    assert first_nonfinite(model, np.array([1.0], np.float32)) is None
    assert first_nonfinite(model, np.array([0.0], np.float32)) == "d"
    assert first_nonfinite(model, np.array([np.inf], np.float32)) == "x"


def test_reading_refuses_what_parses_but_is_no_model(tmp_path):
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(onnx.checker.ValidationError):
        read(tmp_path / "empty.onnx")
