from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.data import Index
from edgebench.data.agreement import MOST_PAIRED
from edgebench.data.annotations import Annotations
from edgebench.errors import DataError

PLACE = Path("set")

marks = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "x", "y", "z"]), st.sampled_from([math.nan, 1.0, 2.5])),
    min_size=1,
    max_size=40,
)


def index_of(annotations: Annotations) -> Index:
    return annotations.index(folder=PLACE, root=PLACE, layout="test", split="validation", key="")


@given(marks)
def test_the_majority_names_a_picture_and_the_mean_rates_it(given_marks: list[tuple[str, str, float]]) -> None:
    found = Annotations(value_names=["age"])
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    ages: dict[str, list[float]] = defaultdict(list)
    for file, label, age in given_marks:
        found.add(file, [found.know(label, "here")], [age])
        votes[file] += Counter([label] if label else [])
        ages[file] += [] if math.isnan(age) else [age]
    expected = {}
    for file in dict.fromkeys(file for file, _, _ in given_marks):
        ranked = votes[file].most_common(2)
        clear = ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1])
        expected[file] = (ranked[0][0] if clear else "", np.mean(ages[file]) if ages[file] else math.nan)
    expected = {file: each for file, each in expected.items() if each[0] or not math.isnan(each[1])}
    if not expected:
        with pytest.raises(DataError, match="no picture of the validation part has a usable label"):
            index_of(found)
        return
    index = index_of(found)
    names = [index.labels[number] if number >= 0 else "" for number in index.classes]
    assert dict(zip(index.files, names, strict=True)) == {file: label for file, (label, _) in expected.items()}
    np.testing.assert_allclose(index.values[:, 0], [age for _, age in expected.values()])


def test_the_agreement_of_two_who_agree_is_whole() -> None:
    found = Annotations(value_names=["valence", "arousal"])
    for file, label, valence in (("a", "x", 0.5), ("b", "y", -0.5), ("c", "y", 0.1)):
        for who in "AB":
            annotators = [found.know_annotator(who)]
            found.add(file, [found.know(label, "here")], [valence, -valence], annotators=annotators)
    agreement = index_of(found).agreement
    assert (agreement["accuracy"], agreement["cohens_kappa"], agreement["rmse_valence"]) == (1, 1, 0)
    assert agreement["krippendorff_alpha_arousal"] == 1


def test_a_crowd_is_compared_by_alpha_alone() -> None:
    for crowd in (MOST_PAIRED, MOST_PAIRED + 1):
        found = Annotations(value_names=["valence", "arousal"])
        for who in range(crowd):
            for file in (who, (who + 1) % crowd):
                found.add(str(file), [found.know("xyz"[who % 3], "here")], [0.1, 0.1], annotators=[who])
        assert ("accuracy" in index_of(found).agreement) == (crowd == MOST_PAIRED)
        assert "krippendorff_alpha" in index_of(found).agreement


def test_an_annotation_by_nobody_knows_whom_leaves_alpha() -> None:
    found = Annotations()
    for file, who, label in (("a", "A", "x"), ("a", "", "x"), ("b", "A", "y"), ("b", "B", "x")):
        found.add(file, [found.know(label, "here")], annotators=[found.know_annotator(who)])
    assert set(index_of(found).agreement) == {"krippendorff_alpha"}


def test_two_who_never_rated_both_axes_of_one_picture_are_compared_by_what_they_did() -> None:
    found = Annotations(value_names=["valence", "arousal"])
    for file, who, rated in (
        ("a", 0, (0.1, math.nan)),
        ("a", 1, (0.3, 0.2)),
        ("b", 0, (math.nan, 0.5)),
        ("b", 1, (1, 0)),
    ):
        found.add(file, values=rated, annotators=[who])
    assert set(index_of(found).agreement) == {"krippendorff_alpha_valence", "krippendorff_alpha_arousal"}


def test_one_annotator_has_nobody_to_agree_with() -> None:
    found = Annotations()
    found.add("a", [found.know("x", "here")])
    assert index_of(found).agreement == {}


def test_annotators_who_never_agree_are_named_as_the_reason() -> None:
    found = Annotations()
    for file in ("a", "b"):
        for label in ("x", "y"):
            found.add(file, [found.know(label, "here")])
    with pytest.raises(DataError, match="has a usable label: annotators disagree in all 2"):
        index_of(found)
    found.add("c")
    with pytest.raises(DataError, match="has a usable label: annotators disagree in 2 of 3"):
        index_of(found)
