from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgebench.data import LOADERS, open_index
from edgebench.data.affectnet_2021 import Affectnet2021
from edgebench.data.index import Index, is_synthetic, saved_index
from edgebench.data.synthetic import MARKER, SYNTHETIC_COMMENT
from edgebench.errors import StoreError

ROWS = [(0, 0.1, 0.2), (7, -2, 0.5), (8, 1.0, -1.0)]


class OtherSet(Affectnet2021):
    """The loader of another data set that stands in the same files."""

    def name(self, folder: Path) -> str:
        return f"Other faces in {folder.name}"


def equal(one: Index, other: Index) -> bool:
    pairs = [(getattr(one, item.name), getattr(other, item.name)) for item in fields(Index)]
    return all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else np.all(a == b)
        for a, b in pairs
    )


@pytest.mark.parametrize("layout", ["2017", "2021"])
def test_a_kept_index_equals_the_one_that_was_read(request: pytest.FixtureRequest, cache: Path, layout: str) -> None:
    folder = request.getfixturevalue(f"affectnet_{layout}")(ROWS)
    read = open_index(folder, "validation", cache=cache)
    kept = saved_index(cache / "index" / f"{read.key}.npz")
    assert kept is not None
    assert equal(replace(read, name=""), kept)
    assert kept.per_class() | {"neutral": 0, "contempt": 0} == dict.fromkeys(kept.per_class(), 0)


@pytest.mark.parametrize("damage", [b"", b"not a zip", b"PK\x03\x04"])
def test_a_damaged_kept_index_is_read_anew(affectnet_2021: Callable[..., Path], cache: Path, damage: bytes) -> None:
    folder = affectnet_2021(ROWS)
    before = open_index(folder, "validation", cache=cache)
    (cache / "index" / f"{before.key}.npz").write_bytes(damage)
    assert equal(open_index(folder, "validation", cache=cache), before)


def test_a_flipped_bit_anywhere_in_a_kept_index_changes_nothing_or_is_seen(
    affectnet_2021: Callable[..., Path], cache: Path
) -> None:
    read = open_index(affectnet_2021(ROWS), "validation", cache=cache)
    path = cache / "index" / f"{read.key}.npz"
    whole, kept = path.read_bytes(), saved_index(path)
    assert kept is not None
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        found = saved_index(path)
        assert found is None or equal(found, kept)


def test_a_real_set_is_named_by_its_layout_and_folder(affectnet_2021: Callable[..., Path], cache: Path) -> None:
    index = open_index(affectnet_2021(ROWS, name="faces-v2"), "validation", cache=cache)
    assert (index.name, index.synthetic) == ("faces-v2 (AffectNet layout 2021)", False)


def test_a_new_loader_names_its_own_set_when_it_is_read_and_when_it_was_kept(
    affectnet_2021: Callable[..., Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOADERS, "2021", f"{__name__}:OtherSet")
    folder = affectnet_2021(ROWS, name="faces-v2")
    assert [open_index(folder, "validation", cache=cache).name for _ in range(2)] == ["Other faces in faces-v2"] * 2
    (folder / MARKER).write_text("{}")
    assert open_index(folder, "validation", cache=cache).name == "synthetic faces"


def test_synthetic_faces_are_named_by_their_seed_in_both_layouts(synthetic: Path, cache: Path) -> None:
    for split in ("training", "validation"):
        index = open_index(synthetic, split, cache=cache)
        assert (index.name, index.synthetic) == ("synthetic faces (seed 5)", True)


def test_synthetic_faces_are_known_without_their_marker(affectnet_2021: Callable[..., Path], cache: Path) -> None:
    folder = affectnet_2021(ROWS)
    open_index(folder, "validation", cache=cache)
    Image.new("RGB", (16, 16)).save(folder / "val_set/images/2.jpg", comment=SYNTHETIC_COMMENT)
    index = open_index(folder, "validation", cache=cache)
    assert (index.name, index.synthetic) == ("synthetic faces", True)


@pytest.mark.parametrize("text", ['{"seed": 9}', "{}", "not json", "[]"])
def test_the_marker_alone_is_enough(affectnet_2021: Callable[..., Path], cache: Path, text: str) -> None:
    folder = affectnet_2021(ROWS)
    (folder / MARKER).write_text(text)
    index = open_index(folder, "validation", cache=cache)
    assert index.synthetic
    assert index.name == ("synthetic faces (seed 9)" if "9" in text else "synthetic faces")


def test_the_comment_is_found_in_a_written_file(synthetic: Path, cache: Path) -> None:
    index = open_index(synthetic, "validation", cache=cache)
    assert all(is_synthetic(index.path(row).read_bytes()) for row in range(len(index)))
    assert json.loads((synthetic / MARKER).read_bytes())["seed"] == 5


def test_an_index_that_cannot_be_kept_is_a_store_error(affectnet_2021: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="a file stands where a folder must be"):
        open_index(affectnet_2021(ROWS), "validation", cache=tmp_path / "file")
