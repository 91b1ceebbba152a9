"""Faces: expressions are drawn where they belong, and a drawing follows its parameters."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edgebench.data.face_expression import (
    ANGER,
    EXPRESSIONS,
    HAPPY,
    MISLABELLED,
    SAD,
    SURPRISE,
    ExpressionParameters,
    sample_affect,
)
from edgebench.data.face_geometry import project, trace
from edgebench.data.face_identity import Identity, Pose, blend, sample_identity, sample_pose
from edgebench.data.face_photo import jpeg_bytes, photograph
from edgebench.data.faces import Face, draw_face

REST = ExpressionParameters()
UPRIGHT = Pose(roll=0.0, yaw=0.0, pitch=0.0, scale_px=90.0, centre_px=(112.0, 112.0))


def person(seed: int = 1) -> Identity:
    return sample_identity(np.random.default_rng(seed))


def drawn(face: Face) -> np.ndarray:
    canvas = Image.new("RGB", (448, 448), (90, 120, 150))
    draw_face(canvas, face)
    return np.asarray(canvas)


@pytest.mark.parametrize("label", range(8))
def test_valence_and_arousal_gather_around_the_place_of_their_expression(label: int) -> None:
    rng = np.random.default_rng(label)
    drawn = [sample_affect(label, rng) for _ in range(300)]
    place = EXPRESSIONS[label]
    assert np.mean([one.valence for one in drawn]) == pytest.approx(place.valence, abs=0.3)
    assert np.mean([one.arousal for one in drawn]) == pytest.approx(place.arousal, abs=0.3)


def test_valence_and_arousal_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    rated = [(one.valence, one.arousal) for one in (sample_affect(HAPPY, rng) for _ in range(500))]
    assert np.abs(rated).max() <= 1


def test_some_labels_are_wrong_but_most_are_right() -> None:
    rng = np.random.default_rng(0)
    smiling = np.mean([sample_affect(HAPPY, rng).parameters.mouth_corner > 0.3 for _ in range(1000)])
    assert 1 - 2.5 * MISLABELLED < smiling < 0.99


def test_every_neighbour_is_another_expression() -> None:
    for label, expression in enumerate(EXPRESSIONS):
        assert label not in expression.neighbours
        assert set(expression.neighbours) <= set(range(8))


def test_a_smile_lifts_the_corners_of_the_mouth_and_sadness_lowers_them() -> None:
    corner_y = {label: trace(person(), EXPRESSIONS[label].movements).mouth.upper_outer[0, 1] for label in (HAPPY, SAD)}
    assert corner_y[HAPPY] < trace(person(), REST).mouth.upper_outer[0, 1] < corner_y[SAD]


def test_surprise_opens_eyes_and_mouth() -> None:
    def openings(does: ExpressionParameters) -> tuple[float, float]:
        shape = trace(person(), does)
        return float(np.ptp(shape.left_eye.opening[:, 1])), float(np.ptp(shape.mouth.opening[:, 1]))

    rest, surprised = openings(REST), openings(EXPRESSIONS[SURPRISE].movements)
    assert surprised[0] > 1.3 * rest[0]
    assert surprised[1] > 3 * rest[1]


def test_anger_lowers_the_inner_brow_below_the_outer_one() -> None:
    brow = trace(person(), EXPRESSIONS[ANGER].movements).right_brow
    assert brow[0, 1] > brow[-1, 1]


def test_a_smirk_lifts_one_corner_only() -> None:
    mouth = trace(person(), ExpressionParameters(smirk=1.0)).mouth
    assert mouth.upper_inner[-1, 1] < mouth.upper_inner[0, 1] - 0.1


def test_lids_and_lips_never_cross() -> None:
    rng = np.random.default_rng(5)
    for label in range(8):
        shape = trace(sample_identity(rng), sample_affect(label, rng).parameters)
        for eye in (shape.left_eye, shape.right_eye):
            assert (eye.upper[:, 1] <= eye.lower[:, 1]).all()
        assert (shape.mouth.upper_inner[:, 1] <= shape.mouth.lower_inner[:, 1] + 1e-9).all()


def test_landmarks_are_the_68_points_in_their_order() -> None:
    points = Face(person(), REST, UPRIGHT).landmarks_px()
    assert points.shape == (68, 2)
    assert points[0, 0] < points[8, 0] < points[16, 0]  # jaw: left to right
    assert points[8, 1] == points[:, 1].max()  # over the chin
    assert points[17:27, 1].max() < points[36:48, 1].max() < points[30, 1] < points[48:68, 1].min()
    assert (points[36:42, 0] < points[27, 0]).all()
    assert (points[42:48, 0] > points[27, 0]).all()


def test_the_box_is_tight_around_the_head() -> None:
    face = Face(person(), REST, UPRIGHT)
    x, y, width, height = face.box_px()
    points = face.landmarks_px()
    assert (points >= (x, y)).all()
    assert (points <= (x + width, y + height)).all()
    assert height == pytest.approx(2 * UPRIGHT.scale_px, abs=3)


def test_roll_turns_about_the_centre_and_keeps_distances() -> None:
    who, points = person(), np.array([[0.0, 1.0], [0.3, 0.2]])
    turned = Pose(roll=0.4, yaw=0.0, pitch=0.0, scale_px=90.0, centre_px=(112.0, 112.0))
    centred = [project(points, who, pose) - np.array(pose.centre_px) for pose in (UPRIGHT, turned)]
    np.testing.assert_allclose(*(np.linalg.norm(one, axis=1) for one in centred))
    assert not np.allclose(*centred)


def test_expressions_change_the_picture_and_nothing_else_does() -> None:
    rest = drawn(Face(person(), REST, UPRIGHT))
    assert (rest == drawn(Face(person(), REST, UPRIGHT))).all()
    for expression in EXPRESSIONS[1:]:
        changed = (rest != drawn(Face(person(), expression.movements, UPRIGHT))).any(axis=2)
        assert 0.005 < changed.mean() < 0.25


def test_people_differ() -> None:
    assert len({person(seed) for seed in range(20)}) == 20
    assert {person(seed).glasses for seed in range(40)} == {True, False}
    assert {person(seed).hair_style for seed in range(60)} == {"bald", "short", "fringe", "long"}


def test_photographs_repeat_with_the_same_stream() -> None:
    def shot() -> bytes:
        rng = np.random.default_rng(4)
        pose = sample_pose(rng, scale_px=40.0, centre_px=(48.0, 48.0))
        return jpeg_bytes(photograph(Face(person(), REST, pose), rng, size_px=96), rng, comment=b"shot")

    assert shot() == shot()


def test_blend_goes_from_one_colour_to_the_other() -> None:
    assert [blend((0, 0, 0), (200, 100, 50), share) for share in (0.0, 0.5, 1.0)] == [
        (0, 0, 0),
        (100, 50, 25),
        (200, 100, 50),
    ]
