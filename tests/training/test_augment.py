import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.specs.model import Training
from edgebench.training.augment import augment, transforms

STILL = Training(flip=False, brightness=0, rotation_degrees=0, zoom=0)


def pictures(count=6, height=20, width=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3)).astype(np.uint8)


def test_without_any_change_the_images_come_back_exactly():
    images = pictures()
    np.testing.assert_array_equal(augment(images, STILL, np.random.default_rng(0)), images)


def test_flip_mirrors_about_half_of_the_images_left_to_right():
    images = pictures(200, 4, 6)
    views = augment(images, STILL.model_copy(update={"flip": True}), np.random.default_rng(0))
    mirrored = np.array([(view == image[:, ::-1]).all() for view, image in zip(views, images, strict=True)])
    kept = np.array([(view == image).all() for view, image in zip(views, images, strict=True)])
    assert (mirrored ^ kept).all()
    assert 70 < mirrored.sum() < 130


def test_brightness_multiplies_whole_images_within_its_share():
    images = np.full((300, 3, 3, 3), 100, np.uint8)
    views = augment(images, STILL.model_copy(update={"brightness": 0.1}), np.random.default_rng(0))
    assert (views == views[:, :1, :1, :1]).all()
    assert views.min() == 90
    assert views.max() == 110


def test_bright_pixels_saturate():
    white = np.full((20, 3, 3, 3), 255, np.uint8)
    views = augment(white, STILL.model_copy(update={"brightness": 0.5}), np.random.default_rng(0))
    assert views.max() == 255
    assert views.min() >= 127


def test_equal_seeds_give_equal_views_and_the_images_stay():
    images = pictures()
    before = images.copy()
    one, other = (augment(images, Training(), np.random.default_rng([7, 1])) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(images, before)
    assert (augment(images, Training(), np.random.default_rng([7, 2])) != one).any()


def test_uncovered_corners_repeat_the_edge():
    grey = np.full((20, 15, 15, 3), 90, np.uint8)
    recipe = Training(brightness=0, rotation_degrees=45, zoom=0.5)
    np.testing.assert_array_equal(augment(grey, recipe, np.random.default_rng(0)), grey)


@given(seed=st.integers(0, 1000), degrees=st.floats(0, 90), zoom=st.floats(0, 0.5))
@settings(max_examples=40, deadline=None)
def test_transforms_turn_and_scale_about_the_centre_within_their_bounds(seed, degrees, zoom):
    recipe = Training(rotation_degrees=degrees, zoom=zoom)
    rows = transforms(8, 20, 30, recipe, np.random.default_rng(seed))
    centre = np.array([14.5, 9.5])
    for row in rows:
        matrix = row[[0, 1, 3, 4]].reshape(2, 2)
        np.testing.assert_allclose(matrix @ centre + row[[2, 5]], centre, atol=1e-3)
        scale = np.sqrt(abs(np.linalg.det(matrix)))
        assert 1 / (1 + zoom) - 1e-4 <= scale <= 1 / (1 - zoom) + 1e-4
        np.testing.assert_allclose(matrix @ matrix.T, scale**2 * np.eye(2), atol=1e-3)
        # Of a turn by t, flipped or not, the lower right element is scale x cos t.
        assert matrix[1, 1] / scale >= np.cos(np.radians(degrees)) - 1e-4


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_colour_keep_their_shape(channels):
    images = np.zeros((2, 9, 7, channels), np.uint8)
    assert augment(images, Training(), np.random.default_rng(0)).shape == images.shape
