"""The input contract, heads, sources and their files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgebench.digests import sha256_json
from edgebench.errors import SpecError
from edgebench.specs.catalog import load_model
from edgebench.specs.model import InputContract, ModelSpec, ValenceArousalHead
from edgebench.specs.source import KerasSource, ZooSource

HEAD = {"kind": "expression", "name": "e", "labels": ["a", "b"]}


def model(**changes) -> ModelSpec:
    given = {
        "name": "net",
        "source": {"architecture": "a", "weights": "random"},
        "input": {"size": (8, 8), "range": (-1, 1)},
        "heads": [HEAD],
    }
    return ModelSpec.model_validate(given | changes)


def to_float(contract: InputContract, pixel: int) -> np.ndarray:
    affine = contract.affine()
    return pixel * np.array(affine["scale"]) + np.array(affine["offset"])


@given(st.floats(-10, 9), st.floats(0.01, 10))
def test_a_range_says_what_black_and_white_become(low, width):
    contract = InputContract(size=(8, 8), range=(low, low + width))
    assert to_float(contract, 0) == pytest.approx([low] * 3)
    assert to_float(contract, 255) == pytest.approx([low + width] * 3)


def test_mean_and_deviation_are_applied_to_pixels_counted_0_to_1():
    # The constants of ImageNet, as every framework applies them: (x / 255 - mean) / std.
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    contract = InputContract(size=(8, 8), mean=mean, std=std)
    assert to_float(contract, 100) == pytest.approx((100 / 255 - np.array(mean)) / np.array(std))


def test_a_gray_contract_has_one_channel():
    contract = InputContract(size=(8, 8), color="gray", range=(0, 1))
    assert (contract.channels, contract.affine()["scale"]) == (1, [1 / 255])


def test_contracts_of_one_geometry_share_their_images():
    a = InputContract(size=(8, 8), range=(0, 1))
    assert a.geometry() == InputContract(size=(8, 8), range=(-1, 1), layout="nchw").geometry()
    assert a.geometry() != InputContract(size=(8, 9), range=(0, 1)).geometry()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "state either"),
        ({"range": (0, 1), "mean": (0, 0, 0), "std": (1, 1, 1)}, "state either"),
        ({"mean": (0, 0, 0)}, "state either"),
        ({"range": (1, 1)}, "must rise"),
        ({"mean": (0.5,), "std": (0.5,)}, r"`mean` needs 3 value\(s\)"),
        ({"mean": (0, 0, 0), "std": (1, 1, 0)}, "must be positive"),
    ],
)
def test_a_contract_states_one_affine_step(given, said):
    with pytest.raises(ValidationError, match=said):
        InputContract(size=(8, 8), **given)


def test_heads_have_the_width_of_what_they_answer():
    spec = model(heads=[HEAD, {"kind": "valence_arousal", "name": "va"}])
    assert [head.width for head in spec.heads] == [2, 2]
    assert spec.class_head == spec.heads[0]


def test_a_model_may_have_no_head_of_classes():
    assert model(heads=[{"kind": "valence_arousal", "name": "va"}]).class_head is None


def test_two_heads_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="two heads share a name"):
        model(heads=[HEAD, HEAD])


def test_two_heads_of_one_kind_are_refused():
    with pytest.raises(ValidationError, match="two heads are of one kind"):
        model(heads=[HEAD, HEAD | {"name": "other"}])


@pytest.mark.parametrize("name", ["", "_a", "a b", "a/b", "a\n", "ä", "a" * 101, ".a"])
def test_a_name_is_fit_for_files_and_reports(name):
    with pytest.raises(ValidationError, match="name"):
        model(name=name)


def test_a_source_is_told_by_its_keys():
    assert isinstance(model(source={"keras": "net.keras"}).source, KerasSource)
    assert isinstance(model().source, ZooSource)
    assert model(source=KerasSource(keras="net.keras")).source.file == "net.keras"


def test_random_weights_have_no_file():
    assert model().has_random_weights
    assert model().missing_file() is None
    assert not model(source={"keras": "net.keras"}).has_random_weights


def test_a_contract_is_known_by_all_that_it_states():
    contract = InputContract(size=(8, 8), range=(0, 1))
    assert contract.sha256 == InputContract(size=(8, 8), range=(0.0, 1.0), color="rgb").sha256
    assert contract.sha256 == sha256_json(contract.model_dump(mode="json"))
    changes = ({"size": (8, 9)}, {"range": (-1.0, 1.0)}, {"layout": "nchw"}, {"crop": "face_box"}, {"margin": 0.1})
    assert len({contract.sha256, *(contract.model_copy(update=change).sha256 for change in changes)}) == 6


def test_a_file_is_relative_to_the_spec_that_states_it(write, model_text, tmp_path):
    weights = write("bases/weights/net.weights.h5", "")
    write("bases/_base.yaml", model_text.replace("weights: random", "weights: weights/net.weights.h5"))
    write("nets/net.yaml", "include: ../bases/_base.yaml\n")
    spec = load_model("net", [tmp_path / "nets"])
    assert spec.source_file().samefile(weights)
    assert (spec.folder / spec.source.file).samefile(weights)


@pytest.mark.parametrize("name", ["gone.keras", "x" * 5000, "."])
def test_a_missing_file_is_refused_by_the_line_that_states_it(write, model_text, tmp_path, name):
    source = "source:\n  architecture: mobilenet_v1\n  options: {alpha: 0.5}\n  weights: random\n"
    path = write("net.yaml", model_text.replace(source, f"source:\n  keras: {name}\n"))
    with pytest.raises(SpecError) as caught:
        load_model("net", [tmp_path]).source_file()
    assert str(caught.value).startswith(f"{path}:3: source.keras: no such file: ")


def test_a_spec_built_in_python_names_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r"^net:1: source.keras: no such file"):
        model(source={"keras": "gone.keras"}).source_file()


@pytest.mark.parametrize("name", ["file", "allow_pickle", "a b", "", "../up", "naïve"])
def test_a_head_has_a_name_that_outputs_can_be_kept_under(name):
    with pytest.raises(ValidationError, match=r"head cannot be called|match pattern"):
        ValenceArousalHead(kind="valence_arousal", name=name)


@pytest.mark.parametrize("name", ["expression", "serving_default:0", "tower/logits", "files"])
def test_names_of_other_frameworks_serve_for_heads(name):
    assert ValenceArousalHead(kind="valence_arousal", name=name).name == name
