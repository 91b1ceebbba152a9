from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.data.agreement import MOST_PAIRED, agreement, twice_by_one
from edgebench.metrics.annotators import affect_agreement, alpha, expression_agreement

NAMES = ("valence", "arousal", "age")
by_annotator_and_picture = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 5)), st.tuples(st.integers(-1, 2), st.floats(-1, 1)), min_size=2
)


def annotations(given_ones: dict[tuple[int, int], tuple[int, float]]) -> tuple[np.ndarray, ...]:
    who, row = np.array(list(given_ones)).T
    label = np.array([label for label, _ in given_ones.values()])
    values = np.array([[value, -value, 10 * value] for _, value in given_ones.values()])
    return row, label, values, who


@given(by_annotator_and_picture, st.randoms(use_true_random=False))
def test_no_order_of_the_annotations_changes_how_far_they_agree(
    given_ones: dict[tuple[int, int], tuple[int, float]], random: st.RandomType
) -> None:
    row, label, values, who = annotations(given_ones)
    if np.bincount(row).max() < 2:
        return
    order = random.sample(range(len(row)), len(row))
    for named in (who, None):
        one = agreement(row, label, values, NAMES, named)
        shuffled = None if named is None else named[order]
        other = agreement(row[order], label[order], values[order], NAMES, shuffled)
        assert one == pytest.approx(other)


def test_named_annotators_agree_as_their_whole_tables_do() -> None:
    rng = np.random.default_rng(0)
    labels, affect = rng.integers(-1, 3, (4, 30)), rng.uniform(-1, 1, (4, 30, 2))
    who, row = (index.ravel() for index in np.indices(labels.shape))
    found = agreement(row, labels[who, row], affect[who, row], NAMES[:2], who)
    assert found == pytest.approx(expression_agreement(labels) | affect_agreement(affect))


def test_annotators_without_names_are_compared_by_alpha() -> None:
    labels = np.array([[0, 1, 1, -1], [0, 2, 1, 2]])
    who, row = (index.ravel() for index in np.indices(labels.shape))
    found = agreement(row, labels[who, row], np.empty((8, 0)), (), None)
    expected = alpha(np.where(labels < 0, math.nan, labels), level="nominal")
    assert found == {"krippendorff_alpha": pytest.approx(expected)}


def test_pictures_with_one_annotation_change_nothing() -> None:
    rng = np.random.default_rng(1)
    row, who = np.repeat(np.arange(9), 2), np.tile([0, 1], 9)
    label, values = rng.integers(0, 3, 18), rng.uniform(-1, 1, (18, 3))
    more = agreement(
        np.append(row, [9, 10]),
        np.append(label, [0, 2]),
        np.vstack([values, np.ones((2, 3))]),
        NAMES,
        np.append(who, [1, 7]),
    )
    assert more == pytest.approx(agreement(row, label, values, NAMES, who))


def test_a_crowd_needs_no_table_of_everybody_and_every_picture() -> None:
    """300,000 pictures by 3,000 people would be 7 GB."""
    row = np.repeat(np.arange(100_000), 3)
    who = (row * 3 + np.tile(np.arange(3), 100_000)) % 3_000
    label = np.random.default_rng(0).integers(0, 8, len(row))
    assert who.max() >= MOST_PAIRED
    found = agreement(row, label, np.empty((len(row), 0)), (), who)
    assert set(found) == {"krippendorff_alpha"}
    assert abs(found["krippendorff_alpha"]) < 0.01


def test_the_second_annotation_of_a_picture_by_one_person_is_found() -> None:
    row, who = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 1, 1])
    assert twice_by_one(row[:4], who[:4]) is None
    assert twice_by_one(row, who) == 4
