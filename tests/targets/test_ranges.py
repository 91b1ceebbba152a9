import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebench.errors import ConversionError
from edgebench.targets.ranges import Ranges

FINITE = arrays(np.float32, st.integers(1, 8), elements=st.floats(-1e6, 1e6, width=32))


@given(st.lists(FINITE, min_size=1, max_size=6))
def test_ranges_span_all_samples_in_any_order(samples):
    forward, backward = Ranges(), Ranges()
    for sample in samples:
        forward.see("t", sample)
    for sample in reversed(samples):
        backward.see("t", sample)
    everything = np.concatenate(samples)
    assert forward.found() == backward.found() == {"t": (everything.min(), everything.max())}


def test_the_extreme_of_the_first_sample_is_not_forgotten():
    ranges = Ranges()
    for peak in (100.0, *[1.0] * 500):
        ranges.see_all([("a", np.array([-peak, 0.5])), ("b", np.array([peak]))])
    assert ranges.found() == {"a": (-100.0, 0.5), "b": (1.0, 100.0)}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_names_its_tensor(value):
    with pytest.raises(ConversionError, match=r"tensor stem/conv: its values .* not all finite"):
        Ranges().see("stem/conv", np.array([0.0, value], np.float32))


def test_no_sample_at_all_is_refused():
    with pytest.raises(ConversionError, match="needs calibration samples"):
        Ranges().found()
