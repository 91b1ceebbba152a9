"""The table of all variants: every column answers for every variant, and sorts by numbers."""

from __future__ import annotations

import pytest

from edgebench.render import tables
from edgebench.units import NOT_MEASURED


def cells(results, variant_suffix):
    variant = next(v for v in results.variants if v.variant.endswith(variant_suffix))
    return {column.title: column.cell(variant) for column in tables.columns(results)}


def test_the_columns_are_those_of_the_report(results):
    assert [column.title for column in tables.columns(results)] == [
        "size",
        "size / fp32",
        "int8 operators",
        "accuracy",
        "delta",
        "drift",
        "macro F1",
        "CCC valence",
        "CCC arousal",
        "latency",
        "latency / fp32",
        "fps",
        "P(front)",
        "P(front with size)",
        "caveats",
    ]


def test_a_column_that_says_nothing_of_any_variant_is_named_instead_of_shown(results):
    shown, unmeasured = tables.shown(results)
    assert (len(shown), unmeasured) == (len(tables.columns(results)), [])
    unscored = [variant.model_copy(update={"scores": None, "drift": None}) for variant in results.variants]
    shown, unmeasured = tables.shown(results.model_copy(update={"variants": tuple(unscored)}))
    assert unmeasured == ["accuracy", "delta", "drift", "macro F1", "CCC valence", "CCC arousal"]
    assert [column.title for column in shown][:4] == ["size", "size / fp32", "int8 operators", "latency"]


def test_a_measured_variant_shows_its_numbers_with_intervals(results):
    found = cells(results, "a0.25.tflite-int8")
    variant = next(v for v in results.variants if v.variant.endswith("a0.25.tflite-int8"))
    assert (found["size"].text, found["size / fp32"].text) == ("243.0 kB", "0.27x")
    assert found["int8 operators"].text == "28 of 29"
    assert found["latency"].text.endswith(" ms")
    assert found["latency"].note.startswith("[")
    assert found["latency"].sort == variant.latency[0].median_ms.value
    assert (found["drift"].text, found["drift"].note) == (variant.drift.verdict, "800 images, margin 2.00 pt")
    assert found["drift"].tone == variant.drift.verdict
    assert found["caveats"].text == "float-operators, virtualized"


def test_a_reference_executed_variant_never_shows_a_latency(results):
    found = cells(results, "coreml-fp16")
    for title in ("latency", "latency / fp32", "fps"):
        assert found[title].text == NOT_MEASURED
        assert found[title].sort is None
    assert found["latency"].note == "reference-executed"


def test_the_source_is_the_reference_and_has_no_verdict(results):
    found = cells(results, "a0.5.source")
    assert (found["delta"].text, found["drift"].text) == ("reference", "reference")
    assert found["accuracy"].text.endswith(" %")


def test_everything_absent_says_not_measured(unscored):
    found = cells(unscored, "tflite-int8")
    assert found.pop("caveats").text == "none"
    assert {cell.text for cell in found.values()} == {NOT_MEASURED}
    assert {cell.sort for cell in found.values()} == {None}


def test_each_thread_count_has_its_columns(make):
    titles = [column.title for column in tables.columns(make(threads=(1, 2)))]
    assert titles[9:15] == [
        "latency, 1 thread",
        "latency / fp32, 1 thread",
        "fps, 1 thread",
        "latency, 2 threads",
        "latency / fp32, 2 threads",
        "fps, 2 threads",
    ]


@pytest.mark.parametrize("title", ["accuracy", "fps", "P(front)"])
def test_more_is_better_columns_begin_with_the_largest(results, title):
    by_title = {column.title: column for column in tables.columns(results)}
    assert by_title[title].largest_first
    assert not by_title["size"].largest_first


def test_concordance_takes_the_place_of_accuracy(valence_only):
    found = cells(valence_only, "tflite-int8")
    assert "accuracy" not in found
    assert found["CCC mean"].text == "0.550"
    assert found["delta"].text == "-0.004"


def test_caveats_of_a_variant_and_its_latencies_are_told_once(results):
    variant = next(v for v in results.variants if v.latency)
    doubled = variant.model_copy(update={"caveats": variant.latency[0].caveats})
    assert tables.caveats_of(doubled) == variant.latency[0].caveats
