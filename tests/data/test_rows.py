from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgebench.data import open_index
from edgebench.errors import DataError


@pytest.fixture(params=["2017", "2021"])
def affectnet(request: pytest.FixtureRequest) -> Callable[..., Path]:
    return request.getfixturevalue(f"affectnet_{request.param}")


def test_labels_8_to_10_and_minus_2_are_dropped_for_their_head_and_counted(
    affectnet: Callable[..., Path], cache: Path
) -> None:
    rows = [
        (0, 0.5, 0.5),
        (8, 0.1, 0.1),  # valence and arousal only
        (3, -2, -2),  # expression only
        (4, -2, 0.3),  # half an annotation is none
        (9, -2, -2),  # neither
        (10, -2, -2),  # neither
    ]
    index = open_index(affectnet(rows), "validation", cache=cache)
    assert index.classes.tolist() == [0, -1, 3, 4]
    assert np.isnan(index.values).all(axis=1).tolist() == [False, False, True, True]
    assert index.dropped == {
        "expression none": 1,
        "expression uncertain": 1,
        "expression no-face": 1,
        "valence/arousal invalid": 4,
        "no usable label": 2,
    }


def test_the_ends_of_every_range_are_allowed(affectnet: Callable[..., Path], cache: Path) -> None:
    index = open_index(affectnet([(0, -1, 1), (7, 1, -1), (10, 0, 0)]), "validation", cache=cache)
    assert index.values.tolist() == [[-1, 1], [1, -1], [0, 0]]


def test_files_boxes_and_landmarks_stay_with_their_rows(affectnet_2017: Callable[..., Path], cache: Path) -> None:
    index = open_index(affectnet_2017([(9, -2, -2), (5, 0, 0)]), "validation", cache=cache)
    assert index.files == ("1/validation1.jpg",)
    assert index.face_box is not None
    assert index.landmarks is not None
    assert (len(index.face_box), len(index.landmarks)) == (1, 1)


def test_a_part_in_which_no_picture_can_be_used_is_refused(affectnet: Callable[..., Path], cache: Path) -> None:
    with pytest.raises(DataError, match="no picture of the validation part has a usable label"):
        open_index(affectnet([(9, -2, -2)]), "validation", cache=cache)
