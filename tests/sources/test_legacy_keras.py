"""Whole Keras models in .h5 files, those of 2017 as well."""

import json
import os
import pickle

import h5py
import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources import load_source


@pytest.fixture
def load(spec_of, tmp_path):
    return lambda **options: load_source(spec_of(keras="net.h5", **options), tmp_path)


@pytest.fixture
def save(tmp_path):
    """Saves by tf-keras, as files of Keras 2 were, its configuration changed where asked for."""

    def save(layers, change=lambda text: text):
        import tf_keras

        x = image = tf_keras.Input((12, 10, 3), name="image")
        for layer in layers(tf_keras.layers):
            x = layer(x)
        x = tf_keras.layers.GlobalAveragePooling2D()(x)
        outputs = [tf_keras.layers.Dense(width, name=name)(x) for name, width in (("e", 3), ("va", 2))]
        model = tf_keras.Model(image, outputs)
        path = tmp_path / "net.h5"
        model.save(path, save_format="h5")
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = change(file.attrs["model_config"])
        return model

    return save


def convolution(layers):
    return [layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(name="norm")]


def depthwise(layers):
    return [layers.DepthwiseConv2D(3, name="depthwise"), layers.ReLU(6.0)]


def assert_same(answers, model, images):
    expression, affect = model(images, training=False)
    np.testing.assert_allclose(answers["expression"], expression, atol=1e-6)
    np.testing.assert_allclose(answers["valence_arousal"], affect, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_a_file_of_keras_3_is_taken(small_net, load, images, tmp_path):
    model = small_net()
    model.save(tmp_path / "net.h5")
    source = load()
    assert source.framework == "keras-h5"
    assert type(source.model).__module__.startswith("keras.")
    assert_same(source.predict(images), model, images)


@pytest.mark.filterwarnings("ignore")
def test_what_keras_3_fails_on_is_read_by_tf_keras(save, load, images):
    model = save(depthwise)
    source = load()
    assert type(source.model).__module__.startswith("tf_keras.")
    assert_same(source.predict(images), model, images)
    assert source.first_nonfinite(images[:1]) is None


@pytest.mark.filterwarnings("ignore")
def test_the_relu6_of_old_mobilenets_is_known(save, load, images):
    def old(text):
        config = json.loads(text)
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "ReLU":
                layer["class_name"] = "Activation"
                layer["config"] = {"name": layer["config"]["name"], "activation": "relu6"}
        return json.dumps(config)

    model = save(depthwise, old)
    assert_same(load().predict(images), model, images)


@pytest.mark.filterwarnings("ignore")
def test_a_lambda_is_refused_before_it_runs(save, load, tmp_path):
    mark = str(tmp_path / "ran")
    save(lambda layers: [layers.Lambda(lambda x: (open(mark, "a").close(), x)[1], name="sly")])
    os.remove(mark)
    with pytest.raises(ModelFileError, match="layer 'sly' is a Lambda, Python code stored in the file"):
        load()
    assert not os.path.exists(mark)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "taken"), [("math.multiply", True), ("io.write_file", False)])
def test_functions_of_tensorflow_are_taken_where_they_are_arithmetic(save, load, images, function, taken):
    def named(text):
        return text.replace('"math.multiply"', f'"{function}"')

    model = save(lambda layers: [lambda x: x * 0.5], named)
    if taken:
        assert_same(load().predict(images), model, images)
    else:
        with pytest.raises(ModelFileError, match=r"calls 'io\.write_file' of TensorFlow"):
            load()


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_layer_is_named(save, load):
    save(convolution, lambda text: text.replace('"class_name": "Conv2D"', '"class_name": "Sparkle"'))
    with pytest.raises(ModelFileError, match=r"neither Keras 3 .* nor tf-keras can read it .*Sparkle"):
        load()


@pytest.mark.filterwarnings("ignore")
def test_weights_alone_are_refused(small_net, load, tmp_path):
    small_net().save_weights(tmp_path / "net.weights.h5")
    (tmp_path / "net.weights.h5").rename(tmp_path / "net.h5")
    with pytest.raises(ModelFileError, match="holds weights alone, without the net"):
        load()


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "empty"), (b"hello", "no HDF5 file"), (b"PK\x03\x04rest", "a zip archive")]
)
def test_other_files_are_refused_by_what_they_are(load, tmp_path, data, said):
    (tmp_path / "net.h5").write_bytes(data)
    with pytest.raises(ModelFileError, match=rf"net\.h5: is {said}"):
        load()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ["net.h5", "net.keras", "net.weights.h5"])
def test_a_pickle_is_refused_unopened(spec_of, zoo_spec, tmp_path, name, protocol):
    (tmp_path / name).write_bytes(pickle.dumps({"weights": [1.0]}, protocol))
    spec = zoo_spec(name) if "weights" in name else spec_of(keras=name)
    with pytest.raises(ModelFileError, match="is a Python pickle, which may hold code and is not opened"):
        load_source(spec, tmp_path)
