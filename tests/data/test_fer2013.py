from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgebench.data import calibration_samples, find_splits, load_samples, open_index
from edgebench.errors import DataError
from edgebench.specs.model import InputContract

Contract = Callable[..., InputContract]


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), np.uint8)


def row(emotion: object, seed: int, usage: str) -> str:
    return f'{emotion},"{" ".join(map(str, pixels(seed).ravel()))}",{usage}'


@pytest.fixture
def fer2013(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: str, name: str = "fer2013.csv", header: str = "emotion,pixels,Usage") -> Path:
        (tmp_path / "fer").mkdir(exist_ok=True)
        (tmp_path / "fer" / name).write_text("\n".join([header, *rows]) + "\n")
        return tmp_path / "fer"

    return write


def test_pictures_stand_in_their_rows(fer2013: Callable[..., Path], cache: Path, contract: Contract) -> None:
    folder = fer2013(row(3, 0, "Training"), row(6, 1, "PublicTest"), row(0, 2, "PublicTest"), row(1, 3, "PrivateTest"))
    assert find_splits(folder) == ("training", "validation")
    index = open_index(folder, "validation", cache=cache)
    assert [index.labels[number] for number in index.classes] == ["neutral", "angry"]
    assert index.dropped == {"of no part in use": 1}
    samples = load_samples(index, contract(size=(48, 48), color="gray"), cache=cache)
    np.testing.assert_array_equal(samples.images[..., 0], [pixels(1), pixels(2)])
    assert len(set(samples.content)) == 2


def test_another_part_is_evaluated_where_the_owner_says_so(fer2013: Callable[..., Path], cache: Path) -> None:
    folder = fer2013(row(3, 0, "Training"), row(6, 1, "PublicTest"), row(1, 3, "PrivateTest"))
    (folder / "dataset.yaml").write_text("splits: {validation: PrivateTest}\n")
    assert open_index(folder, "validation", cache=cache).classes.tolist() == [1]


def test_columns_may_stand_in_the_order_of_the_other_release(fer2013: Callable[..., Path], cache: Path) -> None:
    line = f"2, PublicTest,{' '.join(map(str, pixels(1).ravel()))}"
    index = open_index(
        fer2013(line, name="icml_face_data.csv", header="emotion, Usage, pixels"), "validation", cache=cache
    )
    assert index.classes.tolist() == [2]


def test_a_picture_that_is_evaluated_does_not_calibrate(
    fer2013: Callable[..., Path], cache: Path, contract: Contract
) -> None:
    rows = [row(number % 7, number, "Training") for number in range(21)]
    folder = fer2013(*rows, row(0, 7, "PublicTest"))
    evaluated = load_samples(open_index(folder, "validation", cache=cache), contract(), cache=cache)
    samples = calibration_samples(folder, contract(), cache=cache, count=20, exclude=evaluated.content)
    assert not set(samples.content) & set(evaluated.content)
    assert samples.info.dropped["also in the evaluation set"] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("7,0 1 2 3,PublicTest", r"fer2013.csv:2: emotion '7' is out of range .*0 to 6: angry"),
        ("happy,0 1 2 3,PublicTest", "emotion 'happy' is out of range"),
        ("3,0 1 2 3", "fer2013.csv:2: has 2 cells instead of 3"),
    ],
)
def test_a_row_of_another_kind_is_named(fer2013: Callable[..., Path], cache: Path, line: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        open_index(fer2013(line, row(1, 1, "PublicTest")), "validation", cache=cache)


def test_a_missing_column_is_named(fer2013: Callable[..., Path], cache: Path) -> None:
    with pytest.raises(DataError, match="has no column usage"):
        open_index(fer2013("1,2", header="emotion,pixels"), "validation", cache=cache)


@pytest.mark.parametrize("bad", ["0 1 2", "0 1 2 256", "0 1 2 -1", "a b c d", ""])
def test_pixels_that_are_no_picture_are_named_with_their_row(
    fer2013: Callable[..., Path], cache: Path, contract: Contract, bad: str
) -> None:
    index = open_index(fer2013(f"1,{bad},PublicTest", row(1, 1, "PublicTest")), "validation", cache=cache)
    with pytest.raises(DataError, match=r"1 of 2 pictures cannot be read: fer2013.csv:2 \(holds no square"):
        load_samples(index, contract(), cache=cache)


@pytest.mark.parametrize(("text", "said"), [("", "is empty"), ("emotion,pixels,Usage\n", "a header and no rows")])
def test_a_table_without_pictures_is_named_as_empty(
    fer2013: Callable[..., Path], cache: Path, text: str, said: str
) -> None:
    folder = fer2013()
    (folder / "fer2013.csv").write_text(text)
    with pytest.raises(DataError, match=rf"fer2013\.csv: is empty.*{said.removeprefix('is empty')}"):
        find_splits(folder)
    with pytest.raises(DataError, match=r"fer2013\.csv: is empty"):
        open_index(folder, "validation", cache=cache)
