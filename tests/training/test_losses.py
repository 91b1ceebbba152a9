import numpy as np
import pytest

from edgebench.errors import DataError
from edgebench.specs.model import ExpressionHead
from edgebench.training.losses import class_loss, class_weights, value_loss

LABELS = ("a", "b", "c")
SOFTMAX = ExpressionHead(kind="expression", name="e", labels=LABELS)
LOGITS = ExpressionHead(kind="expression", name="e", labels=LABELS, activation="logits")
EVEN = np.ones(3, np.float32)


def test_class_weights_are_those_of_the_literature():
    # N / (classes x N_class), for 6 labelled samples of 3 classes.
    weights = class_weights(np.array([0, 0, 0, 1, 1, 2, -1, -1]), LABELS)
    np.testing.assert_allclose(weights, [6 / 9, 6 / 6, 6 / 3])


def test_a_class_without_samples_is_named():
    with pytest.raises(DataError, match="no sample of b, c"):
        class_weights(np.array([0, -1, 0]), LABELS)


@pytest.mark.parametrize("label", [-2, 3])
def test_a_label_out_of_range_is_refused(label):
    with pytest.raises(DataError, match="labels run from"):
        class_weights(np.array([0, 1, 2, label]), LABELS)


def test_class_loss_is_the_weighted_cross_entropy_of_labelled_samples():
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]], np.float32)
    weights = np.array([2.0, 1.0, 0.5], np.float32)
    loss = float(class_loss(np.array([0, 2, -1]), scores, weights, SOFTMAX))
    assert loss == pytest.approx((2 * -np.log(0.7) + 0.5 * -np.log(0.8)) / 2, rel=1e-5)


def test_logits_and_their_softmax_lose_the_same():
    logits = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], np.float32)
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([2, 1])
    assert float(class_loss(truth, logits, EVEN, LOGITS)) == pytest.approx(
        float(class_loss(truth, scores, EVEN, SOFTMAX)), rel=1e-5
    )


def test_value_loss_passes_over_missing_numbers():
    truth = np.array([[0.5, np.nan], [np.nan, np.nan], [-1.0, 1.0]], np.float32)
    answer = np.array([[0.0, 9.0], [9.0, 9.0], [-1.0, 0.0]], np.float32)
    assert float(value_loss(truth, answer)) == pytest.approx((0.25 + 0 + 1) / 3)


def test_a_batch_without_labels_has_no_loss_and_no_nan_gradient():
    import tensorflow as tf

    answer, scores = tf.Variable(np.ones((2, 2), np.float32)), tf.Variable(np.full((2, 3), 1 / 3, np.float32))
    with tf.GradientTape() as tape:
        loss = value_loss(np.full((2, 2), np.nan, np.float32), answer)
        loss += class_loss(np.array([-1, -1]), scores, EVEN, SOFTMAX)
    assert float(loss) == 0
    for gradient in tape.gradient(loss, [answer, scores]):
        assert not tf.convert_to_tensor(gradient).numpy().any()
