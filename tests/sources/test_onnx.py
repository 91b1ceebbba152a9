"""ONNX files as sources."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgebench.errors import ModelFileError
from edgebench.sources import fingerprint, load_source
from edgebench.sources.onnx_outputs import keep_outputs

NCHW = {"layout": "nchw"}


@pytest.fixture
def pictures(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


@pytest.fixture
def load(spec_of, tmp_path):
    def load(model, **options):
        onnx.save(model, tmp_path / "net.onnx", **options.pop("saved", {}))
        return load_source(spec_of(onnx="net.onnx", **({"contract": NCHW} | options)), tmp_path)

    return load


def runtime(model, pictures):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["expression", "valence_arousal"], {"image": pictures})


@pytest.mark.parametrize("batch", ["batch", 1])
def test_answers_are_those_of_onnxruntime(onnx_net, load, pictures, batch):
    model = onnx_net(shape=(batch, 3, 12, 10))
    source = load(model)
    answers = source.predict(pictures)
    expected = [np.concatenate(each) for each in zip(*(runtime(model, p[None]) for p in pictures), strict=True)]
    np.testing.assert_allclose(answers["expression"], expected[0], atol=1e-6)
    np.testing.assert_allclose(answers["valence_arousal"], expected[1], atol=1e-6)
    np.testing.assert_array_equal(source.predict(pictures[5:9])["expression"], answers["expression"][5:9])


def test_heads_may_state_their_outputs(onnx_net, load, pictures):
    heads = [
        {"kind": "expression", "name": "yes_no", "labels": ["y", "n"], "output": 1},
        {"kind": "valence_arousal", "name": "va", "output": 0},
    ]
    model = onnx_net((("a", 2), ("b", 2)))
    answers = load(model, heads=heads).predict(pictures)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(["a", "b"], {"image": pictures})
    np.testing.assert_allclose(answers["va"], expected[0], atol=1e-6)
    np.testing.assert_allclose(answers["yes_no"], expected[1], atol=1e-6)


def test_outputs_that_no_head_names_are_cut_off_with_their_weights(onnx_net, load, pictures):
    model = onnx_net((("age", 1), ("valence_arousal", 2), ("expression", 3)))
    source = load(model)
    assert source.left_out == ("age 1",)
    assert [value.name for value in source.model.graph.output] == ["valence_arousal", "expression"]
    assert "age_weights" not in {tensor.name for tensor in source.model.graph.initializer}
    assert len(source.model.graph.node) == len(model.graph.node) - 1
    expected = [np.concatenate(each) for each in zip(*(runtime(model, p[None]) for p in pictures), strict=True)]
    np.testing.assert_allclose(source.predict(pictures)["expression"], expected[0], atol=1e-6)


def test_what_a_branch_reads_from_outside_stays(onnx_net):
    model = onnx_net((("kept", 3), ("gone", 2)))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "always"))
    exit_ = helper.make_tensor_value_info("inner", TensorProto.FLOAT, ["batch", 2])
    branch = helper.make_graph([helper.make_node("Relu", ["gone"], ["inner"])], "branch", [], [exit_])
    model.graph.node.append(helper.make_node("If", ["always"], ["end"], then_branch=branch, else_branch=branch))
    model.graph.output.append(helper.make_tensor_value_info("end", TensorProto.FLOAT, ["batch", 2]))
    keep_outputs(model, ["end"])
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == [
        *("Conv", "Relu", "GlobalAveragePool", "Flatten", "MatMul", "If")
    ]
    assert {tensor.name for tensor in model.graph.initializer} == {"kernel", "bias", "gone_weights", "always"}


def test_a_net_in_nhwc_is_taken(load, images):
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["image"], ["flat"]), helper.make_node("Slice", ["flat", "a", "b", "c"], ["va"])],
        "net",
        [helper.make_tensor_value_info("image", 1, ["n", 12, 10, 3])],
        [helper.make_tensor_value_info("va", 1, ["n", 2])],
        [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("a", 0), ("b", 2), ("c", 1))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    answers = load(model, contract={}, heads=[{"kind": "valence_arousal", "name": "va"}]).predict(images)
    np.testing.assert_array_equal(answers["va"], images[:, 0, 0, :2])


def test_weights_listed_as_inputs_are_no_inputs(onnx_net, load, pictures):
    model = onnx_net()
    expected = runtime(model, pictures)[0]
    model.graph.input.extend(helper.make_tensor_value_info(w.name, 1, w.dims) for w in model.graph.initializer)
    np.testing.assert_allclose(load(model).predict(pictures)["expression"], expected, atol=1e-6)


EXTERNAL = {"save_as_external_data": True, "location": "net.data", "size_threshold": 0}


def test_external_data_beside_the_file_are_taken_and_told_apart(onnx_net, spec_of, load, pictures, tmp_path):
    model = onnx_net()
    expected = runtime(model, pictures)[0]
    source = load(model, saved=EXTERNAL)
    np.testing.assert_allclose(source.predict(pictures)["expression"], expected, atol=1e-6)
    spec = spec_of(onnx="net.onnx", contract=NCHW)
    before = fingerprint(spec, tmp_path)
    (tmp_path / "unrelated.txt").write_text("nothing of the model's")
    assert fingerprint(spec, tmp_path) == before
    data = bytearray((tmp_path / "net.data").read_bytes())
    data[0] ^= 1
    (tmp_path / "net.data").write_bytes(data)
    assert fingerprint(spec, tmp_path) != before


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "sub/net.data", "..", "", "link", "gone"])
def test_external_data_elsewhere_are_refused(onnx_net, spec_of, tmp_path, location):
    (tmp_path.parent / "secret").write_bytes(bytes(1000))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/net.data").write_bytes(bytes(1000))
    (tmp_path / "link").symlink_to(tmp_path.parent / "secret")
    model = onnx_net()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match=r"keeps kernel in .*(outside its folder|is not there)"):
        load_source(spec_of(onnx="net.onnx", contract=NCHW), tmp_path)


def test_what_breaks_the_contract_is_refused_with_the_reason(onnx_net, load):
    for shape, said in (
        (("n", 3, "h", "w"), "leaves sizes of its input open"),
        (("n", 1, 12, 10), r"takes input \(None, 1, 12, 10\)|takes input"),
        ((8, 3, 12, 10), "takes batches of 8 only"),
    ):
        with pytest.raises(ModelFileError, match=said):
            load(onnx_net(shape=shape))


def test_text_input_and_several_inputs_are_refused(onnx_net, load):
    shape = ["n", 3, 12, 10]
    text = onnx_net()
    text.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    with pytest.raises(ModelFileError, match="takes string, not float32"):
        load(text)
    several = onnx_net()
    several.graph.input.append(helper.make_tensor_value_info("other", 1, shape))
    with pytest.raises(ModelFileError, match="has 2 inputs, not one"):
        load(several)


def test_a_label_list_of_the_wrong_length_is_refused(onnx_net, load):
    heads = [{"kind": "expression", "name": "expression", "labels": ["a", "b"]}]
    with pytest.raises(ModelFileError, match="answers expression 3, the spec has heads expression 2"):
        load(onnx_net((("expression", 3),)), heads=heads)


def test_weights_with_nan_are_refused(onnx_net, load):
    model = onnx_net()
    model.graph.initializer[0].raw_data = np.full((4, 3, 3, 3), np.nan, np.float32).tobytes()
    with pytest.raises(ModelFileError, match="kernel holds NaN or infinity"):
        load(model)


def test_an_unknown_operator_is_refused_by_name(onnx_net, load):
    model = onnx_net()
    model.graph.node[1].domain, model.graph.node[1].op_type = "acme", "Sparkle"
    model.opset_import.append(helper.make_opsetid("acme", 1))
    with pytest.raises(ModelFileError, match=r"onnxruntime does not run it \(.*Sparkle"):
        load(model)


@pytest.mark.parametrize("data", [b"hello", bytes(1000)])
def test_another_file_is_refused(spec_of, tmp_path, data):
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match=r"net\.onnx: cannot be read as an ONNX model"):
        load_source(spec_of(onnx="net.onnx", contract=NCHW), tmp_path)
