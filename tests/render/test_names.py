"""Short names tell variants apart, anchors are safe, and the data set is always named."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from edgebench.render import names


def test_models_lose_the_words_they_share_and_keep_whole_words():
    models = names.short_models(["mobilenet_v1_a0.25", "mobilenet_v1_a0.5"])
    assert list(models.values()) == ["a0.25", "a0.5"]
    assert names.short_models(["net", "net_v2"]) == {"net": "net", "net_v2": "net_v2"}


def test_a_lone_model_needs_no_name(make):
    results = make(models=("mobilenet_v1_a0.5",))
    assert names.short_names(results)["mobilenet_v1_a0.5.tflite-int8"] == "tflite-int8"
    assert names.short_names(results)["mobilenet_v1_a0.5.source"] == "source"


@given(st.lists(st.text("ab_-.", min_size=1, max_size=8), unique=True, min_size=2, max_size=6))
def test_distinct_models_stay_distinct(models):
    short = names.short_models(models)
    assert len(set(short.values())) == len(models)
    assert all(model.endswith(name) for model, name in short.items())


@given(st.text(max_size=20), st.text(max_size=20))
def test_anchors_are_safe_and_distinct(one, other):
    assert re.fullmatch(r"v-[A-Za-z0-9_.~-]*", names.anchor(one))
    assert one == other or names.anchor(one) != names.anchor(other)


def test_the_title_always_names_the_data_set(results):
    assert names.title(results) == "Fixture data, measured by nobody on synthetic faces"
    named = results.model_copy(update={"title": "Two nets on synthetic faces"})
    assert names.title(named) == named.title
    assert names.title(results.model_copy(update={"dataset": None})).endswith("on no data set")


def test_the_front_says_its_thread_count_where_there_are_several(results, make):
    assert names.thread_counts(results) == [1]
    assert names.front_text(results) == "front, size left out"
    assert names.front_text(make(threads=(1, 2))) == "front at 1 thread, size left out"
    assert names.threads_text(4) == "4 threads"
