from types import SimpleNamespace

import numpy as np
import pytest

from edgebench.sources.batches import answer_in_batches

HEADS = [SimpleNamespace(name="sum", width=1), SimpleNamespace(name="twice", width=2)]


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_every_pass_has_the_same_shape_and_every_sample_its_own_answer(batch, count):
    seen = []

    def answer(inputs):
        seen.append(inputs.shape)
        return inputs.sum(axis=1, keepdims=True), inputs * 2

    inputs = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    answers = answer_in_batches(answer, inputs, HEADS, batch=batch)
    assert set(seen) <= {(batch, 2)}
    np.testing.assert_array_equal(answers["sum"][:, 0], inputs.sum(axis=1))
    np.testing.assert_array_equal(answers["twice"], inputs * 2)
