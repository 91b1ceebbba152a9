from __future__ import annotations

import numpy as np
import pytest

from edgebench.data.frames import draw_frame


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [draw_frame(number) for number in range(8)]


def test_a_frame_is_full_hd_and_the_same_every_time(frames: list[np.ndarray]) -> None:
    assert frames[3].shape == (1080, 1920, 3)
    assert frames[3].dtype == np.uint8
    np.testing.assert_array_equal(frames[3], draw_frame(3))
    assert (frames[3] != frames[4]).any()
    assert (frames[3] != draw_frame(3, seed=1)).any()


def test_viola_jones_finds_a_face_in_most_frames(frames: list[np.ndarray]) -> None:
    from edgebench.agent.edgebench_pipeline import Haar

    detector = Haar("", 1)
    assert sum(bool(detector.find(frame)) for frame in frames) >= 5


def test_yunet_finds_both_people(frames: list[np.ndarray], real) -> None:
    from edgebench.agent.edgebench_pipeline import Yunet

    weights = real / "models" / "face_detection_yunet_2023mar.onnx"
    if not weights.is_file():
        pytest.skip("no weights of YuNet")
    found = Yunet(str(weights), 1).find(frames[0])
    assert len(found) == 2
    assert sorted(left < 960 for left, *_ in found) == [False, True]
