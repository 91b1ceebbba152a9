"""Labels never collide, whatever the points."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from edgebench.render.placement import ANCHORS, Point, label_box, place

WIDTH, HEIGHT = 400.0, 300.0
POINTS = st.lists(
    st.builds(
        Point, st.floats(0, WIDTH), st.floats(0, HEIGHT), st.floats(1, 12), st.sampled_from(["", "a0.5", "tflite-int8"])
    ),
    max_size=25,
)


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@given(POINTS)
def test_labels_cover_no_other_label_no_other_point_and_stay_inside(points):
    solid = (0.0, 100.0, 60.0, 113.0)
    anchors = place(points, width=WIDTH, height=HEIGHT, solid=[solid])
    boxes = [(p, label_box(p, a)) for p, a in zip(points, anchors, strict=True) if a]
    assert not any(overlap(a, b) for (_, a), (_, b) in combinations(boxes, 2))
    for own, box in boxes:
        assert box[0] >= 0
        assert box[1] >= 0
        assert box[2] <= WIDTH
        assert box[3] <= HEIGHT
        assert not overlap(box, solid)
        for other in points:
            disc = (other.x - other.radius, other.y - other.radius, other.x + other.radius, other.y + other.radius)
            assert other is own or not overlap(box, disc)


@given(POINTS)
def test_every_point_gets_an_answer_and_silent_ones_no_label(points):
    anchors = place(points, width=WIDTH, height=HEIGHT)
    assert len(anchors) == len(points)
    assert all(anchor == "" or anchor in ANCHORS for anchor in anchors)
    assert all(not anchor for point, anchor in zip(points, anchors, strict=True) if not point.text)


def test_a_free_point_is_labelled_to_its_north_west_where_a_front_leaves_room():
    assert place([Point(200, 150, 5, "a0.5")], width=WIDTH, height=HEIGHT) == ["nw"]


def test_earlier_points_choose_first_and_crowded_ones_go_without():
    stack = [Point(200, 150, 5, "a0.5") for _ in range(3)]
    assert place(stack[:1], width=WIDTH, height=HEIGHT) == ["nw"]
    walled = place(stack[:1], width=WIDTH, height=HEIGHT, solid=[(0.0, 0.0, WIDTH, HEIGHT)])
    assert walled == [""]


def test_a_label_crosses_faint_lines_only_where_it_must():
    bar = (170.0, 0.0, 171.0, 149.0)
    assert place([Point(200, 150, 5, "a0.25 tflite")], width=WIDTH, height=HEIGHT, faint=[bar]) == ["ne"]
    everywhere = (0.0, 0.0, WIDTH, HEIGHT)
    assert place([Point(200, 150, 5, "a0.5")], width=WIDTH, height=HEIGHT, faint=[everywhere]) == ["nw"]
