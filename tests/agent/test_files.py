"""The far side of shipping: what is put in place, and what is said to be missing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgebench.agent import AGENT, edgebench_files

CONTENT = b"content" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "job").mkdir()
    monkeypatch.chdir(tmp_path / "job")
    return tmp_path / "blobs"


def place(blobs: Path, files: dict[str, tuple[str, int]]) -> dict[str, Any]:
    return edgebench_files.place({"blobs": str(blobs), "files": files}, print, None)


def part(blobs: Path) -> Path:
    blobs.mkdir(exist_ok=True)
    return blobs / f"{SHA256}.part"


def test_what_is_not_there_is_missing_and_its_part_waits_to_be_written(blobs: Path) -> None:
    answer = place(blobs, {"m/net": (SHA256, len(CONTENT))})
    assert answer["missing"] == {SHA256: [(0, hashlib.sha256(b"").hexdigest())]}
    assert answer["free_bytes"] > 0
    assert part(blobs).read_bytes() == b""
    assert not Path("m").exists()


def test_a_part_that_is_whole_becomes_a_blob_and_the_files_that_hold_it(blobs: Path) -> None:
    part(blobs).write_bytes(CONTENT)
    answer = place(blobs, {"m/net": (SHA256, len(CONTENT)), "twin": (SHA256, len(CONTENT))})
    assert answer["missing"] == {}
    assert Path("m/net").read_bytes() == CONTENT
    assert Path("m/net").samefile(blobs / SHA256)
    assert Path("twin").samefile(blobs / SHA256)
    assert sorted(os.listdir(blobs)) == sorted([SHA256, "lock"])


def test_what_is_whole_is_put_in_place_although_others_are_missing(blobs: Path) -> None:
    part(blobs).write_bytes(CONTENT)
    answer = place(blobs, {"net": (SHA256, len(CONTENT)), "other": ("0" * 64, 1)})
    assert list(answer["missing"]) == ["0" * 64]
    assert Path("net").read_bytes() == CONTENT
    assert not Path("other").exists()


@pytest.mark.parametrize("kept", [CONTENT[:-1], b"!" + CONTENT[1:], b""])
def test_a_part_that_is_not_whole_is_told_and_stays(blobs: Path, kept: bytes) -> None:
    part(blobs).write_bytes(kept)
    answer = place(blobs, {"net": (SHA256, len(CONTENT))})
    assert answer["missing"][SHA256][-1] == (len(kept), hashlib.sha256(kept).hexdigest())
    assert part(blobs).read_bytes() == kept


def test_a_part_that_is_too_long_begins_anew(blobs: Path) -> None:
    part(blobs).write_bytes(CONTENT + b"!")
    assert place(blobs, {"net": (SHA256, len(CONTENT))})["missing"][SHA256][-1][0] == 0


def test_a_blob_that_is_not_its_name_is_missing(blobs: Path) -> None:
    blobs.mkdir()
    (blobs / SHA256).write_bytes(b"!" + CONTENT[1:])
    assert SHA256 in place(blobs, {"net": (SHA256, len(CONTENT))})["missing"]
    assert not (blobs / SHA256).exists()


def test_where_the_file_system_cannot_link_it_copies(blobs: Path) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == blobs.parent.stat().st_dev:
        pytest.skip("no second file system")
    with tempfile.TemporaryDirectory(dir=shared) as elsewhere:
        part(Path(elsewhere)).write_bytes(CONTENT)
        assert place(Path(elsewhere), {"net": (SHA256, len(CONTENT))})["missing"] == {}
    assert Path("net").read_bytes() == CONTENT
    assert os.listdir(".") == ["net"]


def test_a_folder_in_the_way_is_an_error_that_leaves_nothing_behind(blobs: Path) -> None:
    part(blobs).write_bytes(CONTENT)
    Path("net/inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        place(blobs, {"net": (SHA256, len(CONTENT))})
    assert os.listdir(".") == ["net"]


def awaited(blobs: Path, meanwhile: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    task = {"blobs": str(blobs), "files": {"m/net": (SHA256, len(CONTENT))}, "awaits": True}
    return edgebench_files.place(task, meanwhile, None)


@pytest.mark.parametrize("by_another_host", [False, True])
def test_what_comes_meanwhile_is_put_in_its_place(blobs: Path, by_another_host: bool) -> None:
    def come() -> None:
        for half in (CONTENT[:3000], CONTENT[3000:]):
            time.sleep(0.05)
            with part(blobs).open("ab") as file:
                file.write(half)
        if by_another_host:
            edgebench_files.placed({"blobs": str(blobs), "files": {"m/other": (SHA256, len(CONTENT))}})

    told: list[dict[str, Any]] = []
    coming = threading.Thread(target=come)

    def begin(missing: dict[str, Any]) -> None:
        told.append(missing)
        coming.start()

    assert awaited(blobs, begin)["missing"] == {}
    coming.join()
    assert [list(each["missing"]) for each in told] == [[SHA256]]
    assert Path("m/net").read_bytes() == CONTENT


def test_what_comes_wrong_or_is_taken_away_is_missing_and_not_awaited_for_ever(blobs: Path) -> None:
    wrong = "?" * len(CONTENT)
    assert SHA256 in awaited(blobs, lambda _: part(blobs).write_text(wrong))["missing"]
    part(blobs).unlink()
    assert SHA256 in awaited(blobs, lambda _: part(blobs).unlink())["missing"]
    assert not Path("m/net").exists()


def test_nothing_is_awaited_where_all_is_there(blobs: Path) -> None:
    part(blobs).write_bytes(CONTENT)
    told: list[dict[str, Any]] = []
    assert awaited(blobs, told.append)["missing"] == {}
    assert told == []


def test_marks_stand_at_every_step_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edgebench_files, "MARK_BYTES", 4)
    (tmp_path / "x").write_bytes(b"0123456789")
    marks = edgebench_files.marks_of(str(tmp_path / "x"))
    assert marks == [(n, hashlib.sha256(b"0123456789"[:n]).hexdigest()) for n in (4, 8, 10)]
    (tmp_path / "x").write_bytes(b"01234567")
    assert [n for n, _ in edgebench_files.marks_of(str(tmp_path / "x"))] == [4, 8]


def test_two_that_place_at_once_wait_for_one_another(blobs: Path) -> None:
    contents = [os.urandom(1000) for _ in range(50)]
    blobs.mkdir()
    names = {hashlib.sha256(content).hexdigest(): content for content in contents}
    for name, content in names.items():
        (blobs / f"{name}.part").write_bytes(content)
    files = {name: (name, 1000) for name in names}
    task = {"blobs": str(blobs), "files": files}
    code = f"import edgebench_files as f; assert not f.place({task}, 0, 0)['missing']"
    environment = {**os.environ, "PYTHONPATH": str(AGENT.parent)}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert all(Path(name).read_bytes() == content for name, content in names.items())
