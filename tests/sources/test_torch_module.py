"""PyTorch modules with state dicts as sources."""

import collections
import os
import pickle

import numpy as np
import pytest

from edgebench.errors import ModelFileError, SpecError
from edgebench.sources import fingerprint, framework, load_source
from edgebench.specs.model import ModelSpec

torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")

HEADS = [
    {"kind": "expression", "name": "expression", "labels": ["a", "b", "c"], "activation": "logits"},
    {"kind": "valence_arousal", "name": "valence_arousal"},
]
AFFECT = [{"kind": "valence_arousal", "name": "va"}]


@pytest.fixture
def spec(spec_of):
    def make(factory="net", state="net.pth", heads=HEADS, contract=(), module="net.py", **options):
        stated = {"module": f"{module}:{factory}", "state_dict": state, "options": options}
        return spec_of(torch=stated, heads=heads, contract={"layout": "nchw", **dict(contract)})

    return make


@pytest.fixture
def load(spec, torch_folder):
    return lambda *args, **keys: load_source(spec(*args, **keys), torch_folder)


@pytest.fixture
def pictures(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def answers_of(net, pictures):
    with torch.inference_mode():
        return {name: tensor.numpy() for name, tensor in net(torch.from_numpy(pictures)).items()}


@pytest.mark.parametrize("kind", ["dict", "tuple"])
def test_answers_are_those_of_the_module_by_name_or_width(load, torch_folder, trained, pictures, kind):
    expected = answers_of(trained(torch_folder), pictures)
    answers = load(kind=kind).predict(pictures)
    for name, values in expected.items():
        np.testing.assert_allclose(answers[name], values, atol=1e-6)


def test_a_sample_gets_the_same_answer_in_any_company(load, pictures):
    source = load()
    whole = source.predict(pictures)
    for part in (slice(0, 1), slice(5, 30), slice(41, 70)):
        for head, values in source.predict(pictures[part]).items():
            np.testing.assert_array_equal(values, whole[head][part])


def test_heads_may_state_the_place_of_their_output(load, torch_folder, trained, pictures):
    torch.save(trained(torch_folder, expressions=2).state_dict(), torch_folder / "two.pth")
    heads = [
        {"kind": "valence_arousal", "name": "va", "output": 1},
        {"kind": "expression", "name": "e", "labels": ["a", "b"], "activation": "logits", "output": 0},
    ]
    answers = load(state="two.pth", heads=heads, kind="tuple", expressions=2).predict(pictures)
    expected = answers_of(trained(torch_folder, expressions=2), pictures)
    np.testing.assert_allclose(answers["va"], expected["valence_arousal"], atol=1e-6)
    np.testing.assert_allclose(answers["e"], expected["expression"], atol=1e-6)


def test_an_output_that_no_head_names_is_left_out(load, torch_folder, trained, pictures):
    heads = [{"kind": "valence_arousal", "name": "va", "output": "valence_arousal"}]
    source = load(heads=heads)
    assert source.left_out == ("expression 3",)
    expected = answers_of(trained(torch_folder), pictures)
    np.testing.assert_allclose(source.predict(pictures)["va"], expected["valence_arousal"], atol=1e-6)


def test_random_weights_are_the_same_each_time(load, spec, pictures):
    first, second = (load("single", "random", AFFECT).predict(pictures)["va"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert spec("single", "random").has_random_weights


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict"])
def test_the_state_dict_of_a_parallel_training_is_found_in_its_checkpoint(load, torch_folder, pictures, key):
    state = torch.load(torch_folder / "net.pth", weights_only=True)
    parallel = {key: {f"module.{name}": tensor for name, tensor in state.items()}, "epoch": 3}
    torch.save(parallel, torch_folder / "checkpoint.pth")
    expected = load().predict(pictures)["expression"]
    np.testing.assert_array_equal(load(state="checkpoint.pth").predict(pictures)["expression"], expected)


def test_a_state_dict_of_before_2020_is_read(load, torch_folder, pictures):
    state = torch.load(torch_folder / "net.pth", weights_only=True)
    torch.save(state, torch_folder / "old.pth", _use_new_zipfile_serialization=False)
    expected = load().predict(pictures)["expression"]
    np.testing.assert_array_equal(load(state="old.pth").predict(pictures)["expression"], expected)


def test_code_in_place_of_weights_is_named_and_not_run(load, torch_folder):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(torch_folder / "was_run"),)

    torch.save({"conv.weight": Evil()}, torch_folder / "evil.pth")
    with pytest.raises(ModelFileError, match=r"evil\.pth: holds (posix|nt)\.mkdir, which is code and not weights"):
        load(state="evil.pth")
    for protocol in (2, 4):
        (torch_folder / "plain.pth").write_bytes(pickle.dumps(Evil(), protocol))
        with pytest.raises(ModelFileError, match=r"plain\.pth: holds (posix|nt)\.mkdir, which is code and not weights"):
            load(state="plain.pth")
    assert not (torch_folder / "was_run").exists()


def test_no_advice_to_trust_a_file_is_passed_on(load, torch_folder):
    (torch_folder / "odd.pth").write_bytes(pickle.dumps([1, 2], 4))
    with pytest.raises(ModelFileError) as caught:
        load(state="odd.pth")
    assert "weights_only" not in str(caught.value)


def test_a_whole_pickled_net_is_refused_with_the_way_round(load, torch_folder):
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), torch_folder / "whole.pth")
    with pytest.raises(ModelFileError, match=r"holds torch\.nn\.modules.*Sequential, which is code.*state_dict\(\)"):
        load(state="whole.pth")


def test_a_torchscript_archive_is_refused_by_name(load, torch_folder):
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), torch_folder / "script.pt")
    with pytest.raises(ModelFileError, match=r"is a TorchScript archive \(fix: save the state dict"):
        load(state="script.pt")


def test_keys_and_shapes_that_do_not_fit_are_named(load, torch_folder):
    state = collections.OrderedDict(torch.load(torch_folder / "net.pth", weights_only=True))
    state["extra.bias"] = torch.zeros(1)
    del state["conv.bias"], state["norm.weight"]
    torch.save(state, torch_folder / "other.pth")
    with pytest.raises(ModelFileError, match=r"lacks conv\.bias, norm\.weight; holds extra\.bias, which the net does"):
        load(state="other.pth")
    with pytest.raises(ModelFileError, match=r"tops\.expression\.\w+ is \(3.*, the net has \(5"):
        load(expressions=5)


def test_weights_with_nan_are_refused(load, torch_folder):
    state = torch.load(torch_folder / "net.pth", weights_only=True)
    state["conv.weight"][0, 0, 0, 0] = float("nan")
    torch.save(state, torch_folder / "nan.pth")
    with pytest.raises(ModelFileError, match=r"nan\.pth: conv\.weight holds NaN or infinity"):
        load(state="nan.pth")


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is empty"), (b"hello", "cannot be read"), (b"PK\x03\x04" + bytes(99), "damaged or cut short")],
)
def test_another_file_is_refused(load, torch_folder, data, said):
    (torch_folder / "bad.pth").write_bytes(data)
    with pytest.raises(ModelFileError, match=rf"bad\.pth: .*{said}"):
        load(state="bad.pth")


def test_weights_that_are_not_what_was_saved_are_refused(load, torch_folder):
    saved = bytearray((torch_folder / "net.pth").read_bytes())
    weight = torch.load(torch_folder / "net.pth", weights_only=True)["conv.weight"].numpy().tobytes()
    saved[saved.index(weight)] ^= 1
    (torch_folder / "flipped.pth").write_bytes(saved)
    with pytest.raises(ModelFileError, match=r"flipped\.pth: .*data/\d+ inside it is damaged \(fix: fetch or save"):
        load(state="flipped.pth")


def test_what_is_no_state_dict_is_refused(load, torch_folder):
    for content in ([1, 2], {"epoch": 3}, {}, torch.zeros(3)):
        torch.save(content, torch_folder / "list.pth")
        with pytest.raises(ModelFileError, match="holds no state dict of tensors alone"):
            load(state="list.pth")


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("absent", r"net\.py: has no factory 'absent'"),
        ("fails", r"the factory 'fails' raised \(KeyError: 'layers'\)"),
        ("no_net", r"net\.py:no_net: returned int, not a torch\.nn\.Module"),
        ("text", r"answers str, which is no tensor"),
    ],
)
def test_a_factory_that_gives_no_net_is_refused(load, factory, said):
    with pytest.raises(ModelFileError, match=said):
        load(factory, "random")


def test_wrong_options_are_the_factorys_to_refuse(load):
    with pytest.raises(ModelFileError, match=r"raised \(TypeError: .*unexpected keyword argument 'depth'"):
        load(depth=3)


@pytest.mark.parametrize("contract", [{"layout": "nhwc"}, {"color": "gray", "range": (0, 1)}])
def test_a_tensor_that_the_net_does_not_take_names_the_layout(load, contract):
    with pytest.raises(ModelFileError, match=r"does not take 1x.* \(nets of PyTorch take nchw, as a rule\)|nchw"):
        load(contract=contract)


def test_a_label_list_of_the_wrong_length_is_refused(load):
    with pytest.raises(ModelFileError, match="answers output 2, the spec has heads expression 3, valence_arousal 2"):
        load("single", "random")


def test_the_first_layer_with_nan_is_named(load, pictures):
    source = load()
    assert source.first_nonfinite(pictures[:1]) is None
    with torch.no_grad():
        source.model.net.norm.weight[0] = float("inf")
    assert source.first_nonfinite(pictures[:1]) == "norm"


def test_the_fingerprint_follows_code_weights_and_options(spec, torch_folder):
    def found(**keys):
        return fingerprint(spec(**keys), torch_folder)

    first = found()
    assert first == found() != found(kind="tuple")
    (torch_folder / "net.py").write_text((torch_folder / "net.py").read_text() + "\n# another\n")
    assert (second := found()) != first
    (torch_folder / "net.pth").write_bytes(b"other")
    assert found() != second


def test_a_zoo_net_of_pytorch_is_loaded_from_a_state_dict_or_random(tmp_path, monkeypatch):
    from edgebench.zoo import ulloa

    small = "edgebench_test_small_net"
    (tmp_path / f"{small}.py").write_text(
        "from torch import nn\n"
        "def small(outputs=2): return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, outputs))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(ulloa.NETS, "ulloa_vgg11_bn", f"{small}:small")
    spec = ModelSpec(
        name="net",
        source={"architecture": "ulloa_vgg11_bn", "weights": "random"},
        input={"size": (32, 32), "range": (-1, 1), "layout": "nchw"},
        heads=AFFECT,
    )
    assert framework(spec) == "torch"
    source = load_source(spec, tmp_path)
    image = np.ones((2, 3, 32, 32), np.float32)
    expected = source.predict(image)["va"]
    torch.save(source.model.net.state_dict(), tmp_path / "w.pth")
    stated = spec.model_copy(update={"source": spec.source.model_copy(update={"weights": "w.pth"})})
    np.testing.assert_array_equal(load_source(stated, tmp_path).predict(image)["va"], expected)
    nhwc = spec.model_copy(update={"input": spec.input.model_copy(update={"layout": "nhwc"})})
    with pytest.raises(SpecError, match="takes nchw input of three channels"):
        load_source(nhwc, tmp_path)
