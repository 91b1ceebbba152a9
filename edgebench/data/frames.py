"""A camera's frames without a camera: two drawn people side by side, as in a call.

Two, because a detector of real faces misses some drawings: with two of them it finds one in most frames.
Each frame is a function of (seed, number) alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator

WIDTH_PX, HEIGHT_PX = 1920, 1080
FRAMES = 1  # raised whenever the same seed gives other frames


def draw_frame(number: int, *, seed: int = 0) -> np.ndarray:
    """uint8 [1080, 1920, 3], blue first, as OpenCV's cameras give them."""
    import numpy as np
    from numpy.random import PCG64, Generator, SeedSequence

    rng = Generator(PCG64(SeedSequence(seed, spawn_key=(number,))))
    return np.ascontiguousarray(np.concatenate([_person(rng), _person(rng)], axis=1)[..., ::-1])


def _person(rng: Generator) -> np.ndarray:
    """Half a frame, red first: a head a quarter to two fifths as high as it, near its middle."""
    import numpy as np

    from edgebench.data.face_expression import sample_affect
    from edgebench.data.face_identity import sample_identity, sample_pose
    from edgebench.data.face_photo import photograph
    from edgebench.data.faces import Face

    affect = sample_affect(int(rng.integers(8)), rng)
    scale_px = float(rng.uniform(0.125, 0.2)) * HEIGHT_PX
    x, y = (float(HEIGHT_PX * (0.5 + offset)) for offset in rng.uniform(-0.1, 0.1, 2))
    pose = sample_pose(rng, scale_px=scale_px, centre_px=(x, y))
    square = np.asarray(photograph(Face(sample_identity(rng), affect.parameters, pose), rng, size_px=HEIGHT_PX))
    beside = (HEIGHT_PX - WIDTH_PX // 2) // 2
    return square[:, beside : beside + WIDTH_PX // 2]
