from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.data import load_samples, open_index
from edgebench.data.sheet import CAPTION, CELL, COLUMNS, contact_sheet
from edgebench.data.survey import survey
from edgebench.specs.model import InputContract


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for number, (name, size) in enumerate({"cat/1": (10, 40), "cat/2": (20, 30), "dog/3": (90, 20)}.items()):
        path = tmp_path / "pets" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (50 * number, 0, 200)).save(path)
    return tmp_path / "pets"


def test_sizes_are_told_from_the_smallest_to_the_largest(pets: Path, cache: Path) -> None:
    found = survey(open_index(pets, "validation", cache=cache))
    assert (found.pictures, found.widths, found.heights) == (3, (10, 20, 90), (20, 30, 40))
    assert found.broken == ()


def test_pictures_that_cannot_be_read_are_named(pets: Path, cache: Path) -> None:
    index = open_index(pets, "validation", cache=cache)
    whole = (pets / "dog" / "3.png").read_bytes()
    (pets / "dog" / "3.png").write_bytes(whole[: len(whole) // 2])
    (pets / "cat" / "1.png").unlink()
    seen = []
    found = survey(index, progress=lambda *done: seen.append(done))
    assert [name.partition(" ")[0] for name in found.broken] == ["cat/1.png", "dog/3.png"]
    assert found.broken[0] == "cat/1.png (missing)"
    assert (found.widths, seen) == ((20, 20, 20), [(3, 3)])


def test_a_survey_and_the_reading_of_pictures_find_the_same_ones_broken(
    pets: Path, cache: Path, contract: Callable[..., InputContract]
) -> None:
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(pets / "cat" / "16-bit.png")
    (pets / "dog" / "none.png").write_bytes(b"no picture")
    (pets / "dog" / "folder.png").mkdir()
    index = open_index(pets, "validation", cache=cache)
    found = survey(index).broken
    assert found == (
        "cat/16-bit.png (pixels of kind I;16 are not 8 bit)",
        "dog/folder.png (not a file)",
        "dog/none.png (UnidentifiedImageError: is none of JPEG, PNG, BMP, TIFF, GIF, WEBP)",
    )
    assert load_samples(index, contract(), cache=cache, tolerance=1).info.unreadable == found


def test_some_pictures_stand_for_all_where_asked(pets: Path, cache: Path) -> None:
    assert survey(open_index(pets, "validation", cache=cache), limit=2).pictures == 2


@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
def test_a_sheet_shows_the_pixels_that_the_model_is_given(
    pets: Path, cache: Path, contract: Callable[..., InputContract], color: str
) -> None:
    samples = load_samples(
        open_index(pets, "validation", cache=cache), contract(size=(48, 32), color=color), cache=cache
    )
    sheet = contact_sheet(samples, bgr=color == "bgr")
    factor = CELL // 32
    assert sheet.size == (COLUMNS * (factor * 32 + 4), factor * 48 + 4 + 2 * CAPTION)
    for place in range(3):
        shown = np.asarray(sheet)[CAPTION + 2 + 5, place * (factor * 32 + 4) + 2 + 5]
        expected = (50 * place, 0, 200)
        gray = samples.images[place, 0, 0, 0]
        assert tuple(shown) == ((gray,) * 3 if color == "gray" else expected)


def test_a_sheet_of_unlabelled_pictures_shows_their_numbers(
    tmp_path: Path, cache: Path, contract: Callable[..., InputContract]
) -> None:
    (tmp_path / "manifest.csv").write_text("path,age\n1.png,31\n")
    Image.new("L", (8, 8)).save(tmp_path / "1.png")
    samples = load_samples(open_index(tmp_path, "validation", cache=cache), contract(), cache=cache)
    caption = np.asarray(contact_sheet(samples).convert("L"))[-CAPTION + 2 :, :104]
    assert caption.min() < 128


def test_faces_whose_box_no_model_could_crop_by_are_counted(tmp_path: Path, cache: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    boxes = ("2,2,5,5", "18,8,9,9", "30,2,5,5", "3,30,5,5", "2,2,0,5", ",,,")
    rows = [f"a.png,x,{box}" for box in boxes]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,label,x,y,width,height", *rows]))
    found = survey(open_index(tmp_path, "validation", cache=cache))
    assert found.broken == ()
    assert found.uncroppable == {
        "the box to crop by lies outside of the picture": 2,
        "the box to crop by is empty": 1,
        "no box to crop by": 1,
    }
