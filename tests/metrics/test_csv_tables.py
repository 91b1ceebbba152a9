import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebench.errors import DataError
from edgebench.metrics.csv_tables import adds_up, half_units, read_confusion, read_rows

CELLS = [[3, 1], [2, 4]]

within = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(folder: Path, text: str) -> Path:
    path = folder / "matrix.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("3,1\n2,4\n", ("0", "1")),
        (",cat,dog\ncat,3,1\ndog,2,4\n", ("cat", "dog")),
        ("cat,dog\ncat,3,1\ndog,2,4\n", ("cat", "dog")),
        ("cat,dog\n3,1\n2,4\n", ("cat", "dog")),
        ("cat,3,1\ndog,2,4\n", ("cat", "dog")),
        (",7,8\n7,3,1\n8,2,4\n", ("7", "8")),
        ("truth\\predicted;cat;dog\ncat;3;1\ndog;2;4", ("cat", "dog")),
        ("\tcat\tdog\n\ncat\t3\t1\n\ndog\t2\t4\n\n", ("cat", "dog")),
        ('\ufeff,"cat, small",dog\r\n"cat, small", 3 ,1\r\ndog,2,4\r\n', ("cat, small", "dog")),
    ],
)
def test_tables_are_read_with_and_without_labels(tmp_path: Path, text: str, labels: tuple[str, ...]) -> None:
    table = read_confusion(write(tmp_path, text))
    assert table.matrix.tolist() == CELLS
    assert table.labels == labels
    assert table.scale == "counts"


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("80,20\n30,70", "rows"),
        ("80%,20%\n30%,70%", "rows"),
        ("33.3,33.3,33.3\n50,25,25\n0,0,100", "rows"),
        ("0.8,0.2\n0.3,0.7", "rows"),
        ("0,8;0,2\n0,3;0,7", "rows"),
        ("8e-1,2e-1\n0.5,5e-1", "rows"),
        ("50.5,9.5\n10,30", "all"),
        ("50%,10%\n10%,30%", "all"),
        ("0.44,0.16\n0.05,0.35", "all"),
        ("1,0\n0,1", "counts"),
        ("60,10\n10,20", "counts"),
        ("80,20\n0,0", "rows"),
        ("53.2,10.4,36.4\n1.0,95.0,4.0\n20.05,5.0,75.0", "rows"),
        ("33%,33%,33%\n50%,25%,25%\n0%,0%,100%", "rows"),
        ("0.3,0\n0,0.7", "all"),
        ("0.301,0\n0,0.7", "all"),
    ],
)
def test_what_the_cells_are_follows_from_their_sums(tmp_path: Path, text: str, scale: str) -> None:
    assert read_confusion(write(tmp_path, text)).scale == scale


def test_what_the_cells_are_can_be_said(tmp_path: Path) -> None:
    assert read_confusion(write(tmp_path, "80,20\n30,70"), scale="counts").scale == "counts"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n,,\n", "is empty"),
        ("1,2,3\n4,5,6\n", "not square: 2 x 3"),
        ("1,2\n3,4\n5,6\n", "not square: 3 x 2"),
        ("cat\n", "not square"),
        (",cat,dog\ncat,3,1\n", "not square"),
        (",cat,dog\ncat,3,1\ndog,2,4\nowl,5,6\n", "not square: 4 x 3"),
        ("truth,0,1\n0,3,1\n1,2,4\n2,5,6\n", "not square: 4 x 3"),
        ("3,1\n2\n", "row 2 has 1 cells, the first 2"),
        ("3,1\n2,x\n", "row '1' holds 'x'"),
        (",cat,dog\ncat,3,\ndog,2,4\n", "row 'cat' holds ''"),
        ("3,-1\n2,4\n", "holds '-1'"),
        ("3,nan\n2,4\n", "holds 'nan'"),
        ("3,inf\n2,4\n", "holds 'inf'"),
        ("3,1e999\n2,4\n", "holds '1e999'"),
        (",cat,dog\ndog,3,1\ncat,2,4\n", "labels differ"),
        (",cat,cat\ncat,3,1\ncat,2,4\n", "not the only one"),
        (",cat,\ncat,3,1\n,2,4\n", "label '' is empty"),
        (",cat,dog,Total\ncat,3,1,4\ndog,2,4,6\nTotal,5,5,10\n", "totals"),
        ("0.5,1.7\n2.2,4.1\n", "neither counts"),
        ('3,1\n2,"4\x00\n', "holds|not a CSV file"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        read_confusion(write(tmp_path, text))
    assert "matrix.csv" in refused.value.subject


def test_cells_that_say_nothing_are_answered_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_confusion(write(tmp_path, "0.5,1.7\n2.2,4.1\n"))
    assert "--cells" in refused.value.fix


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_labels_keep_their_commas_and_line_breaks(tmp_path: Path, mark: str) -> None:
    text = f'\n"c,at"{mark}"d\nog"\n\n"x;y"{mark}"0,5"\n"1\t2"{mark}"-1,5e-3"\n"7,5 %"{mark}"1,234,5"\n'
    comma = mark == ","
    assert read_rows(write(tmp_path, text)) == [
        ["c,at", "d\nog"],
        ["x;y", "0,5" if comma else "0.5"],
        ["1\t2", "-1,5e-3" if comma else "-1.5e-3"],
        ["7,5 %" if comma else "7.5 %", "1,234,5"],
    ]


@given(
    shares=arrays(np.float64, st.integers(2, 9), elements=st.floats(0.001, 1)).map(lambda x: x / x.sum()),
    digits=st.lists(st.integers(1, 4), min_size=9, max_size=9),
    total=st.sampled_from([1, 100]),
)
def test_rounded_shares_add_up_however_many_digits_each_has(shares: np.ndarray, digits: list[int], total: int) -> None:
    cells = [f"{share * total:.{places}f}" for share, places in zip(shares, digits, strict=False)]
    assert adds_up(np.array(cells, np.float64), half_units(cells), total=total)
    assert not adds_up(np.array([*cells, str(total)], np.float64), half_units([*cells, "1.0000"]), total=total / 3)


def test_nothing_rounds_below_zero() -> None:
    assert not adds_up(np.array([1.0, 1, 0, 0, 0, 0, 0, 0]), 0.25, total=1)


def test_what_is_no_file_of_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_rows(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="is not a file"):
        read_rows(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is not a file"):
        read_rows(tmp_path / "pipe")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="not a CSV file"):
        read_rows(tmp_path / "bytes.csv")


@given(
    matrix=arrays(np.int64, st.integers(2, 5).map(lambda side: (side, side)), elements=st.integers(0, 10**6)),
    delimiter=st.sampled_from(",;\t"),
)
@within
def test_what_is_written_is_read_again(tmp_path: Path, matrix: np.ndarray, delimiter: str) -> None:
    names = [f"class {place}" for place in range(len(matrix))]
    lines = [["", *names], *([name, *map(str, row)] for name, row in zip(names, matrix, strict=True))]
    table = read_confusion(write(tmp_path, "\n".join(map(delimiter.join, lines))))
    assert np.array_equal(table.matrix, matrix)
    assert table.labels == tuple(names)


@given(text=st.text(st.sampled_from('0123456789.,;-%e"\n\tab '), max_size=60))
@within
def test_any_text_is_a_matrix_or_refused(tmp_path: Path, text: str) -> None:
    try:
        table = read_confusion(write(tmp_path, text))
    except DataError:
        return
    assert table.matrix.shape == (len(table.labels),) * 2
    assert np.isfinite(table.matrix).all()
