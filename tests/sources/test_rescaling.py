"""Where the arithmetic at a net's start ends, and which pixels it was made for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.sources.rescaling import RANGES, Operator, end_of_arithmetic, range_of


def test_arithmetic_ends_before_the_first_layer():
    chain = [
        Operator("Cast", ["image"], "cast"),
        Operator("Mul", ["scale", "cast"], "scaled"),
        Operator("AddV2", ["scaled", "offset"], "shifted"),
        Operator("Transpose", ["shifted"], "turned"),
        Operator("Conv2D", ["turned", "kernel"], "conv"),
        Operator("Mul", ["conv", "conv"], "square"),
    ]
    assert end_of_arithmetic(chain, "image") == "shifted"
    assert end_of_arithmetic(chain[4:], "turned") == "turned"
    assert end_of_arithmetic([], "image") == "image"


def test_where_the_image_goes_two_ways_nothing_is_told():
    both = [Operator("MUL", ["image", "scale"], "a"), Operator("CONV_2D", ["image"], "b")]
    assert end_of_arithmetic(both, "image") == "image"
    assert end_of_arithmetic([Operator("Mul", ["image", "image"], "square")], "image") == "image"
    looked_at = [Operator("Mul", ["image", "scale"], "a"), Operator("Shape", ["image"], "shape")]
    assert end_of_arithmetic(looked_at, "image") == "a"


@pytest.mark.parametrize(
    ("gain", "offset", "known"),
    [
        (1 / 255, 0, (0, 255)),
        (1 / 127.5, -1, (0, 255)),
        (1 / (255 * 0.226), -0.449 / 0.226, (0, 255)),
        (1, -116.8, (0, 255)),  # caffe's mean
        (1 / 0.226, -0.449 / 0.226, (0, 1)),
        (2, -1, (0, 1)),
        (255, 0, (0, 1)),
        (0.5, 0.5, (-1, 1)),
        (127.5, 127.5, (-1, 1)),
        (1, 0, None),
        (2, 0, None),  # of 0 to 1 or of -1 to 1
        (0, 0, None),
        (1e-9, 1e9, None),
    ],
)
def test_a_range_is_told_where_one_alone_gives_what_layers_expect(gain, offset, known):
    assert range_of(offset, gain + offset) == known


@given(st.floats(width=32), st.floats(width=32))
def test_any_two_numbers_are_a_range_or_none(low, high):
    assert range_of(low, high) in (*RANGES, None)


@given(st.sampled_from(RANGES), st.sampled_from([(0, 1), (-1, 1), (-2.1, 2.6)]))
def test_what_was_rescaled_to_a_usual_range_is_found_again(pixels, wanted):
    gain = (wanted[1] - wanted[0]) / (pixels[1] - pixels[0])
    offset = wanted[0] - gain * pixels[0]
    assert range_of(offset, offset + gain) in (pixels, None)
    assert range_of(offset, offset + gain) == pixels or gain == 1
