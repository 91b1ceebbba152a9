from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from edgebench.digests import sha256_bytes
from edgebench.errors import StoreError
from edgebench.store.packages import holds, pack, size_bytes, unpack


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "net.mlpackage"
    (folder / "Data" / "weights").mkdir(parents=True)
    (folder / "Manifest.json").write_text("{}")
    (folder / "Data" / "weights" / "weight.bin").write_bytes(b"\0" * 100)
    return folder


def packed(package: Path) -> bytes:
    return pack(package, package.parent / "packed").read_bytes()


def test_a_package_comes_back_whole(package: Path, tmp_path: Path) -> None:
    back = unpack(io.BytesIO(packed(package)), tmp_path / "back.mlpackage")
    assert (back / "Manifest.json").read_text() == "{}"
    assert (back / "Data" / "weights" / "weight.bin").read_bytes() == b"\0" * 100


def test_bytes_depend_on_content_only(package: Path, tmp_path: Path) -> None:
    first = packed(package)
    (package / "Manifest.json").touch()
    assert packed(package) == first
    (package / "Manifest.json").write_text("{ }")
    assert packed(package) != first


def test_large_files_pass_through_piece_by_piece(package: Path) -> None:
    with (package / "Data" / "weights" / "weight.bin").open("wb") as file:
        file.truncate(50_000_000)
    tracemalloc.start()
    try:
        pack(package, package.parent / "packed")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_an_old_package_is_replaced(package: Path, tmp_path: Path) -> None:
    target = tmp_path / "back.mlpackage"
    target.mkdir()
    (target / "old").write_text("old")
    assert not (unpack(io.BytesIO(packed(package)), target) / "old").exists()


def test_a_damaged_archive_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        unpack(io.BytesIO(b"PK\x03\x04 nothing"), tmp_path / "back.mlpackage")
    assert list(tmp_path.iterdir()) == []


def test_names_that_climb_out_stay_inside(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("../escaped", "x")
    (tmp_path / "inside").mkdir()
    unpack(archive, tmp_path / "inside" / "back.mlpackage")
    assert not (tmp_path / "inside" / "escaped").exists()
    assert not (tmp_path / "escaped").exists()


def test_a_package_or_file_is_held_against_its_blob(package: Path, tmp_path: Path) -> None:
    blob = sha256_bytes(packed(package))
    assert holds(package, blob)
    (package / "Data" / "weights" / "weight.bin").write_bytes(b"\0" * 99)
    assert not holds(package, blob)
    assert not holds(tmp_path / "none", blob)
    file = tmp_path / "net.tflite"
    file.write_bytes(b"weights")
    assert holds(file, sha256_bytes(b"weights"))
    file.write_bytes(b"")
    assert not holds(file, sha256_bytes(b"weights"))


def test_size_is_what_ships(package: Path) -> None:
    assert size_bytes(package) == 102
    assert size_bytes(package / "Manifest.json") == 2
