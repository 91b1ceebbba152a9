from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from edgebench.data import open_index
from edgebench.data.affectnet_2021 import Affectnet2021, read_npy
from edgebench.errors import DataError

ROWS = [(0, 0.1, 0.2), (7, -0.5, 0.5), (3, 1.0, -1.0)]
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@pytest.mark.parametrize("text", [True, False])
def test_labels_are_read_from_text_and_from_numbers(
    affectnet_2021: Callable[..., Path], cache: Path, text: bool
) -> None:
    index = open_index(affectnet_2021(ROWS, text=text), "validation", cache=cache)
    assert index.files == ("images/0.jpg", "images/1.jpg", "images/2.jpg")
    assert index.classes.tolist() == [0, 7, 3]
    np.testing.assert_allclose(index.values, [row[1:] for row in ROWS], atol=1e-6)
    assert index.face_box is None
    assert index.landmarks is not None
    assert index.landmarks.shape == (3, 68, 2)


def test_pictures_come_in_the_order_of_their_numbers(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021([(number % 8, 0.0, 0.0) for number in range(12)])
    assert Affectnet2021().read(folder, "validation").files == tuple(f"images/{number}.jpg" for number in range(12))


@pytest.mark.parametrize("kind", ["exp", "val", "aro"])
def test_a_missing_annotation_file_is_named(affectnet_2021: Callable[..., Path], kind: str) -> None:
    folder = affectnet_2021(ROWS)
    (folder / f"val_set/annotations/1_{kind}.npy").unlink()
    with pytest.raises(DataError, match="annotation is missing") as caught:
        Affectnet2021().read(folder, "validation")
    assert caught.value.subject.endswith(f"1_{kind}.npy")


@pytest.mark.parametrize(
    ("file", "value", "problem"),
    [
        ("1_exp.npy", "11", "expression 11 is out of range"),
        ("1_exp.npy", "0.5", "expression 0.5 is out of range"),
        ("1_val.npy", "-1.2", "valence -1.2 is out of range"),
        ("1_aro.npy", "3", "arousal 3 is out of range"),
        ("1_aro.npy", "calm", "does not hold one number"),
        ("1_aro.npy", np.array([(1, 2.0)], "i4,f4"), "does not hold one number"),
        ("1_lnd.npy", np.zeros(136, "i4,f4"), "does not hold 68 points"),
        ("1_aro.npy", "nan", "does not hold one number"),
        ("1_val.npy", [0.1, 0.2], "does not hold one number"),
        ("1_lnd.npy", [0.1, 0.2], "does not hold 68 points"),
    ],
)
def test_a_wrong_label_is_named_with_its_file(
    affectnet_2021: Callable[..., Path], file: str, value: object, problem: str
) -> None:
    folder = affectnet_2021(ROWS)
    np.save(folder / "val_set/annotations" / file, np.array(value))
    with pytest.raises(DataError, match=problem) as caught:
        Affectnet2021().read(folder, "validation")
    assert caught.value.subject.endswith(file)


@pytest.mark.parametrize("keep", [0, 5, 60, 130])
def test_a_truncated_annotation_is_named(affectnet_2021: Callable[..., Path], keep: int) -> None:
    folder = affectnet_2021(ROWS)
    file = folder / "val_set/annotations/2_val.npy"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"not a \.npy file") as caught:
        Affectnet2021().read(folder, "validation")
    assert caught.value.subject.endswith("2_val.npy")


def test_a_folder_in_place_of_an_annotation_is_named(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021(ROWS)
    file = folder / "val_set/annotations/2_val.npy"
    file.unlink()
    file.mkdir()
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        Affectnet2021().read(folder, "validation")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="pickled objects"):
        read_npy(tmp_path / "evil.npy")


@same_folder
@given(
    value=npst.arrays(st.sampled_from(["<f4", ">f8", "<i8", "<U6"]), npst.array_shapes(max_dims=2, max_side=4)),
    order=st.sampled_from(["C", "F"]),
)
def test_small_arrays_are_read_as_numpy_reads_them(tmp_path: Path, value: np.ndarray, order: Literal["C", "F"]) -> None:
    np.save(tmp_path / "a.npy", np.asarray(value, order=order))
    found = read_npy(tmp_path / "a.npy")
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


@pytest.mark.filterwarnings("ignore")  # a wrong byte can spell an outdated header
@same_folder
@given(data=st.data(), order=st.sampled_from(["C", "F"]))
def test_a_file_with_one_wrong_byte_is_an_array_or_a_data_error(
    tmp_path: Path, data: st.DataObject, order: str
) -> None:
    np.save(tmp_path / "a_lnd.npy", np.zeros((68, 2), order=order))
    damaged = bytearray((tmp_path / "a_lnd.npy").read_bytes())
    damaged[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    (tmp_path / "a_lnd.npy").write_bytes(damaged)
    with suppress(DataError):
        read_npy(tmp_path / "a_lnd.npy")


@same_folder
@given(data=st.binary(max_size=200))
def test_any_bytes_are_an_array_or_a_data_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(DataError):
        read_npy(tmp_path / "a.npy")


def test_a_picture_without_annotation_is_counted(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021(ROWS)
    (folder / "val_set/images/99.jpg").write_bytes(b"x")
    assert Affectnet2021().read(folder, "validation").dropped == {"picture without annotation": 1}


def test_hidden_files_of_a_desktop_are_passed_over(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021(ROWS)
    (folder / "val_set/annotations/._1_exp.npy").write_bytes(b"x")
    (folder / "val_set/images/.DS_Store").write_bytes(b"x")
    index = Affectnet2021().read(folder, "validation")
    assert len(index) == 3
    assert index.dropped == {}


def test_a_picture_of_another_kind_is_found_by_its_number(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021(ROWS)
    (folder / "val_set/images/1.jpg").rename(folder / "val_set/images/1.png")
    assert Affectnet2021().read(folder, "validation").files[1] == "images/1.png"


def test_landmarks_may_be_missing_for_one_or_for_all(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021(ROWS)
    (folder / "val_set/annotations/1_lnd.npy").unlink()
    landmarks = Affectnet2021().read(folder, "validation").landmarks
    assert landmarks is not None
    assert np.isnan(landmarks).all(axis=(1, 2)).tolist() == [False, True, False]
    for number in (0, 2):
        (folder / f"val_set/annotations/{number}_lnd.npy").unlink()
    assert Affectnet2021().read(folder, "validation").landmarks is None


def test_a_missing_picture_folder_is_named(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021(ROWS)
    (folder / "val_set/images").rename(folder / "val_set/pictures")
    with pytest.raises(DataError, match="folder is missing") as caught:
        Affectnet2021().read(folder, "validation")
    assert caught.value.subject.endswith("images")


def test_an_empty_part_is_refused(affectnet_2021: Callable[..., Path]) -> None:
    folder = affectnet_2021([])
    (folder / "val_set/images").mkdir()
    with pytest.raises(DataError, match="holds no annotations"):
        Affectnet2021().read(folder, "validation")


def test_the_key_follows_a_label_written_in_place(affectnet_2021: Callable[..., Path]) -> None:
    folder, loader = affectnet_2021(ROWS), Affectnet2021()
    before = loader.key(folder, "validation")
    assert loader.key(folder, "validation") == before
    file = folder / "val_set/annotations/1_exp.npy"
    np.save(file, np.array("2"))
    os.utime(file, ns=(1, 1))
    assert loader.key(folder, "validation") != before
