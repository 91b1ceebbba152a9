from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.data import load_samples, open_index
from edgebench.data.affectnet_2017 import COLUMNS, Affectnet2017, parse_annotations
from edgebench.data.rows import check_labels
from edgebench.errors import DataError
from edgebench.specs.model import InputContract

HEADER = ",".join(COLUMNS)
POINTS = ";".join(str(number) for number in range(136))
GOOD = f"1/a.jpg,4,6,8,4,{POINTS},3,0.5,-0.25"

pixels = st.integers(0, 5000)
affect = st.floats(-1, 1, width=32) | st.just(-2.0)
rows_of_a_table = st.lists(
    st.tuples(
        st.from_regex(r"[0-9]{1,4}/[0-9a-f]{8}\.(jpg|png|JPG)", fullmatch=True),
        st.tuples(pixels, pixels, pixels, pixels),
        st.lists(st.floats(-100, 5000, width=32), min_size=136, max_size=136) | st.none(),
        st.tuples(st.integers(0, 10), affect, affect),
    ),
    max_size=5,
)


@given(rows=rows_of_a_table, order=st.permutations(range(len(COLUMNS))), header=st.booleans())
def test_a_table_is_read_back_as_written_in_any_column_order(rows: list[tuple], order: list[int], header: bool) -> None:
    order = order if header else sorted(order)
    cells = [
        [file, *map(str, box), ";".join(map(repr, points or ())), *map(str, labels)]
        for file, box, points, labels in rows
    ]
    lines = [",".join(line[place] for place in order) + "\r\n" for line in ([list(COLUMNS)] if header else []) + cells]

    table = parse_annotations(lines, name="t.csv")

    assert table.files == [file for file, *_ in rows]
    assert table.labels.tolist() == [list(labels) for *_, labels in rows]
    assert table.face_box is not None
    assert table.face_box.tolist() == [list(box) for _, box, *_ in rows]
    expected = np.array([points or [math.nan] * 136 for _, _, points, _ in rows], np.float32).reshape(-1, 68, 2)
    np.testing.assert_array_equal(table.landmarks, expected)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_text_is_a_table_or_a_data_error(lines: list[str]) -> None:
    with suppress(DataError):
        check_labels(parse_annotations(lines, name="t.csv"))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1/a.jpg,4,6,8,4", "has 5 columns instead of 9"),
        (GOOD.replace("0.5", "half"), "column valence: 'half' is not a number"),
        (GOOD.replace("0.5", "nan"), "column valence: 'nan' is not a number"),
        (GOOD.replace(",3,", ",,"), "column expression: '' is not a number"),
        (GOOD.replace("1/a.jpg", " "), "column subDirectory_filePath is empty"),
        (GOOD.replace(";135", ""), "column facial_landmarks does not hold 68 points"),
        (GOOD.replace("8,4,0;", "8,x,0;"), "column face_height: 'x' is not a number"),
    ],
)
def test_a_malformed_cell_is_named_with_its_line(line: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        parse_annotations([HEADER, GOOD, line], name="validation.csv")
    assert caught.value.subject == "validation.csv:3"


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ("11,0,0", "expression 11 is out of range"),
        ("-1,0,0", "expression -1 is out of range"),
        ("2.5,0,0", "expression 2.5 is out of range"),
        ("0,1.01,0", "valence 1.01 is out of range"),
        ("0,0,-1.5", "arousal -1.5 is out of range"),
    ],
)
def test_a_label_out_of_range_is_named_with_its_line_and_the_range(labels: str, problem: str) -> None:
    table = parse_annotations([GOOD, GOOD.replace("3,0.5,-0.25", labels)], name="validation.csv")
    with pytest.raises(DataError, match=problem) as caught:
        check_labels(table)
    assert caught.value.subject == "validation.csv:2"
    assert "it must be" in caught.value.fix


def test_a_header_without_a_needed_column_is_refused() -> None:
    with pytest.raises(DataError, match="has no column arousal"):
        parse_annotations([HEADER.replace(",arousal", "")], name="t.csv")


def test_a_table_without_face_columns_has_no_boxes() -> None:
    table = parse_annotations(["subDirectory_filePath,expression,valence,arousal", "a.jpg,1,0.5,0.5"], name="t.csv")
    assert table.face_box is None
    assert table.landmarks is None


def test_an_open_quote_that_swallows_the_table_is_refused() -> None:
    with pytest.raises(DataError, match="not a CSV table"):
        parse_annotations(['"' + GOOD + "\n", *[GOOD + "\n"] * 400], name="t.csv")


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    ("tree", "lists"),
    [
        ("", ""),
        ("Manually_Annotated_Images", "Manually_Annotated_file_lists"),
        ("Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated"),
    ],
)
def test_every_release_of_the_tree_is_found(
    affectnet_2017: Callable[..., Path], cache: Path, header: bool, tree: str, lists: str
) -> None:
    folder = affectnet_2017([(0, 0.1, 0.2), (7, -0.5, 0.5)], tree=tree, lists=lists, header=header)
    index = open_index(folder, "validation", cache=cache)
    assert [index.path(row).is_file() for row in range(2)] == [True, True]
    assert index.classes.tolist() == [0, 7]
    assert index.face_box is not None
    assert index.face_box.tolist() == [[4, 6, 8, 4]] * 2


def test_a_byte_order_mark_is_no_part_of_the_header(affectnet_2017: Callable[..., Path]) -> None:
    folder = affectnet_2017([(0, 0.1, 0.2)])
    table = folder / "validation.csv"
    table.write_text("\ufeff" + table.read_text(), encoding="utf-8")
    assert len(Affectnet2017().read(folder, "validation")) == 1


def test_a_table_in_another_encoding_is_refused(affectnet_2017: Callable[..., Path]) -> None:
    folder = affectnet_2017([(0, 0.1, 0.2)])
    (folder / "validation.csv").write_bytes(b"\xff\xfe1/\xe9.jpg")
    with pytest.raises(DataError, match="not UTF-8"):
        Affectnet2017().read(folder, "validation")


@pytest.mark.parametrize("text", ["", HEADER + "\n", "\n\n"])
def test_an_empty_table_is_refused(affectnet_2017: Callable[..., Path], text: str) -> None:
    folder = affectnet_2017([(0, 0.1, 0.2)])
    (folder / "validation.csv").write_text(text)
    with pytest.raises(DataError, match="holds no annotations"):
        Affectnet2017().read(folder, "validation")


def test_a_tree_with_none_of_the_pictures_is_refused_with_the_places_looked_in(
    affectnet_2017: Callable[..., Path],
) -> None:
    folder = affectnet_2017([(0, 0.1, 0.2)])
    (folder / "1").rename(folder / "elsewhere")
    with pytest.raises(DataError, match="none of its pictures was found") as caught:
        Affectnet2017().read(folder, "validation")
    assert "Manually_Annotated_Images" in caught.value.fix


def test_the_key_follows_the_table_and_the_place_of_the_pictures(affectnet_2017: Callable[..., Path]) -> None:
    folder, loader = affectnet_2017([(0, 0.1, 0.2)]), Affectnet2017()
    keys = [loader.key(folder, "validation")]
    (folder / "notes.txt").write_text("something else")
    assert loader.key(folder, "validation") == keys[0]
    (folder / "validation.csv").write_text(GOOD)
    keys.append(loader.key(folder, "validation"))
    (folder / "Manually_Annotated_Images").mkdir()
    keys.append(loader.key(folder, "validation"))
    assert len(set(keys)) == 3


def test_a_table_that_cannot_be_opened_is_named(
    affectnet_2017: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    folder = affectnet_2017([(0, 0.1, 0.2)])
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        Affectnet2017().read(folder, "validation")


def test_a_picture_name_that_no_file_can_have_is_a_missing_picture(
    affectnet_2017: Callable[..., Path], cache: Path
) -> None:
    folder = affectnet_2017([(0, 0.1, 0.2), (1, 0.1, 0.2)])
    table = folder / "validation.csv"
    table.write_text(table.read_text().replace("validation1.jpg", "validation\0.jpg"))
    index = open_index(folder, "validation", cache=cache)
    with pytest.raises(DataError, match="1 of 2 pictures cannot be read"):
        load_samples(index, InputContract(size=(8, 8), range=(0, 1)), cache=cache)
