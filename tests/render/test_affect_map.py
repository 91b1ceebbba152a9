from __future__ import annotations

import json
import struct
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from edgebench.records.results import AffectErrors, Results
from edgebench.render import affect_map, html, palette, results_json

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def errors(mapped: Results) -> AffectErrors:
    found = mapped.variants[0].scores and mapped.variants[0].scores.affect_errors
    assert found is not None
    return found


def test_a_picture_has_a_cell_for_each_place_of_a_label_in_each_panel(errors: AffectErrors) -> None:
    picture = affect_map.svg(errors, name="answers.csv")
    root = ElementTree.fromstring(picture)
    marks = [group for group in root.iter(f"{SVG}g") if "mark-rect role-mark" in (group.get("class") or "")]
    assert [len(group) for group in marks] == 3 * [len(errors.labels)]
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {"Errors of answers.csv by the place of the label", "RMSE of valence", "RMSE of arousal", "labels"} <= texts
    assert affect_map.summary(errors) in texts
    assert affect_map.svg(errors, name="answers.csv") == picture


def test_a_name_is_text_in_the_picture(errors: AffectErrors) -> None:
    root = ElementTree.fromstring(affect_map.svg(errors, name="<a&b>.csv"))
    assert "Errors of <a&b>.csv by" in "".join(root.itertext())


def test_a_picture_of_pixels_is_twice_as_sharp(errors: AffectErrors) -> None:
    data = affect_map.png(errors, name="answers.csv")
    width, height = struct.unpack(">II", data[16:24])
    assert width > 2 * 3 * affect_map.CELL_PX * errors.cells
    assert height > 2 * affect_map.CELL_PX * errors.cells


def test_the_summary_counts_labels_and_cells_and_means_over_cells() -> None:
    found = AffectErrors(
        cells=71, valence=(0, 70), arousal=(5, 5), labels=(1, 9), valence_rmse=(0.5, 0.1), arousal_rmse=(0.0, 0.0625)
    )
    means = "valence 0.300, arousal 0.031"
    assert affect_map.summary(found) == f"10 labels in 2 of 71 x 71 cells; mean RMSE of these cells: {means}"


def test_the_page_draws_the_best_source_model(mapped: Results) -> None:
    drawn = affect_map.drawn_on_page(mapped)
    assert drawn is not None
    assert drawn[0].variant == "mobilenet_v1_a0.5.source"
    page = html.render(mapped).decode()
    assert f"mobilenet_v1_a0.5.source, the best of the source models: {affect_map.summary(drawn[1])}" in page
    alone = html.render(mapped.model_copy(update={"variants": mapped.variants[:10]})).decode()
    assert "mobilenet_v1_a0.25.source: 200 labels" in alone


def test_the_page_has_a_live_chart_and_a_still_picture_of_each_axis(mapped: Results, results: Results) -> None:
    page = html.render(mapped)
    assert html.render(mapped) == page
    for axis in affect_map.AXES:
        assert f'data-chart="affect-{axis}"'.encode() in page
        live = affect_map.error_charts(mapped, palette.PAGE, live=True)[axis].to_dict()
        assert live["width"] == "container"
        assert {"name": "focus", "value": ""} in live["params"]
    assert b'href="#affect"' in page
    assert b"affect-valence" not in html.render(results)


def test_as_many_labels_as_affectnets_all_over_the_square_weigh_less_than_a_megabyte(
    with_errors: Callable[[int], Results], results: Results
) -> None:
    assert len(html.render(with_errors(4500))) - len(html.render(results)) < 1_000_000


def test_the_record_goes_to_json_and_back(mapped: Results) -> None:
    data = results_json.render(mapped)
    assert results_json.read(data) == mapped
    assert len(json.loads(data)["variants"][0]["scores"]["affect_errors"]["labels"]) > 100
