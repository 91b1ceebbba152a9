"""`edgebench store` and `edgebench data` where things went wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebench.store import Store
from edgebench.store.store import GRACE_S

Edgebench = Callable[..., subprocess.CompletedProcess[str]]


def test_damage_is_told_repaired_and_gone(edgebench: Edgebench, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    sha256 = store.blobs.put_bytes(b"weights")
    store.blobs.path(sha256).write_bytes(b"weighty")
    tensor = store.folder("cache", "samples") / "key.json"
    tensor.write_text("{}")
    told = edgebench("store", "verify")
    assert told.returncode == 1
    assert f"blob {sha256}: content does not match its name" in told.stdout
    assert f"{tensor}: decoded images that no hash confirms" in told.stdout
    repaired = edgebench("store", "verify", "--repair", "--json")
    assert json.loads(repaired.stdout)["removed"] == [f"blob {sha256}", str(tensor)]
    after = edgebench("store", "verify")
    assert after.returncode == 0
    assert "everything is as it was written" in after.stdout


def test_a_store_works_in_a_folder_of_any_name(edgebench: Edgebench, tmp_path: Path) -> None:
    home = tmp_path / "100%41 ä?#" / "home"
    assert edgebench("store", "gc", home=home).returncode == 0
    assert (home / "results.db").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [home.parent.name]


def test_images_are_counted_with_and_without_each_label(edgebench: Edgebench) -> None:
    edgebench("data", "synth", "--out", "faces", "--training", 16, "--validation", 16)
    counted = json.loads(edgebench("data", "show", "faces", "--json").stdout)["validation"]
    # Of each part's three extras one has no face; one is uncertain, and one has another expression but is rated.
    assert counted["with_class"] == 16
    assert counted["per_value"] == {"valence": 17, "arousal": 17}
    assert counted["images"] == 17
    shown = edgebench("data", "show", "faces").stdout
    assert "with a class" in shown


def drawing(folder: Path, home: Path) -> subprocess.Popen[bytes]:
    """A drawing of faces of which some are on the disk."""
    child = subprocess.Popen(
        [sys.executable, "-m", "edgebench", "data", "synth", "--out", str(folder)],
        env={**os.environ, "EDGEBENCH_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not next(folder.parent.glob(f".part-*.{folder.name}/**/*.jpg"), None):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return child


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_drawing_that_is_stopped_leaves_nothing(tmp_path: Path, signal_: signal.Signals) -> None:
    child = drawing(tmp_path / "out" / "faces", tmp_path / "home")
    child.send_signal(signal_)
    assert child.wait(timeout=30) == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_drawing_left_is_removed_by_the_next_or_by_gc(edgebench: Edgebench, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in (tmp_path / "out" / "faces", home / "data" / "faces"):
        child = drawing(folder, home)
        child.kill()
        child.wait(timeout=30)
    time.sleep(1.5)  # the workers notice that their parent is gone
    again = edgebench("data", "synth", "--out", tmp_path / "out" / "faces", "--training", 8, "--validation", 8)
    assert again.returncode == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["faces"]
    (left,) = (home / "data").iterdir()
    os.utime(left, (time.time() - GRACE_S - 1,) * 2)
    assert edgebench("store", "gc").returncode == 0
    assert list((home / "data").iterdir()) == []
