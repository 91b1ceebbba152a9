from __future__ import annotations

import csv
import io

import pytest

from edgebench.records.caveat import Caveat
from edgebench.records.results import PowerUse, Results, Soak
from edgebench.render import csv as csv_file
from edgebench.render import encodings, html, markdown, palette, soaks


def soak_of(threads: int, *, power: PowerUse | None = None) -> Soak:
    """Slows down to one and a half times over ten minutes."""
    count = 120
    return Soak(
        job="j1",
        threads=threads,
        runtime="litert",
        runtime_version="1",
        duration_s=600.0,
        burst_s=10.0,
        sustained_s=60.0,
        burst_ms=20.0,
        sustained_ms=30.0,
        ratio=1.5,
        invocations=24_000,
        at_s=tuple(5.0 * n for n in range(count)),
        median_ms=tuple(20.0 + 10.0 * n / (count - 1) for n in range(count)),
        p90_ms=(31.0,) * count,
        temperature_c=tuple(45.0 + 37.0 * n / (count - 1) for n in range(count)),
        frequency_mhz=(None,) * count,
        power=power,
        conditions={},
        caveats=(Caveat(kind="slows-down", text="it slows down", fix="a fan"),),
    )


@pytest.fixture
def soaked(results: Results) -> Results:
    """Long blocks at two thread counts, of every variant that was timed at all."""
    power = PowerUse(meter="pmic", mean_w=4.25, inference_j=0.0851)
    found = (soak_of(1, power=power), soak_of(4))
    variants = tuple(
        v.model_copy(
            update={
                "soaks": found if v.latency else (),
                "latency": tuple(each.model_copy(update={"power": power}) for each in v.latency),
            }
        )
        for v in results.variants
    )
    return results.model_copy(update={"variants": variants})


def test_each_variant_has_a_line_that_starts_at_its_burst(soaked: Results) -> None:
    charts = soaks.soak_charts(soaked, palette.LIGHT, width=600)
    assert list(charts) == [1, 4]
    (rows,) = encodings.specification(charts[1], palette.LIGHT)["datasets"].values()
    first = [row for row in rows if row["variant"] == rows[0]["variant"]]
    assert [first[0]["ratio"], first[-1]["ratio"]] == [1.0, 1.5]
    assert first[-1]["minutes"] == pytest.approx(595 / 60)
    assert (first[0]["temperature"], first[0]["clock"]) == ("45 C", "not measured")
    assert len({row["variant"] for row in rows}) == sum(bool(v.soaks) for v in soaked.variants)


def test_the_table_holds_burst_beside_sustained_and_what_was_not_measured(soaked: Results) -> None:
    rows = list(soaks.table(soaked))
    assert all(len(row) == len(soaks.HEAD) for row in rows)
    one, four = rows[0], rows[1]
    assert one[1:5] == ["1", "20.0 ms", "30.0 ms", "1.50x"]
    assert one[5:] == ["10 min 00 s", "45 to 82 C", "not measured", "4.25 W", "85.1 mJ"]
    assert four[-2:] == ["not measured", "not measured"]


def test_page_summary_and_csv_tell_of_it(soaked: Results) -> None:
    page = html.render(soaked).decode()
    assert "Burst and sustained speed" in page
    assert 'data-chart="soaks-1"' in page
    assert "4.25 W" in page
    assert "slows-down" in page
    summary = markdown.render(soaked).decode()
    assert "### Burst and sustained speed" in summary
    row = next(row for row in csv.DictReader(io.StringIO(csv_file.render(soaked).decode())) if row["burst_ms"])
    assert (row["burst_ms"], row["sustained_ms"], row["soak_s"]) == ("20.0", "30.0", "600.0")
    assert (row["power_w"], row["inference_j"]) == ("4.25", "0.0851")


def test_nothing_is_said_of_soaks_where_there_are_none(results: Results) -> None:
    assert soaks.soak_charts(results, palette.LIGHT) == {}
    assert "Burst and sustained" not in html.render(results).decode()
    assert "Burst and sustained" not in markdown.render(results).decode()
