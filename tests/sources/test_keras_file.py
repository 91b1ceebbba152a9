"""Damaged files answer with ModelFileError, whatever the libraries beneath raise."""

import json
import os
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from edgebench.errors import ModelFileError, SpecError
from edgebench.sources import load_source

TRIALS = 30


@pytest.fixture(scope="module")
def saved(small_net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    model = small_net()
    model.save(folder / "net.keras")
    model.save_weights(folder / "net.weights.h5")
    return folder


@pytest.fixture
def load_weights(small_net, monkeypatch):
    """Loads a weights file into the small net by the same steps as a source does."""
    from edgebench.sources import keras as room
    from edgebench.specs.model import ModelSpec

    def load(path):
        monkeypatch.setattr(room, "build", lambda spec: small_net())
        spec = ModelSpec(
            name="net",
            source={"architecture": "small", "weights": path.name},
            input={"size": (12, 10), "range": (-1, 1)},
            heads=[{"kind": "valence_arousal", "name": "v"}],
        )
        return room.from_zoo(spec, path.parent)

    return load


def cuts(size):
    return sorted({0, 1, 7, 8, 100, size - 1, *np.linspace(9, size - 2, 12).astype(int).tolist()})


def test_a_missing_file_is_named(keras_spec, zoo_spec, tmp_path):
    for spec in (keras_spec("none.keras"), zoo_spec("none.weights.h5")):
        with pytest.raises(SpecError, match=r"source\..*: no such file: .*none\."):
            load_source(spec, tmp_path)


def test_every_truncated_archive_is_refused(saved, keras_spec, tmp_path):
    whole = (saved / "net.keras").read_bytes()
    for length in cuts(len(whole)):
        (tmp_path / "net.keras").write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"net\.keras"):
            load_source(keras_spec(), tmp_path)


def test_every_truncated_weights_file_is_refused(saved, load_weights, tmp_path):
    whole = (saved / "net.weights.h5").read_bytes()
    for length in cuts(len(whole)):
        (tmp_path / "cut.weights.h5").write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut\.weights\.h5"):
            load_weights(tmp_path / "cut.weights.h5")


def flipped(data, rng):
    changed = bytearray(data)
    for position in rng.integers(0, len(data), 3):
        changed[position] ^= int(rng.integers(1, 256))
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
def test_an_archive_with_flipped_bytes_loads_or_is_refused(saved, keras_spec, tmp_path):
    rng, whole = np.random.default_rng(0), (saved / "net.keras").read_bytes()
    refused = 0
    for _ in range(TRIALS):
        (tmp_path / "net.keras").write_bytes(flipped(whole, rng))
        try:
            load_source(keras_spec(), tmp_path)
        except ModelFileError:
            refused += 1
    assert refused > TRIALS // 2


@pytest.mark.filterwarnings("ignore")
def test_weights_with_flipped_bytes_load_or_are_refused(saved, load_weights, tmp_path):
    rng, whole = np.random.default_rng(0), (saved / "net.weights.h5").read_bytes()
    refused = 0
    for _ in range(TRIALS):
        # The first kilobyte holds the structures that everything else hangs on.
        head, rest = whole[:1024], whole[1024:]
        (tmp_path / "bad.weights.h5").write_bytes(flipped(head, rng) + rest)
        try:
            load_weights(tmp_path / "bad.weights.h5")
        except ModelFileError:
            refused += 1
    assert refused > TRIALS // 4


def test_files_of_another_format_are_told_apart(saved, keras_spec, zoo_spec, tmp_path):
    shutil.copy(saved / "net.weights.h5", tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match=r"is an HDF5 file, not a \.keras archive"):
        load_source(keras_spec(), tmp_path)
    shutil.copy(saved / "net.keras", tmp_path / "net.weights.h5")
    with pytest.raises(ModelFileError, match=r"is a whole \.keras model, not weights"):
        load_source(zoo_spec("net.weights.h5"), tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ModelFileError, match=r"is not a \.keras file"):
        load_source(keras_spec("text"), tmp_path)
    with pytest.raises(ModelFileError, match=r"is not a \.weights\.h5 file"):
        load_source(zoo_spec("text"), tmp_path)


def test_another_zip_is_refused(keras_spec, tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ModelFileError, match="the archive is damaged or cut short"):
        load_source(keras_spec(), tmp_path)


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused_unread(keras_spec, tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 60_000_000)
    with pytest.raises(ModelFileError, match=r"config\.json inside it unpacks to 60000000 bytes from"):
        load_source(keras_spec(), tmp_path)


def test_a_lambda_layer_is_refused_by_its_name(keras_spec, tmp_path):
    import keras

    layers = [keras.Input((12, 10, 3)), keras.layers.Lambda(lambda x: x * 2, name="double"), keras.layers.Flatten()]
    keras.Sequential(layers).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match="layer 'double' is a Lambda, Python code stored in the file"):
        load_source(keras_spec(), tmp_path)


def test_a_custom_layer_is_refused_even_where_it_is_registered(keras_spec, tmp_path):
    import keras

    @keras.saving.register_keras_serializable(package="mine")
    class Odd(keras.layers.Layer):
        def call(self, x):
            return x

    keras.Sequential([keras.Input((12, 10, 3)), Odd(name="odd")]).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match=r"layer 'odd' is a Odd of .*, code that edgebench does not have"):
        load_source(keras_spec(), tmp_path)


def test_a_custom_layer_is_named_as_it_was_registered(saved, small_net, keras_spec, tmp_path):
    with zipfile.ZipFile(saved / "net.keras") as old, zipfile.ZipFile(tmp_path / "net.keras", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1] |= {"module": None, "class_name": "Odd", "registered_name": "mine>Odd"}
                content = json.dumps(config).encode()
            new.writestr(name, content)
    with pytest.raises(ModelFileError, match=r"layer 'conv' is the custom object 'mine>Odd', code that"):
        load_source(keras_spec(), tmp_path)

    small_net().save(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"Conv2D"', '"mine>Odd"')
    with pytest.raises(ModelFileError, match=r"layer 'conv' is the custom object 'mine>Odd', code that"):
        load_source(keras_spec("net.h5"), tmp_path)


def test_a_loss_of_the_users_own_is_no_part_of_the_net(small_net, keras_spec, tmp_path):
    import keras

    @keras.saving.register_keras_serializable(package="mine")
    class Odd(keras.losses.Loss):
        def call(self, truth, answer):
            return answer

    model = small_net()
    model.compile(loss=[Odd(), Odd()])
    model.save(tmp_path / "net.keras")
    assert load_source(keras_spec(), tmp_path).left_out == ()


def test_a_suffix_in_capitals_is_one(saved, keras_spec, tmp_path):
    (tmp_path / "NET.KERAS").write_bytes((saved / "net.keras").read_bytes())
    assert load_source(keras_spec("NET.KERAS"), tmp_path).left_out == ()


def test_a_module_that_only_looks_like_keras_is_refused(saved, keras_spec, tmp_path):
    with zipfile.ZipFile(saved / "net.keras") as old, zipfile.ZipFile(tmp_path / "net.keras", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1]["module"] = "kerasy.layers"
                content = json.dumps(config).encode()
            new.writestr(name, content)
    with pytest.raises(ModelFileError, match=r"a Conv2D of kerasy\.layers"):
        load_source(keras_spec(), tmp_path)


def test_a_folder_is_no_file(keras_spec, tmp_path):
    (tmp_path / "net.keras").mkdir()
    with pytest.raises(SpecError, match="no such file"):
        load_source(keras_spec(), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_opened_is_named(keras_spec, tmp_path):
    (tmp_path / "net.keras").touch(mode=0)
    with pytest.raises(ModelFileError, match=r"net\.keras: Permission denied"):
        load_source(keras_spec(), tmp_path)
