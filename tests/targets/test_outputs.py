import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import ConversionError
from edgebench.targets.outputs import match_outputs, parity


def heads(widths, samples=5, seed=0):
    rng = np.random.default_rng(seed)
    return {f"head{i}": rng.normal(size=(samples, width)).astype(np.float32) for i, width in enumerate(widths)}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.randoms())
def test_any_shuffling_is_undone(widths, random):
    source = heads(widths)
    order = list(range(len(widths)))
    random.shuffle(order)
    rng = np.random.default_rng(1)
    values = list(source.values())
    artifact = [values[i] + rng.normal(0, 1e-3, values[i].shape) for i in order]
    found = match_outputs(source, artifact)
    assert [order[found[name]] for name in source] == list(range(len(widths)))
    assert parity(source, artifact, found) < 0.01


def test_heads_of_one_shape_are_told_apart_by_their_values():
    source = {"valence": np.array([[0.1], [0.2]]), "arousal": np.array([[0.8], [0.9]])}
    artifact = [np.array([[0.79], [0.92]]), np.array([[0.11], [0.18]])]
    assert match_outputs(source, artifact) == {"valence": 1, "arousal": 0}


def test_parity_is_the_largest_difference_over_all_heads():
    source = {"a": np.array([[1.0, 2.0]]), "b": np.array([[5.0]])}
    assert parity(source, [np.array([[5.5]]), np.array([[1.0, 2.25]])], {"a": 1, "b": 0}) == 0.5


def test_parity_with_nan_is_nan():
    assert np.isnan(
        parity(
            {"a": np.zeros((1, 1)), "b": np.zeros((1, 1))}, [np.ones((1, 1)), np.full((1, 1), np.nan)], {"a": 0, "b": 1}
        )
    )


def test_a_missing_output_is_refused():
    with pytest.raises(ConversionError, match="has 2 outputs, its artifact 1"):
        match_outputs(heads([8, 2]), [np.zeros((5, 8))])


def test_another_shape_is_refused():
    with pytest.raises(ConversionError, match=r"\(5, 7\).*the model's are head0 \(5, 8\)"):
        match_outputs(heads([8]), [np.zeros((5, 7))])
