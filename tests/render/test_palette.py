"""Colours can be told apart from their ground, and a format keeps its own."""

from __future__ import annotations

import re

import pytest

from edgebench.render.palette import DARK, LIGHT, PAGE, SHAPES, Palette, colors, ordered, shapes


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_reaches_wcag_aa_and_marks_three_to_one(palette: Palette):
    for text in (palette.ink, palette.muted, palette.warning):
        assert contrast(text, palette.ground) >= 4.5
    for color in palette.series:
        assert contrast(color, palette.ground) >= 3


def test_the_page_names_every_colour_that_the_style_defines():
    used = set(re.findall(r"var\(--([\w-]+)\)", str(PAGE)))
    for scheme in (LIGHT, DARK):
        assert set(re.findall(r"--([\w-]+):", scheme.css())) == used


def test_a_format_keeps_its_colour_whatever_else_the_report_holds():
    assert colors(["onnx"], LIGHT)["onnx"] == colors(["coreml", "onnx", "tflite"], LIGHT)["onnx"]
    assert list(colors(["coreml", "tflite", "new"], LIGHT)) == ["tflite", "coreml", "new"]
    assert len(set(colors(["tflite", "onnx", "coreml", "new"], LIGHT).values())) == 4


def test_a_recipe_keeps_its_shape_and_many_recipes_do_not_run_out():
    assert shapes(["int8"])["int8"] == shapes(["fp32", "int8"])["int8"]
    assert len(shapes([f"recipe{i}" for i in range(20)])) == 20
    assert len(set(SHAPES)) == len(SHAPES)


def test_known_names_come_first_in_their_own_order():
    assert ordered(["z", "b", "a", "b"], ("a", "b", "c")) == ["a", "b", "z"]
