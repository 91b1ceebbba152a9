"""Charts hold every mark they promise, in either palette, and load nothing."""

from __future__ import annotations

import json

import pytest

from edgebench.render import blocks, charts, encodings
from edgebench.render.palette import LIGHT, PAGE


@pytest.fixture(scope="module")
def latency(results):
    return encodings.specification(charts.latency_charts(results, PAGE)[1], PAGE)


def marks(spec):
    return [layer["mark"]["type"] for layer in spec["layer"]]


def test_accuracy_over_latency_has_points_error_bars_front_sources_and_labels(latency):
    assert marks(latency) == ["rule", "text", "line", "rule", "rule", "point", "text", "text", "text", "text"]
    point = latency["layer"][5]["encoding"]
    assert point["color"]["scale"]["domain"] == ["tflite", "onnx", "coreml"]
    assert point["shape"]["scale"]["domain"] == ["fp32", "fp16", "int8"]
    assert {tip["title"] for tip in point["tooltip"]} >= {"variant", "accuracy", "median latency", "size", "P(front)"}
    assert latency["layer"][2]["mark"]["interpolate"] == "step-after"


def test_the_page_takes_its_colours_from_the_style_and_its_width_from_the_reader(latency):
    text = json.dumps(latency)
    assert latency["width"] == "container"
    assert "var(--series-0)" in text
    assert "#0072b2" not in text
    assert "href" in text


def test_a_picture_has_literal_colours_a_legend_and_no_dead_links(results):
    text = json.dumps(encodings.specification(charts.latency_charts(results, LIGHT, width=700)[1], LIGHT))
    assert "var(--" not in text
    assert '"legend": {"title": "format"}' in text
    assert '"field": "href"' not in text


def test_no_specification_names_an_address(latency, results):
    by_size = encodings.specification(charts.size_chart(results, PAGE), PAGE)
    by_block = encodings.specification(blocks.block_charts(results, PAGE)[1], PAGE)
    for spec in (latency, by_size, by_block):
        assert "http" not in json.dumps(spec)


def test_the_size_axis_is_in_megabytes_and_the_accuracy_axis_in_percent(results):
    spec = encodings.specification(charts.size_chart(results, PAGE), PAGE)
    encoding = spec["layer"][-1]["encoding"]
    assert encoding["x"]["title"] == "size, MB, logarithmic"
    assert "1e6" in encoding["x"]["axis"]["labelExpr"]
    assert "100 *" in encoding["y"]["axis"]["labelExpr"]


def test_one_chart_per_thread_count(make):
    results = make(threads=(1, 2))
    assert list(charts.latency_charts(results, PAGE)) == [1, 2]
    assert list(blocks.block_charts(results, PAGE)) == [1, 2]


def test_nothing_measured_is_no_chart(unscored, untimed):
    assert charts.latency_charts(untimed, PAGE) == {}
    assert blocks.block_charts(untimed, PAGE) == {}
    assert charts.size_chart(unscored, PAGE) is None


def test_charts_do_not_depend_on_what_was_drawn_before(results, latency):
    again = encodings.specification(charts.latency_charts(results, PAGE)[1], PAGE)
    assert json.dumps(again) == json.dumps(latency)
