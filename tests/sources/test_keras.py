import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.sources import load_source
from edgebench.sources.batches import BATCH
from edgebench.sources.keras import first_nonfinite


def test_answers_are_those_of_the_saved_model_by_head(small_net, keras_spec, images, tmp_path):
    model = small_net()
    model.save(tmp_path / "net.keras")
    answers = load_source(keras_spec(), tmp_path).predict(images)
    expression, affect = model(images, training=False)
    np.testing.assert_allclose(answers["expression"], expression, atol=1e-6)
    np.testing.assert_allclose(answers["valence_arousal"], affect, atol=1e-6)
    assert {answer.dtype for answer in answers.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("count", [1, 5, BATCH - 1, BATCH, BATCH + 1, 69])
def test_a_sample_is_answered_the_same_in_any_company(zoo_spec, tmp_path, count):
    inputs = np.random.default_rng(0).uniform(-1, 1, (70, 32, 32, 3)).astype(np.float32)
    source = load_source(zoo_spec(alpha=0.25), tmp_path)
    whole, part = source.predict(inputs), source.predict(inputs[:count])
    shifted = source.predict(inputs[70 - count :])
    for head, answers in whole.items():
        np.testing.assert_array_equal(part[head], answers[:count])
        np.testing.assert_array_equal(shifted[head], answers[70 - count :])


def test_no_samples_give_no_answers(zoo_spec, tmp_path):
    answers = load_source(zoo_spec(), tmp_path).predict(np.zeros((0, 32, 32, 3), np.float32))
    assert answers["expression"].shape == (0, 3)


def test_every_load_of_one_file_gives_the_same_names(small_net, keras_spec, tmp_path):
    from edgebench.targets.keras_graph import frozen_function

    small_net().save(tmp_path / "net.keras")
    graphs = [frozen_function(load_source(keras_spec(), tmp_path), (1, 12, 10, 3)).graph for _ in range(3)]
    assert len({frozenset(node.name for node in graph.as_graph_def().node) for graph in graphs}) == 1


def test_a_source_answers_on_after_another_was_loaded(small_net, keras_spec, zoo_spec, images, tmp_path):
    small_net().save(tmp_path / "net.keras")
    first = load_source(keras_spec(), tmp_path)
    before = first.predict(images)
    load_source(zoo_spec(), tmp_path)
    np.testing.assert_array_equal(first.predict(images)["expression"], before["expression"])


def test_dropout_and_moving_statistics_rest_while_predicting(small_net, keras_spec, images, tmp_path):
    small_net().save(tmp_path / "net.keras")
    source = load_source(keras_spec(), tmp_path)
    one, other = source.predict(images), source.predict(images)
    np.testing.assert_array_equal(one["expression"], other["expression"])


def test_random_weights_are_the_same_every_time(zoo_spec, tmp_path):
    inputs = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    one, other = (load_source(zoo_spec(), tmp_path).predict(inputs) for _ in range(2))
    np.testing.assert_array_equal(one["expression"], other["expression"])


def test_weights_come_from_the_folder_of_the_spec(zoo_spec, tmp_path):
    inputs = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    source = load_source(zoo_spec(), tmp_path)
    for weight in source.model.trainable_weights:
        weight.assign(weight * 1.5)
    (tmp_path / "weights").mkdir()
    source.model.save_weights(tmp_path / "weights/net.weights.h5")
    loaded = load_source(zoo_spec("weights/net.weights.h5"), tmp_path)
    np.testing.assert_array_equal(loaded.predict(inputs)["expression"], source.predict(inputs)["expression"])


@pytest.mark.parametrize("other", [{"alpha": 0.25}, {"heads": [{"kind": "valence_arousal", "name": "v"}]}])
def test_weights_of_another_net_are_refused(zoo_spec, tmp_path, other):
    load_source(zoo_spec(**other), tmp_path).model.save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(ModelFileError, match=r"net\.weights\.h5: (the weights do not fit|holds \d+ arrays)"):
        load_source(zoo_spec("net.weights.h5"), tmp_path)


def test_weights_of_another_number_of_labels_point_to_the_labels(zoo_spec, tmp_path):
    load_source(zoo_spec(), tmp_path).model.save_weights(tmp_path / "net.weights.h5")
    heads = [
        {"kind": "expression", "name": "expression", "labels": ["a", "b"]},
        {"kind": "valence_arousal", "name": "valence_arousal"},
    ]
    with pytest.raises(ModelFileError, match=r"do not fit .*name=expression.*fix: .*the labels of its heads"):
        load_source(zoo_spec("net.weights.h5", heads=heads), tmp_path)


def test_weights_with_nan_are_refused(zoo_spec, tmp_path):
    model = load_source(zoo_spec(), tmp_path).model
    kernel = model.get_layer("conv1").kernel
    kernel.assign(kernel * np.nan)
    model.save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(ModelFileError, match="conv1/kernel holds NaN or infinity"):
        load_source(zoo_spec("net.weights.h5"), tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_keras_file_with_nan_names_the_first_layer_that_holds_it(small_net, keras_spec, tmp_path, value):
    model = small_net()
    for weight in (model.get_layer("expression").kernel, model.get_layer("norm").moving_mean):
        weight.assign(np.full(weight.shape, value))
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match=r"net\.keras: norm/moving_mean holds NaN or infinity"):
        load_source(keras_spec(), tmp_path)


@pytest.mark.parametrize(
    ("contract", "shapes"),
    [
        ({"size": (10, 12)}, r"\(None, 12, 10, 3\), the spec says \(None, 10, 12, 3\) \(nhwc, rgb\)"),
        ({"color": "gray"}, r"\(None, 12, 10, 3\), the spec says \(None, 12, 10, 1\) \(nhwc, gray\)"),
        ({"layout": "nchw"}, r"\(None, 12, 10, 3\), the spec says \(None, 3, 12, 10\) \(nchw, rgb\)"),
    ],
)
def test_an_input_that_breaks_the_contract_names_both_shapes(small_net, keras_spec, tmp_path, contract, shapes):
    small_net().save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match=shapes):
        load_source(keras_spec(**contract), tmp_path)


def test_a_fixed_batch_is_refused(small_net, keras_spec, tmp_path):
    small_net(shape=None, batch_shape=(1, 12, 10, 3)).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match="free batch size"):
        load_source(keras_spec(), tmp_path)


def test_free_height_and_width_fit_any_contract(small_net, keras_spec, images, tmp_path):
    small_net(shape=(None, None, 3)).save(tmp_path / "net.keras")
    assert load_source(keras_spec(), tmp_path).predict(images)["expression"].shape == (70, 3)


def test_integer_input_is_refused(keras_spec, tmp_path):
    import keras

    image = keras.Input((12, 10, 3), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    keras.Model(image, [keras.layers.Dense(3)(x), keras.layers.Dense(2)(x)]).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match="takes uint8, not float32"):
        load_source(keras_spec(), tmp_path)


def test_two_inputs_are_refused(keras_spec, tmp_path):
    import keras

    a, b = keras.Input((12, 10, 3)), keras.Input((12, 10, 3))
    keras.Model([a, b], keras.layers.Flatten()(keras.layers.Add()([a, b]))).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match="has 2 inputs, not one"):
        load_source(keras_spec(), tmp_path)


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_a_model_that_never_saw_an_input_is_refused(keras_spec, tmp_path):
    import keras

    keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)]).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match="has 0 inputs, not one"):
        load_source(keras_spec(), tmp_path)


@pytest.mark.parametrize("names", [("valence_arousal", "expression"), ("out_a", "out_b")])
def test_outputs_are_found_by_name_or_else_by_width(small_net, keras_spec, images, tmp_path, names):
    model = small_net(((names[0], 2), (names[1], 3)))
    model.save(tmp_path / "net.keras")
    answers = load_source(keras_spec(), tmp_path).predict(images)
    affect, expression = model(images, training=False)
    np.testing.assert_allclose(answers["expression"], expression, atol=1e-6)
    np.testing.assert_allclose(answers["valence_arousal"], affect, atol=1e-6)


def test_outputs_named_by_the_keys_of_a_dictionary_are_found(small_net, keras_spec, images, tmp_path):
    import keras

    base = small_net((("x", 3), ("y", 2)))
    model = keras.Model(base.inputs[0], {"valence_arousal": base.outputs[1], "expression": base.outputs[0]})
    model.save(tmp_path / "net.keras")
    answers = load_source(keras_spec(), tmp_path).predict(images)
    np.testing.assert_allclose(answers["expression"], model(images)["expression"], atol=1e-6)


def test_a_sequential_model_of_one_head_is_taken(keras_spec, images, tmp_path):
    import keras

    layers = [keras.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(tmp_path / "net.keras")
    heads = [{"kind": "valence_arousal", "name": "va"}]
    source = load_source(keras_spec(heads=heads), tmp_path)
    assert source.predict(images)["va"].shape == (70, 2)
    assert len(source.model.outputs) == 1


@pytest.mark.parametrize(
    "outputs",
    [(("expression", 4), ("valence_arousal", 2)), (("a", 3), ("b", 3)), (("expression", 3),)],
)
def test_outputs_that_fit_no_head_are_listed_beside_the_heads(small_net, keras_spec, tmp_path, outputs):
    small_net(outputs).save(tmp_path / "net.keras")
    with pytest.raises(ModelFileError, match=r"answers .*, the spec has heads expression 3, valence_arousal 2"):
        load_source(keras_spec(), tmp_path)


def test_outputs_that_no_head_names_are_left_out(small_net, keras_spec, tmp_path, images):
    model = small_net((("age", 1), ("expression", 3), ("gender", 2), ("valence_arousal", 2)))
    model.save(tmp_path / "net.keras")
    source = load_source(keras_spec(), tmp_path)
    assert source.left_out == ("age 1", "gender 2")
    assert not {"age", "gender"} & {layer.name for layer in source.model.layers}
    np.testing.assert_allclose(source.predict(images)["expression"], model(images, training=False)[1], atol=1e-6)


def test_heads_of_equal_width_are_never_guessed(small_net, keras_spec, tmp_path):
    small_net((("a", 2), ("b", 2))).save(tmp_path / "net.keras")
    heads = [
        {"kind": "expression", "name": "yes_no", "labels": ["y", "n"]},
        {"kind": "valence_arousal", "name": "va"},
    ]
    with pytest.raises(ModelFileError, match="name the output layers after them"):
        load_source(keras_spec(heads=heads), tmp_path)


def test_the_first_layer_with_nan_is_named(small_net, images):
    model = small_net()
    assert first_nonfinite(model, images[:1]) is None
    gamma = model.get_layer("norm").gamma
    gamma.assign(gamma * np.inf)
    assert first_nonfinite(model, images[:1]) == "norm"


def test_the_first_layer_with_nan_is_found_behind_shared_and_nested_layers():
    import keras

    shared = keras.layers.Dense(4, name="shared")
    inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, keras.layers.Dense(4, name="hidden")(inner_in), name="inner")
    image = keras.Input((4,), name="image")
    model = keras.Model(image, keras.layers.Dense(2, name="last")(inner(shared(shared(image)))))
    sample = np.ones((1, 4), np.float32)
    assert first_nonfinite(model, sample) is None
    bias = inner.get_layer("hidden").bias
    bias.assign(bias + np.inf)
    assert first_nonfinite(model, sample) == "inner"
