"""The synthetic AffectNet: both layouts, same bytes for the same seed, whole or not at all."""

from __future__ import annotations

import csv
import json
import subprocess
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.data.synthetic import MARKER, SYNTHETIC_COMMENT, Layout, write_affectnet
from edgebench.errors import DataError, StoreError

TRAINING, VALIDATION, SIZE = 24, 16, 64
COLUMNS = [
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
]


def write(folder: Path, layout: Layout = "2021", **changed: int) -> Path:
    asked = {"training": TRAINING, "validation": VALIDATION, "seed": 3, "size": SIZE} | changed
    write_affectnet(folder, layout=layout, **asked)  # type: ignore[arg-type]
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder: Path, part: str) -> list[dict[str, str]]:
    with (folder / f"{part}.csv").open() as table:
        return list(csv.DictReader(table))


def labels_2021(folder: Path, part: str, name: str = "exp") -> dict[int, str]:
    files = (folder / part / "annotations").glob(f"*_{name}.npy")
    return {int(file.name.split("_")[0]): str(np.load(file)) for file in files}


@pytest.fixture(scope="module")
def of_2017(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "a2017", "2017")


@pytest.fixture(scope="module")
def of_2021(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "a2021", "2021")


def test_2017_tables_have_the_columns_of_the_release(of_2017: Path) -> None:
    for part in ("training", "validation"):
        assert list(rows(of_2017, part)[0]) == COLUMNS


def test_2017_rows_name_pictures_larger_than_their_face_box(of_2017: Path) -> None:
    for row in rows(of_2017, "training"):
        with Image.open(of_2017 / "Manually_Annotated_Images" / row["subDirectory_filePath"]) as picture:
            x, y, width, height = (int(row[f"face_{name}"]) for name in ("x", "y", "width", "height"))
            assert min(x, y) >= 0
            assert x + width <= picture.width
            assert y + height <= picture.height
            assert width * height < 0.8 * picture.width * picture.height
            assert 1.25 * SIZE <= picture.width <= 1.52 * SIZE


def test_2017_landmarks_are_68_points_near_the_face(of_2017: Path) -> None:
    for row in rows(of_2017, "validation"):
        points = np.array(row["facial_landmarks"].split(";"), float).reshape(68, 2)
        left, top = int(row["face_x"]), int(row["face_y"])
        right, bottom = left + int(row["face_width"]), top + int(row["face_height"])
        assert (points > (left - 2, top - 2)).all()
        assert (points < (right + 2, bottom + 2)).all()


def test_2021_annotations_are_strings_in_arrays_without_dimensions(of_2021: Path) -> None:
    folder = of_2021 / "val_set" / "annotations"
    for name in ("exp", "val", "aro"):
        label = np.load(folder / f"0_{name}.npy")
        assert label.shape == ()
        assert label.dtype.kind == "U"
        float(str(label))
    assert np.load(folder / "0_lnd.npy").shape == (136,)


def test_2021_images_have_the_size_asked_for_and_every_annotation(of_2021: Path) -> None:
    for part in ("train_set", "val_set"):
        images = {int(path.stem) for path in (of_2021 / part / "images").iterdir()}
        for name in ("exp", "val", "aro", "lnd"):
            assert images == {int(p.name.split("_")[0]) for p in (of_2021 / part / "annotations").glob(f"*_{name}.npy")}
    with Image.open(of_2021 / "val_set" / "images" / "0.jpg") as picture:
        assert picture.size == (SIZE, SIZE)


def test_every_image_says_that_it_is_synthetic(of_2017: Path, of_2021: Path) -> None:
    images = [*of_2017.rglob("*.jpg"), *of_2021.rglob("*.jpg")]
    assert images
    for path in images:
        with Image.open(path) as picture:
            assert picture.info["comment"] == SYNTHETIC_COMMENT


def test_validation_is_balanced_over_the_eight_expressions(of_2017: Path) -> None:
    counted = Counter(int(row["expression"]) for row in rows(of_2017, "validation"))
    assert [counted[label] for label in range(8)] == [VALIDATION // 8] * 8


def test_training_holds_every_expression_and_leads_with_happy_and_neutral(tmp_path: Path) -> None:
    folder = write(tmp_path / "large", training=200, validation=0, size=24)
    counted = Counter(int(label) for label in labels_2021(folder, "train_set").values())
    assert sum(counted[label] for label in range(8)) == 200
    assert counted[1] > counted[0] > max(counted[label] for label in range(2, 8))
    assert min(counted[label] for label in range(8)) >= 5


def test_extras_come_on_top_and_the_unrated_have_no_valence(of_2017: Path) -> None:
    for part, asked in (("training", TRAINING), ("validation", VALIDATION)):
        table = rows(of_2017, part)
        extras = [row for row in table if int(row["expression"]) > 7]
        assert len(table) - len(extras) == asked
        assert {int(row["expression"]) for row in extras} == {8, 9, 10}
        for row in table:
            unrated = int(row["expression"]) in (9, 10)
            assert (row["valence"] == "-2", row["arousal"] == "-2") == (unrated, unrated)


def test_both_layouts_tell_the_same_labels(of_2017: Path, of_2021: Path) -> None:
    told = [int(row["expression"]) for row in rows(of_2017, "training")]
    by_number = labels_2021(of_2021, "train_set")
    assert told == [int(by_number[number]) for number in range(len(told))]


@pytest.mark.parametrize("layout", ["2017", "2021"])
def test_any_number_of_jobs_writes_the_same_bytes(layout: Layout, of_2017: Path, of_2021: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again", layout, jobs=2)
    assert content(again) == content(of_2017 if layout == "2017" else of_2021)


def test_a_larger_part_begins_with_the_smaller_one(of_2021: Path, tmp_path: Path) -> None:
    larger = write(tmp_path / "larger", training=TRAINING + 20)
    for number in range(TRAINING):
        for name in (f"images/{number}.jpg", f"annotations/{number}_exp.npy", f"annotations/{number}_val.npy"):
            assert (larger / "train_set" / name).read_bytes() == (of_2021 / "train_set" / name).read_bytes()


def test_another_seed_gives_other_images_and_no_image_comes_twice(of_2021: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", seed=4)
    images = [path.read_bytes() for root in (of_2021, other) for path in root.rglob("*.jpg")]
    assert len(set(images)) == len(images)


def test_a_folder_that_holds_the_same_is_left_alone(of_2021: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in of_2021.rglob("*")}
    write(of_2021)
    assert {path: path.stat().st_mtime_ns for path in of_2021.rglob("*")} == before


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match="something other"):
        write(tmp_path / "photos")


def test_another_synthetic_set_is_refused(of_2021: Path) -> None:
    with pytest.raises(DataError, match="another synthetic"):
        write(of_2021, seed=99)


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_affectnet(tmp_path / "half", layout="2021", training=8, validation=8, seed=1, size=32, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / f".part-{7:016x}.faces"
    left.mkdir()
    (left / "half.jpg").write_bytes(b"half")
    write(tmp_path / "faces", training=8, validation=8, size=24)
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_two_that_draw_the_same_at_once_end_with_one_set(tmp_path: Path) -> None:
    drawn: list[int] = []

    def draw() -> None:
        write_affectnet(
            tmp_path / "faces",
            layout="2021",
            training=8,
            validation=8,
            seed=1,
            size=24,
            progress=lambda done, _: drawn.append(done),
        )

    threads = [threading.Thread(target=draw) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn.count(max(drawn)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a file stands where a folder must be"):
        write(tmp_path / "file" / "faces")


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        with pytest.raises(StoreError, match="no space left"):
            write(disk / "faces")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_progress_counts_up_to_all_images(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_affectnet(
        tmp_path / "d",
        layout="2017",
        training=40,
        validation=8,
        seed=1,
        size=24,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (54, 54)


def test_the_marker_says_what_was_asked(of_2017: Path) -> None:
    assert json.loads((of_2017 / MARKER).read_text()) == {
        "generator": 1,
        "layout": "2017",
        "training": TRAINING,
        "validation": VALIDATION,
        "seed": 3,
        "size": SIZE,
    }
