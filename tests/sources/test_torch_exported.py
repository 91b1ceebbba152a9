"""Programs of torch.export as sources."""

import contextlib
import json
import pickle
import shutil
import warnings
import zipfile

import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources import load_source

torch = pytest.importorskip("torch", reason="PyTorch, an optional extra, is not installed")

HEADS = [
    {"kind": "valence_arousal", "name": "valence_arousal"},
    {"kind": "expression", "name": "expression", "labels": ["a", "b", "c"], "activation": "logits"},
]


@pytest.fixture
def export(torch_folder, trained):
    def export(*, name="net.pt2", batch=1, shape=(3, 12, 10), free=(), kind="dict", train=False):
        net = trained(torch_folder, kind=kind).train(train)
        dims = dict.fromkeys(free, torch.export.Dim.AUTO)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(net, (torch.zeros(batch, *shape),), dynamic_shapes=(dims or None,))
            torch.export.save(program, torch_folder / name)
        return torch_folder / name

    return export


@pytest.fixture
def load(spec_of, torch_folder):
    def load(name="net.pt2", heads=HEADS, contract=()):
        return load_source(
            spec_of(exported=name, heads=heads, contract={"layout": "nchw", **dict(contract)}), torch_folder
        )

    return load


@pytest.fixture
def pictures(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("options", [{}, {"batch": 2, "free": (0,)}, {"kind": "tuple"}])
def test_answers_are_those_of_the_module(export, load, torch_folder, trained, pictures, options):
    export(**options)
    source = load()
    with torch.inference_mode():
        expected = trained(torch_folder)(torch.from_numpy(pictures))
    answers = source.predict(pictures)
    for name, tensor in expected.items():
        np.testing.assert_allclose(answers[name], tensor.numpy(), atol=1e-6)
        np.testing.assert_array_equal(source.predict(pictures[7:10])[name], answers[name][7:10])


def test_the_first_layer_with_nan_is_named(export, load, pictures):
    export()
    assert load().first_nonfinite(pictures[:1]) is None
    assert load().first_nonfinite(pictures[:1] * np.inf) == "conv"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch": 4}, "takes batches of 4 only"),
        ({"batch": 2, "free": (2, 3)}, "leaves sizes of its input open|takes batches of 2 only"),
        ({"shape": (3, 20, 20)}, r"takes input \(1, 3, 20, 20\), the spec says"),
        ({"batch": 2, "train": True}, r"batch_norm is in training mode \(fix: call model\.eval\(\)"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_the_reason(export, load, options, said):
    export(**options)
    with pytest.raises(ModelFileError, match=said):
        load()


def test_other_files_of_pytorch_are_refused_with_the_way_round(load, torch_folder):
    shutil.copy(torch_folder / "net.pth", torch_folder / "net.pt2")
    with pytest.raises(ModelFileError, match=r"is a file of torch\.save \(fix: state it as `torch:`"):
        load()
    (torch_folder / "net.pt2").write_bytes(b"hello")
    with pytest.raises(ModelFileError, match="is no file of PyTorch"):
        load()


def changed(path, **parts):
    """Writes the archive anew, with what `parts` make of the content of the files whose names end so."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            for end, change in parts.items():
                data = change(data) if name.endswith(end.replace("__", ".")) else data
            archive.writestr(name, data)


def in_json(change):
    def changed(data):
        content = json.loads(data)
        change(content)
        return json.dumps(content).encode()

    return changed


def evil_target(content):
    content["graph_module"]["graph"]["nodes"][0]["target"] = "torch.serialization.os.system"


def evil_name(content):
    content["graph_module"]["graph"]["nodes"][0]["name"] = "x\n  import os"


def evil_size(content):
    content["graph_module"]["tensor_values"] = {"image": {"as_expr": {"expr_str": "eval(chr(49))"}}}


def evil_weight(content):
    next(iter(content["config"].values()))["use_pickle"] = True


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("models/model__json", in_json(evil_target), r"a call of 'torch\.serialization\.os\.system'"),
        ("models/model__json", in_json(evil_name), "the name "),
        ("models/model__json", in_json(evil_size), r"the size 'eval\(chr\(49\)\)'"),
        ("weights_config__json", in_json(evil_weight), "the pickle weight_0"),
        ("sample_inputs/model__pt", lambda _: pickle.dumps(print), "model.pt inside it holds more than tensors"),
        ("models/model__json", lambda _: b"{", "damaged or cut short"),
    ],
)
def test_what_pytorchs_reader_would_run_is_refused(export, load, file, change, said):
    changed(export(), **{file: change})
    with pytest.raises(ModelFileError, match=said):
        load()


def test_damage_never_gets_past_as_another_error(export, load):
    path = export()
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for turn in range(20):
        data = bytearray(whole)
        if turn % 2:
            data = data[: rng.integers(len(data))]
        else:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        with contextlib.suppress(ModelFileError):  # a flipped bit in a weight or a comment does no harm
            load()
