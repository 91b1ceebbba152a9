"""The grammar of variant ids."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import UnknownName, UsageError
from edgebench.specs.variant import FORMATS, RECIPES, Variant, known_format, known_recipe, source_id

variants = st.builds(
    Variant,
    model=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    format=st.sampled_from(FORMATS),
    recipe=st.sampled_from(RECIPES),
)


@given(variants)
def test_an_id_is_read_back(variant):
    assert Variant.parse(variant.id) == variant


@given(variants)
def test_the_float_variant_differs_in_nothing_but_the_recipe(variant):
    assert variant.fp32 == variant.model_copy(update={"recipe": "fp32"})


@given(st.text())
def test_any_text_is_a_variant_or_a_usage_error(text):
    with suppress(UsageError):
        assert Variant.parse(text).id == text


@pytest.mark.parametrize("text", ["net", "net.tflite", ".tflite-int8", "tflite-int8", ""])
def test_what_is_no_id_is_answered_with_the_grammar(text):
    with pytest.raises(UsageError, match=r"write <model>\.<format>-<recipe>"):
        Variant.parse(text)


@pytest.mark.parametrize(
    ("text", "near"), [("net.tflit-int8", "'tflite'"), ("net.tflite-int4", "'int8'"), ("net.onx-fp32", "'onnx'")]
)
def test_a_misspelt_part_is_answered_with_the_nearest(text, near):
    with pytest.raises(UnknownName, match=f"did you mean {near}"):
        Variant.parse(text)


def test_patterns_fit_the_id_or_the_part_after_the_model():
    variant = Variant.parse("net_a0.5.tflite-int8")
    assert all(map(variant.matches, ("net_a0.5.tflite-int8", "net*", "tflite-*", "*-int8", "tflite-int8")))
    assert not any(map(variant.matches, ("net", "onnx-*", "*-fp16", "TFLITE-int8")))


def test_known_names_are_given_back():
    assert [known_format(name) for name in FORMATS] == list(FORMATS)
    assert [known_recipe(name) for name in RECIPES] == list(RECIPES)


def test_the_source_row_has_an_id_that_is_no_variant():
    assert source_id("net") == "net.source"
    with pytest.raises(UsageError):
        Variant.parse(source_id("net"))
