"""The Pareto plot as a picture."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from edgebench.render.names import SYNTHETIC
from edgebench.render.pareto import png, svg


def texts(data):
    """Every line of text, those of a multi-line title one by one."""
    nodes = ElementTree.fromstring(data).iter("{http://www.w3.org/2000/svg}text")
    return [line for node in nodes for line in node.itertext()]


@pytest.fixture(scope="module")
def picture(results):
    return svg(results)


def test_it_names_the_data_set_the_axes_the_legend_and_the_front(picture):
    found = texts(picture)
    assert {"accuracy", "median latency, ms, logarithmic", "tflite", "onnx", "int8", "a0.25 tflite-int8"} <= set(found)
    assert any("on synthetic faces" in text for text in found)
    assert SYNTHETIC in found


def test_it_is_the_same_bytes_each_time(results, picture):
    assert svg(results) == picture
    assert png(results) == png(results)


def test_it_loads_nothing_and_runs_nothing(picture):
    root = ElementTree.fromstring(picture)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert not list(root.iter("{http://www.w3.org/2000/svg}image"))
    assert not list(root.iter("{http://www.w3.org/2000/svg}a"))


def test_the_png_is_sharp_enough_for_a_readme(results):
    image = Image.open(io.BytesIO(png(results)))
    assert image.format == "PNG"
    assert image.width > 1400
    assert len(image.convert("RGB").getcolors(1 << 24)) > 50, "something is drawn"


def test_one_panel_per_thread_count_and_the_front_says_where_it_is_judged(make):
    found = texts(svg(make(threads=(1, 2))))
    assert {"1 thread", "2 threads"} <= set(found)
    assert any("front at 1 thread" in text for text in found)


def test_without_latency_size_takes_its_place_and_with_nothing_it_says_so(untimed, unscored):
    assert "size, MB, logarithmic" in texts(svg(untimed))
    assert any("nothing has a latency" in text for text in texts(svg(untimed)))
    assert "nothing to draw" in texts(svg(unscored))


def test_hostile_names_stay_text(hostile):
    root = ElementTree.fromstring(svg(hostile))
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert not list(root.iter("{http://www.w3.org/2000/svg}img"))
