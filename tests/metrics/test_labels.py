from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import DataError, UnknownName
from edgebench.metrics.labels import (
    SYNONYMS,
    absent_labels,
    align_labels,
    align_values,
    classes_without_label,
    place_labels,
    truth_for,
)
from edgebench.specs.model import ClassesHead, ExpressionHead, RegressionHead

AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
KDEF = ("afraid", "angry", "disgusted", "happy", "neutral", "sad", "surprised")
FERPLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
RAF = ("Surprise", "Fear", "Disgust", "Happiness", "Sadness", "Anger", "Neutral")


def expressions(*labels: str) -> ExpressionHead:
    return ExpressionHead(kind="expression", name="face", labels=labels)


def classes(*labels: str) -> ClassesHead:
    return ClassesHead(kind="classes", name="things", labels=labels)


@pytest.mark.parametrize("labels", [FERPLUS, AFFECTNET])
def test_the_fields_data_sets_name_the_same_expressions(labels: tuple[str, ...]) -> None:
    head = expressions(*labels)
    for dataset in (AFFECTNET, FERPLUS):
        ids = np.arange(8)
        there = align_labels(ids, dataset, head)
        assert sorted(there) == list(range(8))
        assert align_labels(there, labels, expressions(*dataset)).tolist() == ids.tolist()


@pytest.mark.parametrize("dataset", [FER2013, KDEF, RAF])
def test_seven_expressions_find_their_places_among_eight(dataset: tuple[str, ...]) -> None:
    places = place_labels(dataset, expressions(*AFFECTNET))
    assert sorted(places) == [0, 1, 2, 3, 4, 5, 6]
    assert absent_labels(dataset, expressions(*AFFECTNET)) == ("contempt",)


def test_no_word_stands_for_two_expressions() -> None:
    words = [word for words in SYNONYMS for word in words]
    assert len(set(words)) == len(words)
    assert "calm" not in words  # beside neutral in RAVDESS


def test_equal_names_go_together_before_other_words_for_them() -> None:
    assert place_labels(("joy", "happy", "sad"), expressions("happy", "joy")) == (1, 0, -1)


def test_a_class_that_could_be_either_of_two_labels_is_named() -> None:
    with pytest.raises(DataError, match="'happiness' may be any of happy, joy"):
        place_labels(("happiness", "sad"), expressions("happy", "joy"))


def test_general_classes_go_by_their_exact_names() -> None:
    assert place_labels(("happiness", "Cat", "dog"), classes("happy", "cat", "dog")) == (-1, -1, 2)


def test_labels_are_matched_by_name() -> None:
    head = expressions("happy", "angry", "disgust", "sad")
    assert align_labels(np.array([0, 1, 2, -1, 2]), ("angry", "disgust", "happy"), head).tolist() == [1, 2, 0, -1, 0]


@given(st.permutations(["neutral", "happy", "sad", "fear"]), st.lists(st.integers(-1, 3)))
def test_aligning_there_and_back_changes_nothing(labels: list[str], ids: list[int]) -> None:
    dataset = ("neutral", "happy", "sad", "fear")
    there = align_labels(np.array(ids, int), dataset, classes(*labels))
    assert align_labels(there, labels, classes(*dataset)).tolist() == ids


def test_an_image_of_a_class_that_the_model_does_not_have_is_unlabelled_and_counted() -> None:
    head = expressions("happy", "sad")
    assert align_labels(np.array([0, 1, 2]), ("happy", "contempt", "sad"), head).tolist() == [0, -1, 1]
    assert classes_without_label({"happy": 5, "contempt": 3, "fear": 0}, head) == {"contempt": 3}


def test_a_set_without_any_class_of_the_model_is_refused() -> None:
    with pytest.raises(UnknownName, match="known: car, tree"):
        align_labels(np.array([0]), ("car", "tree"), classes("cat", "dog"))


@pytest.mark.parametrize("wrong", [-2, 2])
def test_a_label_out_of_range_is_refused(wrong: int) -> None:
    with pytest.raises(DataError, match="out of range"):
        align_labels(np.array([0, wrong]), ("happy", "sad"), expressions("happy", "sad"))


def test_numbers_are_matched_by_the_names_of_their_columns() -> None:
    values = np.array([[1, 10], [2, np.nan]], np.float32)
    aligned = align_values(values, ("age", "height"), ("height", "weight", "age"))
    np.testing.assert_array_equal(aligned, [[10, np.nan, 1], [np.nan, np.nan, 2]])


def test_each_head_is_given_what_it_is_judged_by() -> None:
    heads = (classes("b", "a"), RegressionHead(kind="regression", name="n", targets=("age",)))
    truth = truth_for(
        heads, classes=np.array([0, 1]), labels=("a", "b"), values=np.array([[3.0], [4.0]]), value_names=("age",)
    )
    assert truth["classes"].tolist() == [1, 0]
    assert truth["regression"].tolist() == [[3], [4]]
