from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.store.packages import pack, size_bytes, unpack


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "net.mlpackage"
    (folder / "Data" / "weights").mkdir(parents=True)
    (folder / "Manifest.json").write_text("{}")
    (folder / "Data" / "weights" / "weight.bin").write_bytes(b"\0" * 100)
    return folder


def test_a_package_comes_back_whole(package: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(pack(package))
    back = unpack(archive, tmp_path / "back.mlpackage")
    assert (back / "Manifest.json").read_text() == "{}"
    assert (back / "Data" / "weights" / "weight.bin").read_bytes() == b"\0" * 100


def test_bytes_depend_on_content_only(package: Path, tmp_path: Path) -> None:
    first = pack(package)
    (package / "Manifest.json").touch()
    assert pack(package) == first
    (package / "Manifest.json").write_text("{ }")
    assert pack(package) != first


def test_an_old_package_is_replaced(package: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(pack(package))
    target = tmp_path / "back.mlpackage"
    target.mkdir()
    (target / "old").write_text("old")
    assert not (unpack(archive, target) / "old").exists()


def test_a_damaged_archive_leaves_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(StoreError):
        unpack(archive, tmp_path / "back.mlpackage")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive"]


def test_names_that_climb_out_stay_inside(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("../escaped", "x")
    (tmp_path / "inside").mkdir()
    unpack(archive, tmp_path / "inside" / "back.mlpackage")
    assert not (tmp_path / "inside" / "escaped").exists()
    assert not (tmp_path / "escaped").exists()


def test_size_is_what_ships(package: Path) -> None:
    assert size_bytes(package) == 102
    assert size_bytes(package / "Manifest.json") == 2
