"""Random views of uint8 images, each decided by a seed alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from edgebench.specs.model import Training


def augment(images: np.ndarray, recipe: Training, rng: np.random.Generator) -> np.ndarray:
    """Flips, turns, zooms and lights every image on its own.

    One factor in [1 - zoom, 1 + zoom] scales both axes, one in [1 - brightness, 1 + brightness] multiplies
    every pixel; what a view uncovers repeats the nearest edge. The answer is rounded back to uint8, because
    that is what the net is given in use.

    Args:
        images: uint8 [samples, height, width, channels].

    Returns:
        uint8, the same shape.
    """
    # 4.5 s, paid by training anyway.
    import tensorflow as tf

    moves = transforms(len(images), images.shape[1], images.shape[2], recipe, rng)
    light = rng.uniform(1 - recipe.brightness, 1 + recipe.brightness, (len(images), 1, 1, 1)).astype("float32")
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=moves,
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    view: np.ndarray = tf.saturate_cast(tf.round(moved * light), tf.uint8).numpy()
    return view


def transforms(samples: int, height: int, width: int, recipe: Training, rng: np.random.Generator) -> np.ndarray:
    """Output to input coordinates about the centre: float32 [samples, 8], rows of a projective matrix.

    (x, y) in the view shows the image at (a0 x + a1 y + a2, b0 x + b1 y + b2); the last two terms are zero.
    """
    import numpy as np

    turn = rng.uniform(-1, 1, samples) * math.radians(recipe.rotation_degrees)
    scale = 1 / rng.uniform(1 - recipe.zoom, 1 + recipe.zoom, samples)
    mirror = np.where(rng.random(samples) < (0.5 if recipe.flip else 0.0), -1.0, 1.0)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    a0, a1, b0, b1 = mirror * cos, -mirror * sin, sin, cos
    a2 = centre_x - a0 * centre_x - a1 * centre_y
    b2 = centre_y - b0 * centre_x - b1 * centre_y
    zero = np.zeros(samples)
    return np.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1).astype("float32")
