import shutil
import subprocess
import sys

import pytest

from edgebench.errors import ModelFileError, SpecError, UnknownName
from edgebench.sources import fingerprint, load_source, size_bytes
from edgebench.sources.opening import recognize
from edgebench.specs.catalog import load_model
from edgebench.zoo import ARCHITECTURES, Architecture, architecture


def test_a_fingerprint_is_stable_and_follows_the_bytes_of_the_file(keras_spec, tmp_path):
    (tmp_path / "net.keras").write_bytes(b"one")
    first = fingerprint(keras_spec(), tmp_path)
    assert fingerprint(keras_spec(), tmp_path) == first
    shutil.copy(tmp_path / "net.keras", tmp_path / "moved.keras")
    assert fingerprint(keras_spec("moved.keras"), tmp_path) == first
    (tmp_path / "net.keras").write_bytes(b"two")
    assert fingerprint(keras_spec(), tmp_path) != first


def test_a_file_replaced_after_its_fingerprint_was_taken_is_refused(small_net, keras_spec, tmp_path):
    small_net().save(tmp_path / "net.keras")
    known = fingerprint(keras_spec(), tmp_path)
    assert load_source(keras_spec(), tmp_path, known_as=known).framework == "keras"
    model = small_net()
    model.get_layer("conv").bias.assign([1, 2, 3, 4])
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match=r"net\.keras: changed while it was in use .*run again"):
        load_source(keras_spec(), tmp_path, known_as=known)


def test_everything_that_makes_another_net_changes_the_fingerprint(zoo_spec, keras_spec, tmp_path, monkeypatch):
    (tmp_path / "a.weights.h5").write_bytes(b"a")
    (tmp_path / "b.weights.h5").write_bytes(b"b")
    spec = zoo_spec("a.weights.h5")
    others = [
        zoo_spec("b.weights.h5"),
        zoo_spec("random"),
        zoo_spec("a.weights.h5", alpha=0.5),
        zoo_spec("a.weights.h5", heads=[{"kind": "valence_arousal", "name": "v"}]),
        keras_spec("a.weights.h5"),
        spec.model_copy(update={"input": spec.input.model_copy(update={"size": (64, 64)})}),
    ]
    prints = [fingerprint(each, tmp_path) for each in (spec, *others)]
    monkeypatch.setitem(ARCHITECTURES, "mobilenet_v1", f"{__name__}:NEXT")
    prints.append(fingerprint(spec, tmp_path))
    assert len(set(prints)) == len(prints)


NEXT = Architecture(build=architecture("mobilenet_v1").build, revision=architecture("mobilenet_v1").revision + 1)


def test_what_does_not_touch_the_net_leaves_the_fingerprint(zoo_spec, tmp_path):
    spec = zoo_spec()
    contract = spec.input.model_copy(update={"range": (0.0, 1.0)})
    same = spec.model_copy(update={"description": "another", "input": contract})
    assert fingerprint(same, tmp_path) == fingerprint(spec, tmp_path)


def test_a_missing_file_has_no_fingerprint(zoo_spec, tmp_path):
    with pytest.raises(SpecError, match=r"net:1: source\.weights: no such file: .*none\.weights\.h5"):
        fingerprint(zoo_spec("none.weights.h5"), tmp_path)


@pytest.mark.parametrize("ask", [fingerprint, load_source])
def test_a_missing_file_is_refused_by_the_line_that_states_it_be_it_in_an_included_file(ask, tmp_path):
    base = tmp_path / "bases" / "_base.yaml"
    base.parent.mkdir()
    base.write_text(
        "input: {size: [32, 32], range: [-1, 1]}\nheads: [{kind: valence_arousal, name: v}]\n"
        "source:\n  architecture: mobilenet_v1\n  weights: gone.weights.h5\n  options: {alpha: 0.04}\n"
    )
    (tmp_path / "net.yaml").write_text("include: bases/_base.yaml\n")
    gone = base.parent / "gone.weights.h5"
    with pytest.raises(SpecError) as caught:
        ask(load_model("net", [tmp_path]))
    assert str(caught.value).startswith(f"{base}:5: source.weights: no such file: {gone};")


def test_an_unknown_architecture_has_no_fingerprint(zoo_spec, tmp_path):
    with pytest.raises(UnknownName, match="mobilenet_v1"):
        fingerprint(zoo_spec(architecture="mobilenet_v9"), tmp_path)


def test_a_fingerprint_loads_no_framework(tmp_path):
    code = """
import sys
from pathlib import Path
from edgebench.sources import fingerprint
from edgebench.specs.model import ModelSpec
fingerprint(ModelSpec(
    name="net", source={"architecture": "mobilenet_v1", "options": {"alpha": 1}, "weights": "random"},
    input={"size": [32, 32], "range": [-1, 1]}, heads=[{"kind": "valence_arousal", "name": "v"}],
), Path())
print({"tensorflow", "keras", "numpy", "h5py"} & set(sys.modules))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"


def test_the_size_of_a_source_is_that_of_its_files_or_what_the_zoo_states(spec_of, tmp_path):
    (tmp_path / "net.onnx").write_bytes(bytes(700))
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "a").write_bytes(bytes(3))
    (tmp_path / "saved" / "b").write_bytes(bytes(4))
    assert size_bytes(spec_of(onnx="net.onnx"), tmp_path) == 700
    assert size_bytes(spec_of(saved_model="saved"), tmp_path) == 7
    assert size_bytes(spec_of(architecture="ulloa_vgg11_bn", weights="random")) == 515_120_136
    assert size_bytes(spec_of(architecture="reyna", weights="random")) == 0


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.onnx", "net.tflite", "net.pt2", "net.pth"])
def test_an_empty_file_is_called_so_whatever_its_kind(keras_spec, tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ModelFileError, match=r"net\.\w+: is empty"):
        load_source(keras_spec(name), tmp_path)
    with pytest.raises(ModelFileError, match=r"net\.\w+: is empty"):
        recognize(tmp_path / name)
