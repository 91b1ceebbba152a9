"""results.csv: one row per variant and thread count, nothing lost, nothing run by a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from edgebench.render.csv import render


def table(results):
    return list(csv.DictReader(io.StringIO(render(results).decode())))


def test_one_row_per_variant_and_thread_count(make):
    results = make(threads=(1, 2))
    rows = table(results)
    expected = [(v.variant, str(x.threads) if x else "") for v in results.variants for x in v.latency or (None,)]
    assert [(row["variant"], row["threads"]) for row in rows] == expected


def test_numbers_are_read_back_exactly(results):
    for row, variant in zip(table(results), results.variants, strict=True):
        assert row["size_bytes"] == ("" if variant.size_bytes is None else str(variant.size_bytes))
        accuracy = variant.scores.metrics["accuracy"]
        assert [float(row[f"accuracy{end}"]) for end in ("", "_low", "_high")] == [
            accuracy.value,
            accuracy.low,
            accuracy.high,
        ]
        for latency in variant.latency:
            assert float(row["latency_median_ms"]) == latency.median_ms.value
            assert int(row["peak_rss_bytes"]) == latency.peak_rss_bytes
            assert int(row["disturbed_blocks"]) == sum(bool(b.disturbed) for b in latency.blocks)


def test_what_was_not_measured_is_an_empty_cell(results):
    row = next(row for row in table(results) if row["variant"].endswith("coreml-int8"))
    assert row["latency_median_ms"] == row["fps"] == row["front_probability"] == ""
    assert row["reference_executed"] == "true"
    assert row["caveats"] == "reference-executed; float-operators"


def test_the_data_set_is_named_in_every_row_with_its_nature(results):
    assert {(row["dataset"], row["dataset_synthetic"]) for row in table(results)} == {("synthetic faces", "true")}


def test_related_columns_stand_together(results):
    header = render(results).decode().partition("\n")[0].split(",")
    assert header[0] == "variant"
    assert header[-1] == "caveats"
    assert header.index("delta_accuracy") + 1 == header.index("delta_accuracy_low")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_text_is_never_a_formula(results, start):
    first = results.variants[0].model_copy(update={"variant": f"{start}cmd()"})
    (row,) = table(results.model_copy(update={"variants": (first,)}))
    assert row["variant"] == f"'{start}cmd()"


def test_negative_numbers_stay_numbers(results):
    assert any(float(row["delta_accuracy"] or 0) < 0 for row in table(results))


def test_bare_results_are_still_a_table(unscored):
    assert len(table(unscored)) == len(unscored.variants)
    assert render(unscored.model_copy(update={"variants": ()})) == b"\n"
