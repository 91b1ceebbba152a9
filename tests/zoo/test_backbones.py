"""Counts are those of the bodies in their papers' Keras versions, without a top, plus the study's top."""

from functools import cache

import numpy as np
import pytest

from edgebench.errors import SpecError
from edgebench.zoo import build

# Body of Keras' documented nets without a top, and the features it ends in.
BODIES = {
    "mobilenet_v2": (2_257_984, 1280),
    "nasnet_mobile": (4_269_716, 1056),
    "efficientnet_b0": (4_049_571, 1280),
    "xception": (20_861_480, 2048),
}
every_backbone = pytest.mark.parametrize("name", BODIES)


@pytest.fixture(scope="module")
def small(shipped):
    """Each backbone for small pictures, built once: no weight depends on their size."""
    return cache(lambda name: build(shipped(name, input_={"size": (96, 96)})))


@every_backbone
def test_parameters_are_those_of_the_body_and_the_top(small, name):
    body, features = BODIES[name]
    batch_norm, heads = 4 * features, (8 + 2) * (features + 1)
    assert small(name).count_params() == body + batch_norm + heads


@every_backbone
def test_specs_state_whole_pictures_and_both_heads(shipped, name):
    spec = shipped(name)
    assert (spec.input.crop, spec.input.color) == ("none", "rgb")
    assert spec.input.size == ((299, 299) if name == "xception" else (224, 224))
    assert spec.input.range == ((0, 255) if name == "efficientnet_b0" else (-1, 1))
    assert [head.name for head in spec.heads] == ["expression", "valence_arousal"]
    assert spec.has_random_weights


@every_backbone
def test_the_top_is_that_of_the_study(small, name):
    model = small(name)
    top = [layer.name for layer in model.layers[-5:]]
    assert top == ["features_bn", "features_pool", "features_dropout", "expression", "valence_arousal"]
    assert model.get_layer("features_dropout").rate == 0.5
    assert model.get_layer("valence_arousal").activation.__name__ == "tanh"
    assert model.inputs[0].name == "image"


@every_backbone
def test_moving_statistics_of_the_body_follow_as_the_tops_do(small, name):
    import keras

    norms = [layer for layer in small(name).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.9}


@every_backbone
@pytest.mark.parametrize(("change", "words"), [({"layout": "nchw"}, "nhwc"), ({"size": (31, 224)}, "at least")])
def test_contracts_they_cannot_take_are_refused(shipped, name, change, words):
    with pytest.raises(SpecError, match=f"{name}: takes .*{words}"):
        build(shipped(name, input_=change))


@every_backbone
def test_valence_and_arousal_on_another_scale_are_refused(shipped, name):
    heads = [{"kind": "valence_arousal", "name": "va", "range": (-10, 10)}]
    with pytest.raises(SpecError, match=r"in \[-1, 1\]"):
        build(shipped(name, heads=heads))


def test_efficientnet_scales_the_pixels_itself(small):
    import keras

    model = small("efficientnet_b0")
    scaled = keras.Model(model.inputs[0], model.get_layer("normalization").output)
    answer = scaled(np.full((1, 96, 96, 3), 255, np.float32)).numpy()
    np.testing.assert_allclose(answer, 1, rtol=1e-6)


@pytest.mark.parametrize(
    "change", [{"range": (-1, 1)}, {"range": (0, 1)}, {"range": None, "mean": (0.5,) * 3, "std": (0.5,) * 3}]
)
def test_pixels_scaled_twice_are_refused(shipped, change):
    with pytest.raises(SpecError, match=r"scales pixels of 0 to 255 inside the net.*set input.range to \[0, 255\]"):
        build(shipped("efficientnet_b0", input_=change))


def test_a_narrower_mobilenet_v2_has_fewer_parameters(shipped):
    source = {"architecture": "mobilenet_v2", "weights": "random", "options": {"alpha": 0.5}}
    assert build(shipped("mobilenet_v2", source=source)).count_params() == 706_224 + 14 * 1280 + 10
    with pytest.raises(SpecError, match="alpha must be a number of 1/16 or more"):
        build(shipped("mobilenet_v2", source=source | {"options": {"alpha": 0}}))


@pytest.mark.slow
def test_weights_of_a_trained_net_are_loaded(shipped, tmp_path):
    """EfficientNet's normalization counts in whole numbers what it saw."""
    from edgebench.sources import load_source

    size = {"size": (32, 32)}
    model = build(shipped("efficientnet_b0", input_=size))
    model.save_weights(tmp_path / "net.weights.h5")
    source = {"architecture": "efficientnet_b0", "weights": "net.weights.h5"}
    loaded = load_source(shipped("efficientnet_b0", input_=size, source=source), tmp_path)
    images = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(loaded.predict(images)["expression"], model(images)[0].numpy(), atol=1e-5)
