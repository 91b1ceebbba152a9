from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.agent.edgebench_agent import quantized, to_input, to_quantized_input
from edgebench.specs.model import InputContract

floats = st.floats(-4, 4, allow_nan=False, width=32)
affines = st.integers(1, 4).flatmap(
    lambda channels: st.fixed_dictionaries(
        {
            "layout": st.sampled_from(["nhwc", "nchw"]),
            "scale": st.lists(floats, min_size=channels, max_size=channels),
            "offset": st.lists(floats, min_size=channels, max_size=channels),
        }
    )
)


def draw_images(seed: int, samples: int, channels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (samples, 5, 7, channels), dtype=np.uint8)


@given(affines, st.integers(0, 3), st.integers(0, 99))
def test_every_pixel_becomes_scale_times_it_plus_offset(affine, samples, seed):
    images = draw_images(seed, samples, len(affine["scale"]))
    expected = images * np.float32(affine["scale"]) + np.float32(affine["offset"])
    tensor = to_input(images, affine)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    if affine["layout"] == "nchw":
        tensor = tensor.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(tensor, expected)


@given(affines, st.integers(0, 99))
def test_a_batch_is_its_samples_bit_for_bit(affine, seed):
    images = draw_images(seed, 4, len(affine["scale"]))
    one_by_one = np.concatenate([to_input(images[i : i + 1], affine) for i in range(4)])
    np.testing.assert_array_equal(to_input(images, affine), one_by_one)


def test_a_contract_of_a_range_maps_black_and_white_to_its_ends():
    contract = InputContract(size=(1, 2), color="gray", range=(-1, 1))
    tensor = to_input(np.array([[[[0], [255]]]], np.uint8), contract.affine())
    np.testing.assert_allclose(tensor.ravel(), [-1, 1], atol=1e-6)


def test_images_are_not_changed():
    images = draw_images(0, 2, 3)
    before = images.copy()
    to_input(images, InputContract(size=(5, 7), range=(0, 1)).affine())
    np.testing.assert_array_equal(images, before)


@settings(max_examples=60)
@given(
    affines,
    st.integers(0, 99),
    st.sampled_from([np.int8, np.uint8, np.int16]),
    st.floats(0.001, 1),
    st.integers(-128, 127),
)
def test_quantizing_by_table_equals_quantizing_the_floats(affine, seed, dtype, scale, zero_point):
    images = draw_images(seed, 2, len(affine["scale"]))
    by_table = to_quantized_input(images, affine, dtype, scale, zero_point)
    assert by_table.dtype == dtype
    np.testing.assert_array_equal(by_table, quantized(to_input(images, affine), dtype, scale, zero_point))


@pytest.mark.parametrize(("value", "expected"), [(0.0, -128), (1.0, 127), (-9.0, -128), (9.0, 127), (0.2, -77)])
def test_quantizing_saturates(value, expected):
    assert quantized(np.float32([value]), np.int8, 1 / 255, -128).item() == expected
