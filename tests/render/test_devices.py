"""Several devices on one page."""

from __future__ import annotations

import re

import pytest

from edgebench.records.results import DeviceAnswers, Results
from edgebench.render.devices import Beside, pictures, render, rows


def on(results: Results, device: str, *, emulated: bool = False, slower: float = 1.0) -> Results:
    """The same results as if of another device."""
    assert results.device

    def variant(row):
        latency = tuple(
            each.model_copy(
                update={
                    "median_ms": each.median_ms.model_copy(
                        update={key: (getattr(each.median_ms, key) or 0) * slower for key in ("value", "low", "high")}
                    )
                }
            )
            for each in row.latency
        )
        ran = DeviceAnswers(
            job="0" * 16,
            emulated=emulated,
            runtime="litert",
            runtime_version="2",
            path="XNNPACK",
            blocks=5,
            images=8,
            held_against="evaluation",
            exact=True,
            largest_difference=0.0,
            allowed_difference=0.0,
            same=True,
        )
        timed = bool(row.latency)
        return row.model_copy(update={"latency": () if emulated else latency, "answers": ran if timed else None})

    info = results.device.model_copy(update={"name": device, "emulated": emulated})
    return results.model_copy(update={"device": info, "variants": tuple(map(variant, results.variants))})


@pytest.fixture
def beside(results: Results) -> list[Beside]:
    return [
        Beside(on(results, "pi5"), "pi5"),
        Beside(on(results, "pi4", slower=3), "pi4"),
        Beside(on(results, "box <&>", emulated=True), "box-12345678"),
    ]


def test_every_variant_that_ran_has_a_cell_for_every_device(results: Results, beside: list[Beside]) -> None:
    table = list(rows(beside))
    assert {row.variant for row in table} == {row.variant for row in results.variants if row.latency}
    by_name = {(row.variant, row.threads): row for row in table}
    for variant in results.variants:
        for latency in variant.latency:
            fast, slow, emulated = by_name[variant.variant, latency.threads].cells
            assert float(slow[0].split()[0]) == pytest.approx(3 * float(fast[0].split()[0]), rel=0.02)
            assert ("of fp32" in fast[1]) == (variant.recipe != "fp32" and latency.ratio_to_fp32 is not None)
            assert emulated == ("not measured", "emulated: runs there, same answers")


def test_a_device_that_lacks_a_variant_says_not_measured(results: Results) -> None:
    timed = [row for row in results.variants if row.latency]
    fewer = results.model_copy(update={"variants": tuple(timed[1:])})
    table = list(rows([Beside(on(results, "a"), "a"), Beside(on(fewer, "b"), "b")]))
    assert {row.cells[1] for row in table if row.variant == timed[0].variant} == {("not measured", "")}
    assert ("not measured", "") not in {row.cells[1] for row in table if row.variant == timed[1].variant}


def test_every_real_device_has_its_own_picture(beside: list[Beside]) -> None:
    assert [device.partition(",")[0] for device, _ in pictures(beside)] == ["pi5", "pi4"]


def test_the_page_links_every_device_s_own_and_needs_nothing_else(beside: list[Beside]) -> None:
    page = render(beside).decode()
    assert render(beside).decode() == page
    for each in beside:
        assert f'href="{each.folder}/index.html"' in page
    assert "box &lt;&amp;&gt;" in page
    assert "(emulated" in page
    assert "script-src &#39;none&#39;" in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#|[^":]*/index.html)', page)
