"""Every block is drawn, over its variant's median, and disturbed ones stand out."""

from __future__ import annotations

import pytest

from edgebench.render import blocks, encodings
from edgebench.render.palette import PAGE


@pytest.fixture(scope="module")
def rows(results):
    spec = encodings.specification(blocks.block_charts(results, PAGE)[1], PAGE)
    (found,) = spec["datasets"].values() if "datasets" in spec else [spec["data"]["values"]]
    return found


def test_every_block_of_every_variant_is_a_row(results, rows):
    expected = [(v.variant, b.round) for v in results.variants for latency in v.latency for b in latency.blocks]
    assert [(row["variant"], row["round"]) for row in rows] == expected


def test_quantiles_are_ratios_to_the_variants_median(results, rows):
    variant = next(v for v in results.variants if v.variant == rows[0]["variant"])
    block, median_ms = variant.latency[0].blocks[0], variant.latency[0].median_ms.value
    for quantile in blocks.DRAWN:
        assert rows[0][quantile] * median_ms == pytest.approx(block.quantiles_ms[quantile])
    assert rows[0]["p5"] < rows[0]["p25"] < rows[0]["p50"] < rows[0]["p75"] < rows[0]["p95"]


def test_a_disturbed_block_says_by_what(results, rows):
    disturbed = {(row["variant"], row["round"]) for row in rows if row["disturbed"]}
    expected = {(v.variant, b.round) for v in results.variants for x in v.latency for b in x.blocks if b.disturbed}
    assert disturbed == expected
    assert expected, "the fixture holds some"
    assert all((row["note"] == "nothing") != row["disturbed"] for row in rows)


def test_the_axis_label_states_the_median_the_ratios_are_to(rows):
    assert rows[0]["name"] == "a0.25 tflite-fp32, 0.420 ms"
