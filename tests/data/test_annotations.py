from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.data import Index
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
        for _ in range(2):
            found.add(file, [found.know(label, "here")], [valence, -valence])
    agreement = index_of(found).agreement
    assert (agreement["accuracy"], agreement["cohens_kappa"], agreement["rmse_valence"]) == (1, 1, 0)
    assert agreement["krippendorff_alpha_arousal"] == 1


def test_one_annotator_has_nobody_to_agree_with() -> None:
    found = Annotations()
    found.add("a", [found.know("x", "here")])
    assert index_of(found).agreement == {}
