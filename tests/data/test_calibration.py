from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgebench.data import EXPRESSIONS, Index, calibration_samples, load_samples, open_index, split_disjoint
from edgebench.errors import DataError
from edgebench.specs.model import InputContract

Contract = Callable[..., InputContract]
EVEN = [(number % 8, 0.1, 0.2) for number in range(40)]


@pytest.fixture
def both(affectnet_2021: Callable[..., Path]) -> Path:
    """Forty images for training, sixteen for validation."""
    affectnet_2021(EVEN[:16])
    return affectnet_2021(EVEN, part="train_set")


def test_calibration_images_come_from_the_training_part_even_over_the_classes(
    both: Path, contract: Contract, cache: Path
) -> None:
    samples = calibration_samples(both, contract(), cache=cache, count=20)
    assert (samples.info.split, len(samples)) == ("training", 20)
    assert sorted(samples.info.per_class.values()) == [2] * 4 + [3] * 4
    assert len(set(samples.content)) == 20


def test_the_draw_follows_its_seed(both: Path, contract: Contract, cache: Path) -> None:
    first, again, other = (
        calibration_samples(both, contract(), cache=cache, count=16, seed=seed).content for seed in (3, 3, 4)
    )
    assert first == again != other


def test_an_image_of_the_evaluation_set_is_replaced_and_counted(both: Path, contract: Contract, cache: Path) -> None:
    free = calibration_samples(both, contract(), cache=cache, count=16)
    barred = free.content[:3]
    samples = calibration_samples(both, contract(), cache=cache, count=16, exclude=barred)
    assert not set(samples.content) & set(barred)
    assert len(set(samples.content) & set(free.content)) == 13
    assert samples.info.per_class == dict.fromkeys(EXPRESSIONS, 2)
    assert samples.info.dropped == {"also in the evaluation set": 3}
    assert free.info.dropped == {}


def test_copies_of_the_evaluation_set_never_calibrate(both: Path, contract: Contract, cache: Path) -> None:
    for number in range(16):
        shutil.copy(both / f"val_set/images/{number}.jpg", both / f"train_set/images/{number}.jpg")
    evaluation = load_samples(open_index(both, "validation", cache=cache), contract(), cache=cache)
    samples = calibration_samples(both, contract(), cache=cache, count=24, exclude=evaluation.content)
    assert len(samples) == 24
    assert not set(samples.content) & set(evaluation.content)


def test_too_few_images_beside_the_evaluation_set_are_an_error(both: Path, contract: Contract, cache: Path) -> None:
    everything = load_samples(open_index(both, "training", cache=cache), contract(), cache=cache).content
    with pytest.raises(DataError, match=r"30 of 32 images to calibrate with \(10 are in the evaluation set too\)"):
        calibration_samples(both, contract(), cache=cache, count=32, exclude=everything[8:18])
    first_class = everything[0::8]
    with pytest.raises(DataError, match="no image of class neutral"):
        calibration_samples(both, contract(), cache=cache, count=16, exclude=first_class)


def test_more_images_than_there_are_is_an_error(both: Path, contract: Contract, cache: Path) -> None:
    with pytest.raises(DataError, match=r"holds 40 of 200 images .*--calibration"):
        calibration_samples(both, contract(), cache=cache)


def test_a_small_class_gives_all_it_has(affectnet_2021: Callable[..., Path], contract: Contract, cache: Path) -> None:
    folder = affectnet_2021([*EVEN[:7], (7, 0, 0), *[(number % 7, 0, 0) for number in range(35)]], part="train_set")
    samples = calibration_samples(folder, contract(), cache=cache, count=22)
    assert samples.info.per_class == {**dict.fromkeys(EXPRESSIONS, 3), "contempt": 1}


def test_a_class_without_an_image_is_named_unless_the_model_has_it_not(
    affectnet_2021: Callable[..., Path], contract: Contract, cache: Path
) -> None:
    folder = affectnet_2021([(number % 7, 0, 0) for number in range(28)], part="train_set")
    with pytest.raises(DataError, match=r"no image of class contempt to calibrate with .*--allow-missing-classes"):
        calibration_samples(folder, contract(), cache=cache, count=4)
    samples = calibration_samples(folder, contract(), cache=cache, count=14, labels=EXPRESSIONS[:7])
    assert missing(samples.info.per_class) == ["contempt"]


def missing(per_class: dict[str, int]) -> list[str]:
    return [label for label, count in per_class.items() if not count]


def test_images_without_an_expression_do_not_calibrate(
    affectnet_2021: Callable[..., Path], contract: Contract, cache: Path
) -> None:
    folder = affectnet_2021([*EVEN[:16], *[(8, 0, 0)] * 10], part="train_set")
    assert (calibration_samples(folder, contract(), cache=cache, count=16).classes >= 0).all()


def test_a_missing_training_part_is_an_error(
    affectnet_2021: Callable[..., Path], contract: Contract, cache: Path
) -> None:
    with pytest.raises(DataError, match="has no training part"):
        calibration_samples(affectnet_2021(EVEN), contract(), cache=cache, count=8)


def test_without_a_training_part_the_two_sets_are_disjoint(
    affectnet_2021: Callable[..., Path], contract: Contract, cache: Path
) -> None:
    folder = affectnet_2021([*EVEN, (8, 0.5, 0.5)])
    index = open_index(folder, "validation", cache=cache)
    calibration, evaluation = split_disjoint(index, 16, seed=2)
    assert sorted([*calibration, *evaluation]) == list(range(41))
    assert np.bincount(index.classes[calibration]).tolist() == [2] * 8

    evaluated = load_samples(index, contract(), cache=cache, select=evaluation)
    samples = calibration_samples(
        folder, contract(), cache=cache, count=16, seed=2, disjoint=True, exclude=evaluated.content
    )
    np.testing.assert_array_equal(samples.classes, index.classes[calibration])
    assert not set(samples.content) & set(evaluated.content)


def test_a_copy_of_a_calibration_image_is_not_evaluated(affectnet_2021: Callable[..., Path], cache: Path) -> None:
    folder = affectnet_2021(EVEN)
    index = open_index(folder, "validation", cache=cache)
    calibration, evaluation = split_disjoint(index, 16, seed=2)
    shutil.copy(index.path(calibration[0]), index.path(evaluation[5]))
    again, without_copy = split_disjoint(index, 16, seed=2)
    np.testing.assert_array_equal(again, calibration)
    assert without_copy.tolist() == [row for row in evaluation if row != evaluation[5]]


@given(st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 2)), min_size=12, max_size=60), st.integers(0, 5))
def test_no_group_is_divided_and_every_class_calibrates(rows: list[tuple[int, int]], seed: int) -> None:
    groups, classes = np.array(rows).T
    index = index_of(classes, groups)
    present = [index.labels[number] for number in np.unique(classes)]
    try:
        calibration, evaluation = split_disjoint(index, 6, seed, labels=present)
    except DataError as error:
        assert "leave none to evaluate" in str(error)  # noqa: PT017
        return
    assert len(calibration) == 6
    assert set(classes[calibration]) == set(classes)
    assert not set(groups[calibration]) & set(groups[evaluation]) - {-1}
    assert not set(calibration) & set(evaluation)
    alone = np.flatnonzero(groups < 0)
    assert set(alone) <= {*calibration, *evaluation}
    again = split_disjoint(index, 6, seed, labels=present)
    assert [part.tolist() for part in again] == [calibration.tolist(), evaluation.tolist()]


def test_groups_of_one_image_each_are_split_as_if_there_were_none() -> None:
    classes = np.arange(40) % 4
    for groups in (None, np.full(40, -1)):
        calibration, evaluation = split_disjoint(index_of(classes, groups), 8, seed=1)
        assert calibration.tolist() == split_disjoint(index_of(classes, None), 8, seed=1)[0].tolist()
        assert sorted([*calibration, *evaluation]) == list(range(40))


def test_groups_are_set_aside_evenly_over_the_seeds() -> None:
    groups = np.arange(1000) // 10
    drawn = [set(groups[split_disjoint(index_of(groups % 1, groups), 50, seed)[0]]) for seed in range(20)]
    assert all(15 <= len(found) <= 20 for found in drawn)  # of a fifth of a hundred
    assert len(set.union(*drawn)) > 90


def test_a_training_image_of_a_group_that_is_evaluated_does_not_calibrate(
    tmp_path: Path, contract: Contract, cache: Path
) -> None:
    lines = ["path,label,split,subject"]
    for number in range(30):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
        subject = f"s{number % 5}" if number < 25 else ""
        lines.append(f"{number}.png,{'xy'[number % 2]},{'val' if number in (3, 29) else 'train'},{subject}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    samples = calibration_samples(tmp_path, contract(), cache=cache, count=24)
    assert samples.info.dropped == {"of a group in the evaluation set": 4}  # 8, 13, 18 and 23, of s3 as 3 is
    index = open_index(tmp_path, "training", cache=cache)
    assert len(index) == 28
    with pytest.raises(DataError, match=r"holds 24 of 25 images .* \(4 are of a group that is evaluated\)"):
        calibration_samples(tmp_path, contract(), cache=cache, count=25)


def test_faces_of_a_picture_that_calibrates_are_not_evaluated(tmp_path: Path, cache: Path) -> None:
    lines = ["path,x,y,width,height,label"]
    for number in range(20):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
        lines += [f"{number}.png,{4 * face},0,4,4,{'xy'[face]}" for face in range(2)]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    index = open_index(tmp_path, "validation", cache=cache)
    calibration, evaluation = split_disjoint(index, 8, seed=0)
    pictures = [{index.files[place] for place in part} for part in (calibration, evaluation)]
    assert len(calibration) == 8
    assert len(evaluation) == 2 * len(pictures[1])
    assert pictures[0] | pictures[1] == set(index.files)
    assert not pictures[0] & pictures[1]


def test_two_groups_that_both_calibrate_leave_none_to_evaluate() -> None:
    groups = np.arange(40) % 2
    with pytest.raises(DataError, match="21 calibration images and their groups leave none to evaluate"):
        split_disjoint(index_of(groups, groups), 21, seed=0)


def index_of(classes: np.ndarray, groups: np.ndarray | None) -> Index:
    """Of pictures that are not there, which no picture is a copy of."""
    return Index(
        name="set",
        layout="manifest",
        split="validation",
        synthetic=False,
        folder=Path("nowhere"),
        root=Path("nowhere"),
        files=tuple(f"{number}.png" for number in range(len(classes))),
        labels=("x", "y", "z", "w")[: classes.max() + 1],
        classes=classes,
        value_names=(),
        values=np.empty((len(classes), 0), np.float32),
        face_box=None,
        landmarks=None,
        key="",
        groups=groups,
    )


def test_a_split_that_leaves_nothing_to_evaluate_is_an_error(affectnet_2021: Callable[..., Path], cache: Path) -> None:
    index = open_index(affectnet_2021(EVEN), "validation", cache=cache)
    with pytest.raises(DataError, match="leave none to evaluate"):
        split_disjoint(index, 40, seed=0)


def test_a_missing_calibration_image_is_named(both: Path, contract: Contract, cache: Path) -> None:
    for picture in (both / "train_set/images").glob("1*.jpg"):
        picture.unlink()
    with pytest.raises(DataError, match=r"images/1[0-9]*\.jpg \(missing\)"):
        calibration_samples(both, contract(), cache=cache, count=40, exclude=["a hash of none of them"])
