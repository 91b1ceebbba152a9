from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import DataError, NothingMeasured
from edgebench.metrics.columns import affect_numbers, numbers, read_columns

HERE = Path("table.csv")


def write(folder: Path, text: str) -> Path:
    path = folder / HERE
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_have_the_names_of_the_header(tmp_path: Path) -> None:
    assert read_columns(write(tmp_path, "name,age\nAda,36\nBob,\n")) == {"name": ["Ada", "Bob"], "age": ["36", ""]}


def test_a_header_alone_measures_nothing(tmp_path: Path) -> None:
    with pytest.raises(NothingMeasured, match="header only"):
        read_columns(write(tmp_path, "name,age\n"))


@pytest.mark.parametrize(("text", "said"), [("a,b\n1\n", "row 2 has 1 cells"), ("a,a\n1,2\n", "two columns")])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_columns(write(tmp_path, text))


@given(st.lists(st.floats(allow_infinity=False, allow_nan=True)))
def test_numbers_are_read_back_and_empty_cells_are_none(values: list[float]) -> None:
    cells = ["" if np.isnan(value) else repr(value) for value in values]
    np.testing.assert_array_equal(numbers(cells, "age", HERE), values)


@pytest.mark.parametrize(("cell", "said"), [("x", "'age' holds 'x' in row 3, no number"), ("-inf", "infinity")])
def test_what_is_no_number_is_named(cell: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        numbers(["1", cell], "age", HERE)


@pytest.mark.parametrize(("bounds", "expected"), [((-10, 10), (-1, 0, 0.5)), ((-10, 30), (-1, -0.5, -0.25))])
def test_affect_is_brought_to_one_scale(bounds: tuple[float, float], expected: tuple[float, ...]) -> None:
    assert affect_numbers(["-10", "0", "5"], "valence", HERE, bounds=bounds).tolist() == list(expected)


def test_affect_may_lie_beyond_its_bounds_as_far_as_is_said() -> None:
    assert affect_numbers(["1.05", "-3", ""], "valence", HERE, overshoot=1)[:2].tolist() == [1.05, -3]
    for cell, overshoot in (("1.05", 0), ("-3.1", 1)):
        with pytest.raises(DataError, match=rf"holds {cell}, a number outside \[-1, 1\]") as refused:
            affect_numbers(["0", cell], "valence", HERE, overshoot=overshoot)
        assert "--range" in refused.value.fix
