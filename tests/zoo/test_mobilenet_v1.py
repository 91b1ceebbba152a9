"""Parameter counts are those of Vadlejch 2021."""

import numpy as np
import pytest

from edgebench.errors import SpecError
from edgebench.zoo import build

WIDTHS = ["0.25", "0.35", "0.5", "0.75", "1.0", "1.4"]


@pytest.mark.parametrize(("alpha", "count"), [("0.25", 222_138), ("0.5", 836_714), ("1.0", 3_243_210)])
def test_parameter_counts_are_exact(mobilenet, alpha, count):
    assert build(mobilenet(alpha)).count_params() == count


@pytest.mark.parametrize(("alpha", "million"), [("0.35", 0.419), ("0.75", 1.843), ("1.4", 6.288)])
def test_parameter_counts_round_to_the_published_table(mobilenet, alpha, million):
    # The table cuts 0.419543 and 1.843738 off rather than rounding them.
    assert build(mobilenet(alpha)).count_params() // 1000 == round(million * 1000)


def test_input_and_outputs_are_those_of_the_spec(mobilenet):
    model = build(mobilenet("0.25"))
    assert model.input_shape == (None, 224, 224, 3)
    assert [tensor.name for tensor in model.inputs] == ["image"]
    assert model.output_names == ["expression", "valence_arousal"]
    assert model.output_shape == [(None, 8), (None, 2)]


def small(mobilenet, **replaced):
    spec = mobilenet("0.25", **replaced)
    return spec.model_copy(update={"input": spec.input.model_copy(update={"size": (32, 48)})})


def test_expression_sums_to_one_and_affect_stays_in_its_square(mobilenet):
    model = build(small(mobilenet))
    expression, affect = model(np.random.default_rng(0).uniform(-1, 1, (3, 32, 48, 3)).astype(np.float32))
    np.testing.assert_allclose(expression.numpy().sum(axis=1), 1, atol=1e-5)
    assert np.abs(affect.numpy()).max() <= 1


def test_logits_head_has_no_softmax(mobilenet):
    heads = [{"kind": "expression", "name": "faces", "labels": ["a", "b", "c"], "activation": "logits"}]
    model = build(small(mobilenet, heads=heads))
    assert model.get_layer("faces").activation.__name__ == "linear"
    assert model.output_shape == (None, 3)


def test_moving_statistics_follow_within_an_epoch(mobilenet):
    import keras

    spec = small(mobilenet)
    norms = [layer for layer in build(spec).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 28
    assert {layer.momentum for layer in norms} == {0.9}


def test_options_that_do_not_exist_or_are_missing_are_named_together(mobilenet):
    source = {"architecture": "mobilenet_v1", "weights": "random", "options": {"alhpa": 0.5}}
    with pytest.raises(
        SpecError, match=r"(?s)alhpa: unknown option; did you mean 'alpha'.*the option 'alpha' is missing"
    ):
        build(mobilenet("0.25", source=source))


@pytest.mark.parametrize("alpha", ["wide", True])
def test_a_width_that_is_no_number_is_refused(mobilenet, alpha):
    source = {"architecture": "mobilenet_v1", "weights": "random", "options": {"alpha": alpha}}
    with pytest.raises(SpecError, match=r"source\.options\.alpha: must be a number"):
        build(mobilenet("0.25", source=source))


@pytest.mark.parametrize("alpha", [0, -1.0, 0.01])
def test_a_width_without_a_filter_is_refused(mobilenet, alpha):
    source = {"architecture": "mobilenet_v1", "weights": "random", "options": {"alpha": alpha}}
    with pytest.raises(SpecError, match="alpha must be a number of 1/32 or more"):
        build(mobilenet("0.25", source=source))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"layout": "nchw"}, "nhwc"), ({"size": (31, 224)}, "at least 32x32")],
)
def test_contracts_it_cannot_take_are_refused(mobilenet, change, message):
    spec = mobilenet("0.25")
    with pytest.raises(SpecError, match=message):
        build(spec.model_copy(update={"input": spec.input.model_copy(update=change)}))


def test_valence_arousal_on_another_scale_is_refused(mobilenet):
    heads = [{"kind": "valence_arousal", "name": "va", "range": [-10, 10]}]
    with pytest.raises(SpecError, match=r"in \[-1, 1\]"):
        build(mobilenet("0.25", heads=heads))


def test_gray_images_are_taken(mobilenet):
    spec = small(mobilenet)
    gray = spec.model_copy(update={"input": spec.input.model_copy(update={"color": "gray"})})
    assert build(gray).input_shape == (None, 32, 48, 1)


@pytest.mark.parametrize("alpha", WIDTHS)
def test_every_published_width_has_its_spec(mobilenet, alpha):
    spec = mobilenet(alpha)
    assert spec.name == f"mobilenet_v1_a{alpha}"
    assert spec.source.options == {"alpha": float(alpha)}
    assert spec.budgets.max_bytes == (26_000_000 if alpha == "1.4" else 15_000_000)


@pytest.mark.parametrize("alpha", ["1.0", "1.4"])
def test_the_widest_are_trained_in_smaller_batches(mobilenet, alpha):
    assert mobilenet(alpha).training.batch_size == 96
