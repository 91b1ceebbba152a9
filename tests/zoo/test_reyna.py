"""The parameter count is that of Reyna 2024."""

import numpy as np
import pytest

from edgebench.errors import SpecError
from edgebench.zoo import build


def test_the_net_has_the_published_parameters(shipped):
    assert build(shipped("reyna")).count_params() == 839_047


def test_labels_are_the_seven_of_fer2013_in_its_order(shipped):
    assert shipped("reyna").heads[0].labels == ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_a_gray_face_gives_seven_shares(shipped):
    model = build(shipped("reyna"))
    answer = model(np.random.default_rng(0).uniform(0, 1, (3, 48, 48, 1)).astype(np.float32)).numpy()
    assert answer.shape == (3, 7)
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)


def test_the_smallest_face_leaves_one_pixel(shipped):
    model = build(shipped("reyna", input_={"size": (10, 10)}))
    assert model.get_layer("flatten").input.shape == (None, 1, 1, 64)
    with pytest.raises(SpecError, match="reyna: takes images of at least 10x10"):
        build(shipped("reyna", input_={"size": (9, 10)}))
