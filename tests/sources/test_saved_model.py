"""SavedModel folders as sources."""

import numpy as np
import pytest
import tensorflow as tf

from edgebench.errors import ModelFileError, SpecError
from edgebench.sources import fingerprint, load_source
from edgebench.sources.facts import draft_of
from edgebench.sources.opening import open_model
from edgebench.specs.draft import source_of

IMAGE = tf.TensorSpec((None, 12, 10, 3), tf.float32, name="image")
VA = [{"kind": "valence_arousal", "name": "valence_arousal"}]


@pytest.fixture
def load(spec_of, tmp_path):
    def load(**options):
        return load_source(spec_of(saved_model="net", **options), tmp_path)

    return load


@pytest.fixture
def save(tmp_path):
    """Saves a function of tensors as the serving signature, or under another name."""

    def save(function, *inputs, name="serving_default", folder="net"):
        module = tf.Module()
        module.gain = tf.Variable(2.0)
        signature = tf.function(lambda *x: function(module.gain, *x)).get_concrete_function(*(inputs or [IMAGE]))
        module.function = signature
        tf.saved_model.save(module, str(tmp_path / folder), signatures={name: signature})
        return module

    return save


def corner(gain, x):
    return {"valence_arousal": gain * x[:, 0, 0, :2]}


def test_answers_are_those_of_the_exported_keras_net(small_net, load, images, tmp_path):
    model = small_net()
    model.export(tmp_path / "net", verbose=False)
    source = load()
    expression, affect = model(images, training=False)
    answers = source.predict(images)
    np.testing.assert_allclose(answers["expression"], expression, atol=1e-6)
    np.testing.assert_allclose(answers["valence_arousal"], affect, atol=1e-6)
    np.testing.assert_array_equal(source.predict(images[:5])["expression"], answers["expression"][:5])
    assert source.first_nonfinite(images[:1]) is None


@pytest.mark.parametrize("batch", [None, 1])
def test_a_signature_is_taken_by_its_name_with_a_free_batch_or_one(save, load, images, batch):
    save(corner, tf.TensorSpec((batch, 12, 10, 3), tf.float32), name="faces")
    answers = load(signature="faces", heads=VA).predict(images)
    np.testing.assert_array_equal(answers["valence_arousal"], 2 * images[:, 0, 0, :2])
    with pytest.raises(ModelFileError, match=r"has no signature 'serving_default', only faces"):
        load(heads=VA)


def test_the_only_signature_is_drafted_and_another_one_where_it_is_asked_for(save, tmp_path):
    save(corner, name="faces")
    draft = draft_of(tmp_path / "net", "saved_model")
    assert source_of(draft, "net") == {"saved_model": "net", "signature": "faces"}
    with pytest.raises(ModelFileError, match=r"has no signature 'other', only faces"):
        draft_of(tmp_path / "net", "saved_model", signature="other")
    with pytest.raises(ModelFileError, match="has no signatures"):
        open_model(tmp_path / "net.keras", "keras", signature="faces")


def test_an_output_that_no_head_names_is_left_out(save, load, images):
    save(lambda gain, x: {**corner(gain, x), "age": gain * x[:, 0, 0, :1]})
    source = load(heads=VA)
    assert source.left_out == ("age 1",)
    np.testing.assert_array_equal(source.predict(images)["valence_arousal"], 2 * images[:, 0, 0, :2])


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([tf.TensorSpec((None, None, None, 3), tf.float32)], "leaves sizes of its input open"),
        ([tf.TensorSpec((None, 10, 12, 3), tf.float32)], "takes input"),
        ([tf.TensorSpec(None, tf.float32)], "takes input"),
        ([IMAGE, tf.TensorSpec((None, 2), tf.float32)], "has 2 inputs, not one"),
        ([tf.TensorSpec((None, 12, 10, 3), tf.float64)], "takes float64, not float32"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_the_reason(save, load, inputs, said):
    save(lambda gain, *x: {"valence_arousal": tf.reshape(tf.cast(x[0], tf.float32), (-1, 360))[:, :2]}, *inputs)
    with pytest.raises(ModelFileError, match=said):
        load(heads=VA)


def test_text_input_is_refused(save, load):
    text = tf.TensorSpec((None, 12, 10, 3), tf.string)
    save(lambda gain, x: {"valence_arousal": tf.strings.to_number(x)[:, 0, 0, :2]}, text)
    with pytest.raises(ModelFileError, match="takes string, not float32"):
        load(heads=VA)


def test_operators_that_run_python_or_touch_files_are_refused(save, load):
    def reads(gain, x):
        return {"valence_arousal": corner(gain, x)["valence_arousal"] + len(tf.io.read_file("/etc/hostname").shape)}

    def writes(gain, x):
        with tf.control_dependencies([tf.io.write_file("/tmp/never", "hello")]):
            return {"valence_arousal": tf.identity(corner(gain, x)["valence_arousal"])}

    for function in (reads, writes):
        save(function)
        with pytest.raises(ModelFileError, match=r"holds (Read|Write)File, which runs Python or touches files"):
            load(heads=VA)


def test_weights_with_nan_are_refused(save, load, tmp_path):
    save(corner).gain.assign(1.0)
    module = tf.Module()
    module.gain = tf.Variable(np.nan)
    signature = tf.function(lambda x: corner(module.gain, x)).get_concrete_function(IMAGE)
    module.function = signature
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=signature)
    with pytest.raises(ModelFileError, match="holds NaN or infinity"):
        load(heads=VA)


def test_the_first_operator_with_nan_is_named(save, load, images):
    save(lambda gain, x: {"valence_arousal": tf.math.log(x[:, 0, 0, :2] - 9.0, name="logarithm")})
    assert "logarithm" in load(heads=VA).first_nonfinite(images[:1])


def test_the_fingerprint_follows_every_file_and_its_name(save, spec_of, tmp_path):
    save(corner)
    spec = spec_of(saved_model="net", heads=VA)
    first = fingerprint(spec, tmp_path)
    (tmp_path / "net").rename(tmp_path / "moved")
    assert fingerprint(spec_of(saved_model="moved", heads=VA), tmp_path) == first
    (tmp_path / "moved/variables/variables.index").rename(tmp_path / "moved/variables/other.index")
    assert fingerprint(spec_of(saved_model="moved", heads=VA), tmp_path) != first


def test_another_folder_or_a_file_is_refused(load, tmp_path):
    with pytest.raises(SpecError, match="no such folder"):
        load()
    (tmp_path / "net").mkdir()
    with pytest.raises(ModelFileError, match="cannot be read as a SavedModel"):
        load()
    (tmp_path / "net/saved_model.pb").write_bytes(b"hello")
    with pytest.raises(ModelFileError, match="cannot be read as a SavedModel"):
        load()
