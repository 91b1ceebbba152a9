from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from edgebench.data.tables import DIVIDERS, has_decimal_commas, rows_of
from edgebench.errors import DataError

cells = st.text(st.sampled_from('ab ,;\t"\né'), max_size=6)


@pytest.fixture(scope="module")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    table = tmp_path_factory.mktemp("tables") / "table.csv"

    def keep(text: str) -> Path:
        table.write_bytes(text.encode())
        return table

    return keep


@given(st.sampled_from(DIVIDERS), st.integers(2, 5), st.data())
def test_a_table_is_read_as_it_was_written_whatever_divides_it(
    keep: Callable[[str], Path], mark: str, width: int, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=4))
    written = [[f"column {place}" for place in range(width)], *rows]
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator="\n").writerows(written)
    table = keep(text.getvalue())
    assert [found for _, found in rows_of(table)] == written
    assert has_decimal_commas(table) == (mark == ";")


def test_a_header_of_one_column_is_divided_by_commas(keep: Callable[[str], Path]) -> None:
    table = keep("path\na;b\n")
    assert [found for _, found in rows_of(table)] == [["path"], ["a;b"]]
    assert not has_decimal_commas(table)


def test_places_are_lines_of_the_file(keep: Callable[[str], Path]) -> None:
    places = [place.rpartition(":")[2] for place, _ in rows_of(keep('\n\ufeffpath,label\na,"x\ny"\n\nb,z\n'))]
    assert places == ["2", "4", "6"]


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_table_has_no_rows(keep: Callable[[str], Path], text: str) -> None:
    assert list(rows_of(keep(text))) == []


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"path,label\n\xff\xfe,x\n")
    (tmp_path / "b.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        list(rows_of(tmp_path / "a.csv"))
    with pytest.raises(DataError, match="is not a Parquet table"):
        list(rows_of(tmp_path / "b.parquet"))
    with pytest.raises(DataError, match="cannot be read"):
        list(rows_of(tmp_path / "none.csv"))


def test_cells_of_parquet_are_written_out_and_absent_ones_are_empty(tmp_path: Path) -> None:
    table = tmp_path / "table.Parquet"
    parquet.write_table(pyarrow.table({"path": ["a;b", None], "age": [1.5, 2]}), table)
    assert [found for _, found in rows_of(table)] == [["path", "age"], ["a;b", "1.5"], ["", "2.0"]]
    assert not has_decimal_commas(table)
