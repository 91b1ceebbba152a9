from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.data import EXPRESSIONS, Index, load_samples, open_index
from edgebench.data.synthetic import SYNTHETIC_COMMENT
from edgebench.digests import sha256_file
from edgebench.errors import DataError
from edgebench.specs.model import InputContract

Contract = Callable[..., InputContract]


def break_pictures(folder: Path, *numbers: int) -> None:
    for number in numbers:
        file = folder / f"val_set/images/{number}.jpg"
        file.write_bytes(file.read_bytes()[:200])


def test_samples_hold_every_picture_with_its_labels_and_its_hash(index: Index, contract: Contract, cache: Path) -> None:
    samples = load_samples(index, contract(size=(16, 16)), cache=cache)
    assert (samples.images.shape, samples.images.dtype) == ((24, 16, 16, 3), np.uint8)
    assert isinstance(samples.images, np.memmap)
    for row in (0, 13, 23):
        with Image.open(index.path(row)) as picture:
            np.testing.assert_array_equal(samples.images[row], np.asarray(picture))
        assert samples.content[row] == sha256_file(index.path(row))
    np.testing.assert_array_equal(samples.classes, index.classes)
    np.testing.assert_array_equal(samples.values, index.values)


def test_the_info_states_what_was_loaded(index: Index, contract: Contract, cache: Path) -> None:
    info = load_samples(index, contract(), cache=cache).info
    assert info.name == "affectnet (AffectNet layout 2021)"
    assert (info.samples, info.split, info.layout) == (24, "validation", "2021")
    assert info.per_value == {"valence": 19, "arousal": 19}
    assert info.per_class == dict.fromkeys(EXPRESSIONS, 3)
    assert info.dropped == {"valence/arousal invalid": 5}
    assert (info.synthetic, info.unreadable) == (False, ())


def test_a_second_load_reads_the_kept_tensor_and_gives_the_same(index: Index, contract: Contract, cache: Path) -> None:
    first = load_samples(index, contract(), cache=cache)
    told: list[int] = []
    second = load_samples(index, contract(), cache=cache, progress=lambda done, total: told.append(done))
    assert told == []
    assert (second.info, second.content) == (first.info, first.content)
    np.testing.assert_array_equal(second.images, first.images)


def test_contracts_share_a_tensor_exactly_when_their_geometry_agrees(
    index: Index, contract: Contract, cache: Path
) -> None:
    for changes in ({}, {"layout": "nchw"}, {"range": (0.0, 1.0)}):
        load_samples(index, contract(**changes), cache=cache)
    assert len(list((cache / "samples").glob("*.npy"))) == 1
    for changes in ({"color": "bgr"}, {"resize": "box"}, {"size": (8, 9)}, {"crop": "landmarks"}):
        load_samples(index, contract(**changes), cache=cache)
    assert len(list((cache / "samples").glob("*.npy"))) == 5


def test_a_changed_picture_is_decoded_anew(folder: Path, index: Index, contract: Contract, cache: Path) -> None:
    before = load_samples(index, contract(), cache=cache)
    Image.new("RGB", (16, 16), (9, 9, 9)).save(folder / "val_set/images/4.jpg")
    after = load_samples(index, contract(), cache=cache)
    assert [row for row in range(24) if before.content[row] != after.content[row]] == [4]
    assert (after.images[4] == 9).all()
    assert before.info.id != after.info.id


def test_the_id_is_of_pictures_and_labels_wherever_they_lie(
    folder: Path, index: Index, contract: Contract, cache: Path
) -> None:
    moved = open_index(folder.rename(folder.with_name("moved")), "validation", cache=cache)
    one, other = (load_samples(moved, contract(size=size), cache=cache).info for size in ((8, 8), (4, 4)))
    assert one.id == other.id
    np.save(moved.root / "annotations/3_exp.npy", np.array("6"))
    relabelled = load_samples(open_index(moved.folder, "validation", cache=cache), contract(), cache=cache).info
    assert relabelled.id != one.id


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_pixels_do_not_depend_on_the_number_of_threads(
    index: Index, contract: Contract, tmp_path: Path, jobs: int
) -> None:
    first = load_samples(index, contract(), cache=tmp_path / "one", jobs=2)
    second = load_samples(index, contract(), cache=tmp_path / "two", jobs=jobs)
    np.testing.assert_array_equal(first.images, second.images)


def test_crops_follow_each_picture_own_box(
    affectnet_2017: Callable[..., Path], contract: Contract, cache: Path
) -> None:
    folder = affectnet_2017([(0, 0, 0), (1, 0, 0)])
    table = folder / "validation.csv"
    table.write_text(table.read_text().replace("validation1.jpg,4,6,8,4", "validation1.jpg,0,0,16,8"))
    index = open_index(folder, "validation", cache=cache)
    samples = load_samples(index, contract(size=(4, 8), crop="face_box", resize="box"), cache=cache, select=[1, 0])
    with Image.open(index.path(0)) as picture:
        np.testing.assert_array_equal(samples.images[1], np.asarray(picture)[6:10, 4:12])


def test_a_limit_draws_evenly_and_says_so_in_the_name(index: Index, contract: Contract, cache: Path) -> None:
    samples = load_samples(index, contract(), cache=cache, limit=12, seed=1)
    assert sorted(samples.info.per_class.values()) == [1] * 4 + [2] * 4
    assert samples.info.name == "affectnet (AffectNet layout 2021), 12 of 24"
    again = load_samples(index, contract(), cache=cache, limit=12, seed=1)
    other = load_samples(index, contract(), cache=cache, limit=12, seed=2)
    assert samples.content == again.content != other.content
    assert load_samples(index, contract(), cache=cache, limit=24).info.name == "affectnet (AffectNet layout 2021)"


def test_a_selection_keeps_its_order(index: Index, contract: Contract, cache: Path) -> None:
    samples = load_samples(index, contract(), cache=cache, select=np.array([7, 2, 11]))
    assert samples.content == tuple(sha256_file(index.path(row)) for row in (7, 2, 11))
    assert samples.classes.tolist() == [7, 2, 3]


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": -1}, {"select": []}])
def test_an_empty_selection_is_refused(index: Index, contract: Contract, cache: Path, options: dict) -> None:
    with pytest.raises(DataError, match="no image is selected"):
        load_samples(index, contract(), cache=cache, **options)


def test_unreadable_pictures_are_counted_and_named_and_nothing_is_kept(
    folder: Path, index: Index, contract: Contract, cache: Path
) -> None:
    break_pictures(folder, *range(1, 13))
    (folder / "val_set/images/0.jpg").unlink()
    with pytest.raises(DataError, match="13 of 24 pictures cannot be read") as caught:
        load_samples(index, contract(), cache=cache)
    message = str(caught.value)
    assert "images/0.jpg (missing)" in message
    assert "images/9.jpg (OSError" in message
    assert "images/10.jpg" not in message
    assert "and 3 more" in message
    assert list((cache / "samples").glob("*.*")) == list((cache / "samples").glob("*.lock"))


def test_a_stated_tolerance_leaves_them_out_and_lists_them(
    folder: Path, index: Index, contract: Contract, cache: Path
) -> None:
    break_pictures(folder, 2, 5)
    for _ in range(2):  # decoded, then from the cache
        samples = load_samples(index, contract(size=(16, 16)), cache=cache, tolerance=2 / 24)
        assert (len(samples), samples.info.samples, len(samples.images)) == (22, 22, 22)
        assert [name.split(" ")[0] for name in samples.info.unreadable] == ["images/2.jpg", "images/5.jpg"]
        assert samples.classes.tolist() == [row % 8 for row in range(24) if row not in (2, 5)]
        with Image.open(index.path(3)) as picture:
            np.testing.assert_array_equal(samples.images[2], np.asarray(picture))
    with pytest.raises(DataError, match="2 of 24"):
        load_samples(index, contract(size=(16, 16)), cache=cache, tolerance=0.05)


def test_a_pipe_and_a_folder_among_the_pictures_are_unreadable_and_nobody_waits(
    folder: Path, contract: Contract, cache: Path
) -> None:
    images = folder / "val_set" / "images"
    for name, make in (("0.jpg", os.mkfifo), ("1.jpg", os.mkdir)):
        (images / name).unlink()
        make(images / name)
    index = open_index(folder, "validation", cache=cache)
    with pytest.raises(DataError, match=r"2 of 24 pictures cannot be read: .*not a file"):
        load_samples(index, contract(), cache=cache)
    samples = load_samples(index, contract(), cache=cache, tolerance=0.1)
    assert (samples.info.samples, len(samples.info.unreadable)) == (22, 2)


def test_a_set_with_no_readable_picture_is_refused_at_any_tolerance(
    folder: Path, index: Index, contract: Contract, cache: Path
) -> None:
    break_pictures(folder, *range(24))
    with pytest.raises(DataError, match="24 of 24"):
        load_samples(index, contract(), cache=cache, tolerance=1.0)


def test_a_repaired_picture_is_read_on_the_next_run(
    folder: Path, index: Index, contract: Contract, cache: Path
) -> None:
    file = folder / "val_set/images/2.jpg"
    whole = file.read_bytes()
    break_pictures(folder, 2)
    assert len(load_samples(index, contract(), cache=cache, tolerance=0.5)) == 23
    file.write_bytes(whole)
    assert len(load_samples(index, contract(), cache=cache)) == 24


def test_one_synthetic_picture_takes_the_name_of_the_set(
    affectnet_2021: Callable[..., Path], contract: Contract, cache: Path
) -> None:
    folder = affectnet_2021([(number % 8, 0, 0) for number in range(60)])
    Image.new("RGB", (16, 16)).save(folder / "val_set/images/33.jpg", comment=SYNTHETIC_COMMENT)
    index = open_index(folder, "validation", cache=cache)
    assert not index.synthetic  # not among the pictures that an opening looks at
    info = load_samples(index, contract(), cache=cache).info
    assert (info.name, info.synthetic) == ("synthetic faces", True)


def test_synthetic_faces_load_from_both_layouts(synthetic: Path, contract: Contract, cache: Path) -> None:
    index = open_index(synthetic, "validation", cache=cache)
    samples = load_samples(index, contract(size=(32, 32), crop="landmarks", margin=0.1), cache=cache, limit=16)
    assert samples.info.name == f"synthetic faces (seed 5), 16 of {len(index)}"
    assert all(samples.info.per_class.values())
