from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgebench.data.selection import balanced

labels = st.lists(st.integers(-1, 7), max_size=60).map(lambda values: np.array(values, np.int64))
seeds = st.integers(0, 2**31)


def sizes(classes: np.ndarray, chosen: np.ndarray) -> dict[int, tuple[int, int]]:
    """Label -> how many were drawn, how many there are."""
    return {
        int(label): (int((classes[chosen] == label).sum()), int((classes == label).sum()))
        for label in np.unique(classes)
    }


@given(classes=labels, count=st.integers(0, 80), seed=seeds)
def test_a_draw_has_the_size_asked_for_no_duplicates_and_is_sorted(classes: np.ndarray, count: int, seed: int) -> None:
    chosen = balanced(classes, count, seed)
    assert len(chosen) == min(count, len(classes))
    assert (np.diff(chosen) > 0).all()


@given(classes=labels, count=st.integers(0, 80), seed=seeds)
def test_classes_differ_by_more_than_one_only_where_one_is_exhausted(
    classes: np.ndarray, count: int, seed: int
) -> None:
    drawn = sizes(classes, balanced(classes, count, seed))
    unlabelled = drawn.pop(-1, (0, 0))[0]
    largest = max((took for took, _ in drawn.values()), default=0)
    assert all(took >= largest - 1 or took == there for took, there in drawn.values())
    assert unlabelled == 0 or all(took == there for took, there in drawn.values())


@given(classes=labels, count=st.integers(0, 80), seed=seeds)
def test_the_same_seed_gives_the_same_draw(classes: np.ndarray, count: int, seed: int) -> None:
    assert np.array_equal(balanced(classes, count, seed), balanced(classes, count, seed))


@given(classes=labels, count=st.integers(0, 60), seed=seeds)
def test_a_larger_draw_holds_the_smaller_one(classes: np.ndarray, count: int, seed: int) -> None:
    assert set(balanced(classes, count, seed)) <= set(balanced(classes, count + 5, seed))


@given(classes=labels, count=st.integers(1, 60), seed=seeds, data=st.data())
def test_a_barred_image_is_replaced_and_the_rest_stays(
    classes: np.ndarray, count: int, seed: int, data: st.DataObject
) -> None:
    before = balanced(classes, count, seed)
    allowed = np.ones(len(classes), bool)
    if len(before):
        allowed[data.draw(st.sampled_from(before.tolist()))] = False
    after = balanced(classes, count, seed, allowed=allowed)
    assert allowed[after].all()
    assert len(after) == min(count, int(allowed.sum()))
    assert len(set(before[allowed[before]]) - set(after)) <= 1  # one more may move to keep the classes even


def test_different_seeds_give_different_draws() -> None:
    classes = np.arange(800) % 8
    assert not np.array_equal(balanced(classes, 80, 0), balanced(classes, 80, 1))


def test_a_negative_count_draws_nothing() -> None:
    assert len(balanced(np.zeros(5, np.int64), -3, 0)) == 0
