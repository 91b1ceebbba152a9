"""Parameter counts are those of Hewitt and Gunes 2018; of the regressors, which the paper does not count, derived."""

import numpy as np
import pytest

from edgebench.errors import SpecError
from edgebench.zoo import build

NETS = ["hewitt_alexnet", "hewitt_vgg", "hewitt_mobilenet"]
CLASSIFIERS = {"hewitt_alexnet": 3_464_952, "hewitt_vgg": 3_753_016, "hewitt_mobilenet": 3_237_064}
SMALL = {"size": (32, 64)}


def layers_of(model, kind):
    import keras

    return [layer for layer in model.layers if type(layer) is getattr(keras.layers, kind)]


@pytest.mark.parametrize("net", NETS)
def test_classifiers_have_the_published_parameters(shipped, net):
    assert build(shipped(net)).count_params() == CLASSIFIERS[net]


@pytest.mark.parametrize("net", NETS)
def test_regressors_differ_from_their_classifiers_by_the_last_layer_alone(shipped, net):
    classifier, regressor = build(shipped(net)), build(shipped(f"{net}_va"))
    bodies = [[layer.count_params() for layer in model.layers[:-1]] for model in (classifier, regressor)]
    assert bodies[0] == bodies[1]
    features = 1024
    assert classifier.count_params() - regressor.count_params() == (8 - 2) * (features + 1)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("task", ["", "_va"])
def test_specs_state_the_studys_contract(shipped, net, task):
    spec = shipped(net + task)
    assert (spec.input.size, spec.input.color, spec.input.crop) == ((128, 128), "rgb", "face_box")
    assert spec.input.range == (0, 1)
    assert spec.budgets.max_bytes == 15 * 1024**2
    assert spec.has_random_weights


@pytest.mark.parametrize("net", NETS)
def test_expressions_sum_to_one_and_affect_is_linear(shipped, net):
    images = np.random.default_rng(0).uniform(0, 1, (2, 32, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(build(shipped(net, input_=SMALL))(images).numpy().sum(axis=1), 1, atol=1e-5)
    regressor = build(shipped(f"{net}_va", input_=SMALL))
    last = regressor.get_layer("valence_arousal")
    last.set_weights([last.get_weights()[0], np.array([-7.5, 3.0], np.float32)])
    assert (np.abs(regressor(images).numpy()) > 1).all()


@pytest.mark.parametrize(
    ("net", "kernels", "filters"),
    [
        ("hewitt_alexnet", [9, 7, 5, 3, 3], [16, 32, 64, 128, 128]),
        ("hewitt_vgg", [3] * 10, [16, 16, 32, 32, 64, 64, 128, 128, 128, 128]),
    ],
)
def test_convolutions_are_those_of_the_paper(shipped, net, kernels, filters):
    model = build(shipped(net))
    convolutions = layers_of(model, "Conv2D")
    assert [layer.kernel_size[0] for layer in convolutions] == kernels
    assert [layer.filters for layer in convolutions] == filters
    assert not any(layer.use_bias for layer in convolutions)
    assert [layer.rate for layer in layers_of(model, "GaussianDropout")] == [0.2] * 5
    assert [layer.rate for layer in layers_of(model, "Dropout")] == [0.5] * 2


def test_the_mobilenet_has_relu_without_a_ceiling(shipped):
    import keras

    model = build(shipped("hewitt_mobilenet", input_=SMALL))
    activations = layers_of(model, "ReLU")
    assert len(activations) == 27
    assert {layer.max_value for layer in activations} == {None}
    images = np.full((1, 32, 64, 3), 1e4, np.float32)
    first = keras.Model(model.inputs[0], activations[0].output)
    assert first(images).numpy().max() > 6


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("change", "words"), [({"layout": "nchw"}, "nhwc"), ({"size": (31, 128)}, "at least 32x32")])
def test_contracts_they_cannot_take_are_refused(shipped, net, change, words):
    with pytest.raises(SpecError, match=f"{net}: takes .*{words}"):
        build(shipped(net, input_=change))


def test_weights_of_a_trained_net_are_loaded(shipped, tmp_path):
    """With batch norm, and with dropout that keeps a random state of its own."""
    from edgebench.sources import load_source

    model = build(shipped("hewitt_alexnet", input_=SMALL))
    model.save_weights(tmp_path / "net.weights.h5")
    source = {"architecture": "hewitt_alexnet", "weights": "net.weights.h5"}
    loaded = load_source(shipped("hewitt_alexnet", input_=SMALL, source=source), tmp_path)
    images = np.random.default_rng(1).uniform(0, 1, (2, 32, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(loaded.predict(images)["expression"], model(images).numpy(), atol=1e-5)
