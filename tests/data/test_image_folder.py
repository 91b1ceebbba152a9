from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edgebench.data import calibration_samples, find_loader, find_splits, open_index
from edgebench.errors import DataError
from edgebench.specs.model import InputContract


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    def make(*files: str) -> Path:
        folder = tmp_path / "pets"
        for number, name in enumerate(files):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if name.endswith((".png", ".JPG")):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / name)
            else:
                (folder / name).write_text("")
        return folder

    return make


def test_a_folder_is_a_class(tree: Callable[..., Path], tmp_path: Path) -> None:
    folder = tree("dog/2.png", "dog/1.JPG", "cat/1.png", ".cache/x.png", "README")
    index = open_index(folder, "validation", cache=tmp_path / "cache")
    assert (index.labels, index.per_class()) == (("cat", "dog"), {"cat": 1, "dog": 2})
    assert index.files == ("cat/1.png", "dog/1.JPG", "dog/2.png")
    assert (find_splits(folder), index.name) == (("validation",), "pets (folders)")


@pytest.mark.parametrize(("training", "validation"), [("train", "val"), ("training", "validation"), ("Train", "test")])
def test_parts_are_folders_above(tree: Callable[..., Path], tmp_path: Path, training: str, validation: str) -> None:
    folder = tree(f"{training}/a/1.png", f"{training}/b/1.png", f"{validation}/b/1.png")
    assert find_splits(folder) == ("training", "validation")
    index = open_index(folder, "validation", cache=tmp_path / "cache")
    assert index.per_class() == {"a": 0, "b": 1}


def test_a_test_part_is_evaluated_only_without_a_validation_part(tree: Callable[..., Path], tmp_path: Path) -> None:
    folder = tree("val/a/1.png", "test/a/1.png", "test/a/2.png")
    assert len(open_index(folder, "validation", cache=tmp_path / "cache")) == 1
    (folder / "dataset.yaml").write_text("splits: {validation: test}\n")
    assert len(open_index(folder, "validation", cache=tmp_path / "cache")) == 2


def test_a_class_may_be_called_test(tree: Callable[..., Path], tmp_path: Path) -> None:
    index = open_index(tree("test/1.png", "rest/1.png"), "validation", cache=tmp_path / "cache")
    assert index.labels == ("rest", "test")


def test_a_picture_more_makes_another_index(tree: Callable[..., Path], tmp_path: Path) -> None:
    folder = tree("a/1.png", "b/1.png")
    before = open_index(folder, "validation", cache=tmp_path / "cache")
    tree("a/1.png", "b/1.png", "b/2.png")
    assert len(open_index(folder, "validation", cache=tmp_path / "cache")) == len(before) + 1


def test_a_class_without_a_picture_has_its_number(
    tree: Callable[..., Path], tmp_path: Path, contract: Callable[..., InputContract]
) -> None:
    folder = tree("a/1.png", "b/1.png", "c/none.txt")
    (folder / "c" / "none.txt").unlink()
    assert open_index(folder, "validation", cache=tmp_path / "cache").per_class() == {"a": 1, "b": 1, "c": 0}
    with pytest.raises(DataError, match="holds no image of class c to calibrate with"):
        calibration_samples(folder, contract(), cache=tmp_path / "cache", count=1, disjoint=True)


def test_a_folder_without_pictures_is_no_data_set(tree: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no data set that a loader knows"):
        find_loader(tree("docs/a.txt", "src/b.py"))


@pytest.mark.parametrize("table", ["faces.csv", "Legend.PARQUET"])
def test_a_table_beside_the_classes_is_named_with_the_way_out(
    tree: Callable[..., Path], tmp_path: Path, table: str
) -> None:
    folder = tree("a/1.png", "b/1.png", table, ".hidden.csv")
    with pytest.raises(DataError, match=f"a table, {table}, that none looks for") as caught:
        find_loader(folder)
    assert caught.value.fix.startswith("state in dataset.yaml `layout: folders`")
    (folder / "dataset.yaml").write_text("layout: folders\n")
    assert open_index(folder, "validation", cache=tmp_path / "cache").labels == ("a", "b")


def test_parts_that_no_folder_names_are_not_passed_over(tree: Callable[..., Path]) -> None:
    folder = tree("a/1.png", "b/1.png", "dataset.yaml")
    (folder / "dataset.yaml").write_text("splits: {validation: nowhere}\n")
    with pytest.raises(DataError, match="has no part 'nowhere', for nothing names parts"):
        find_splits(folder)
