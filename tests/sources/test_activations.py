import numpy as np
import pytest

from edgebench.errors import ModelFileError
from edgebench.metrics import softmax
from edgebench.sources.activations import check_activations

LOGITS = np.random.default_rng(0).normal(0, 2, (16, 3)).astype(np.float32)
AFFECT = np.full((16, 2), 7, np.float32)


@pytest.fixture
def check(keras_spec):
    def call(activation, expression):
        expression_head = {"kind": "expression", "name": "e", "labels": ["a", "b", "c"], "activation": activation}
        spec = keras_spec(heads=[expression_head, {"kind": "valence_arousal", "name": "va"}])
        check_activations(spec, {"e": expression, "va": AFFECT})

    return call


def test_a_softmax_that_answers_logits_is_refused(check):
    with pytest.raises(ModelFileError, match=r"net\.source: e is stated as softmax, but .*`activation: logits`"):
        check("softmax", LOGITS)


def test_logits_that_are_probabilities_are_refused(check):
    with pytest.raises(ModelFileError, match=r"e is stated as logits, but .*`activation: softmax`"):
        check("logits", softmax(LOGITS))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_what_is_stated_rightly_passes_in_any_precision(check, kind):
    check("softmax", softmax(LOGITS.astype(np.float64)).astype(kind))
    check("logits", LOGITS.astype(kind))


def test_one_sample_that_is_no_distribution_is_enough_to_refuse_a_softmax(check):
    answers = softmax(LOGITS)
    answers[3] = [0.5, 0.5, 0.5]
    with pytest.raises(ModelFileError, match=r"answers .* in sum"):
        check("softmax", answers)


def test_sigmoids_are_between_0_and_1_and_add_up_to_anything(check):
    check("sigmoid", 1 / (1 + np.exp(-LOGITS)))
    check("sigmoid", softmax(LOGITS))
    with pytest.raises(ModelFileError, match=r"e is stated as sigmoid, but answers -.*`activation: logits`"):
        check("sigmoid", LOGITS)


def test_nan_is_left_to_the_search_for_its_layer(check):
    answers = softmax(LOGITS)
    answers[0] = np.nan
    check("softmax", answers)
    check("softmax", np.full((16, 3), np.nan))
