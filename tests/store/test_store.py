from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.files import replacing
from edgebench.records.artifact import Artifact, Calibration, Operators, Runnable
from edgebench.records.measurement import Block
from edgebench.specs.data import DataSettings
from edgebench.store import Store, default_home
from edgebench.store.store import GRACE_S, blobs_of
from edgebench.store.verify import verify


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def artifact(store: Store, content: bytes = b"model", variant: str = "net.tflite-int8") -> Artifact:
    blob = store.blobs.put_bytes(content)
    return Artifact(
        variant=variant,
        model="net",
        format="tflite",
        recipe="int8",
        blob=blob,
        file_name=f"{variant}.tflite",
        size_bytes=len(content),
        runnable=(Runnable(runtime="litert", blob=blob, file_name=f"{variant}.tflite"),),
        outputs={"expression": 0},
        operators=Operators(total=1, int8=1, float=0, compute=1, compute_int8=1, by_type={"CONV_2D": 1}),
        parity=0.0,
        source_sha256="s",
        contract_sha256="c",
        data=DataSettings(),
        calibration=Calibration(
            dataset="faces",
            samples_id="i",
            contents=store.blobs.put_bytes(b"[]"),
            samples=1,
            per_class={},
            seed=0,
        ),
        tools={},
        duration_s=1.0,
    )


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    record = artifact(store)
    assert store.save("key", record)
    assert store.find(Artifact, "key") == record
    assert store.latest(Artifact) == [record]


def test_the_same_key_is_kept_once_unless_asked(store: Store) -> None:
    store.save("key", artifact(store, b"one"))
    assert not store.save("key", artifact(store, b"two"))
    assert store.save("key", artifact(store, b"two"), again=True)
    assert [record.size_bytes for record in store.latest(Artifact)] == [3]


def test_every_blob_of_a_record_must_be_kept_first(store: Store) -> None:
    record = artifact(store).model_copy(update={"blob": "0" * 64})
    with pytest.raises(StoreError, match="not kept"):
        store.save("key", record)


def test_an_artifact_names_its_files_and_its_calibration(store: Store) -> None:
    record = artifact(store)
    assert record.calibration is not None
    assert blobs_of(record) == {record.blob, record.calibration.contents}


def test_a_record_whose_blob_was_lost_is_made_again(store: Store) -> None:
    record = artifact(store)
    store.save("key", record)
    store.blobs.remove(record.blob)
    assert store.find(Artifact, "key") is None
    assert store.latest(Artifact) == []
    assert any("is missing" in problem for problem in verify(store).problems)
    store.save("key", artifact(store))
    assert store.find(Artifact, "key") is not None
    assert verify(store).problems == ()


def test_a_record_remade_with_other_bytes_takes_the_place_of_the_lost_one(store: Store) -> None:
    record = artifact(store)
    store.save("key", record)
    store.blobs.remove(record.blob)
    remade = artifact(store, b"other bytes")
    assert store.save("key", remade)
    assert store.find(Artifact, "key") == remade
    assert not store.save("key", artifact(store, b"third"))
    assert store.latest(Artifact) == [remade]


def test_a_record_of_another_edgebench_is_named(store: Store) -> None:
    store.database.add("block", "job/r0", '{"job": "job"}')
    with pytest.raises(StoreError, match="job/r0"):
        store.find(Block, "job/r0")
    assert len(verify(store).problems) == 1


def age(*paths: Path) -> None:
    long_ago = time.time() - GRACE_S - 1
    for path in paths:
        os.utime(path, (long_ago, long_ago))


def test_gc_removes_what_no_record_names_once_it_is_old(store: Store) -> None:
    record = artifact(store)
    store.save("key", record)
    stray = store.blobs.put_bytes(b"stray")
    assert store.gc() == (0, 0)
    age(store.blobs.path(stray), store.blobs.path(record.blob))
    assert store.gc() == (1, len(b"stray"))
    assert store.find(Artifact, "key") == record


@pytest.mark.parametrize("working", ["tmp", "agents"])
def test_gc_removes_the_working_folders_of_killed_runs_once_they_are_old(store: Store, working: str) -> None:
    left = store.folder(working, "left")
    (left / "part").write_bytes(b"half")
    assert store.gc() == (0, 0)
    age(left)
    assert store.gc() == (1, len(b"half"))
    assert not left.exists()


def test_gc_removes_files_that_never_took_their_place(store: Store) -> None:
    kept = store.folder("cache", "samples") / "kept.npy"
    for path, content in ((kept, b"whole"), (kept.with_name("left.npy"), b"half")):
        with replacing(path) as part:
            part.write_bytes(content)
    left = kept.with_name("left.npy").rename(kept.with_name(part.name))  # as kill -9 leaves it
    assert store.gc() == (0, 0)
    age(left, kept)
    assert store.gc() == (1, len(b"half"))
    assert kept.exists()


def test_what_vanishes_under_gc_is_no_failure(store: Store) -> None:
    for number in range(200):
        left = store.folder("tmp", str(number))
        (left / "half").write_bytes(b"half")
        stray = store.blobs.path(store.blobs.put_bytes(str(number).encode()))
        age(left, stray)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(store.gc) for _ in range(4)]
    assert sum(run.result()[0] for run in runs) >= 400
    assert not list(store.blobs.all())
    assert not list(store.folder("tmp").iterdir())


def test_gc_removes_what_a_killed_drawing_of_faces_left(store: Store) -> None:
    with replacing(store.folder("data") / "synthetic") as part:
        part.mkdir()
        (part / "half.jpg").write_bytes(b"half")
    left = store.folder("data", part.name)  # as kill -9 leaves it
    (left / "half.jpg").write_bytes(b"half")
    assert store.gc() == (0, 0)
    age(left)
    assert store.gc() == (1, len(b"half"))
    assert not left.exists()


@pytest.mark.parametrize("name", ["tmp", "agents", "devices", "artifacts", "logs", "cache"])
def test_a_working_folder_that_cannot_be_written_is_a_store_error(store: Store, name: str) -> None:
    folder = store.folder(name)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", folder], capture_output=True).returncode:
        pytest.skip("mounting a read-only file system needs root")
    try:
        with pytest.raises(StoreError, match=f"{name}: Read-only file system") as caught:
            store.folder(name)
        assert caught.value.exit_code == 7
    finally:
        subprocess.run(["umount", folder], check=True)
    folder.rmdir()
    folder.write_text("in the way")
    with pytest.raises(StoreError, match=name):
        store.folder(name)


@pytest.mark.parametrize("name", ["a?b", "a%41b", "a#b", "a b", "ü"])
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name)
    store.save("key", artifact(store))
    assert store.has_own_database
    assert Store(tmp_path / name, database=store.database.url).find(Artifact, "key")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "results.db").exists()


def test_the_home_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEBENCH_HOME", str(tmp_path / "elsewhere"))
    assert default_home() == tmp_path / "elsewhere"
    monkeypatch.delenv("EDGEBENCH_HOME")
    monkeypatch.chdir(tmp_path)
    assert default_home() == tmp_path / ".edgebench"


def test_the_database_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEBENCH_DATABASE", f"sqlite:///{tmp_path / 'team.db'}")
    store = Store(tmp_path / "home")
    store.save("key", artifact(store))
    assert (tmp_path / "team.db").exists()
    assert not (tmp_path / "home" / "results.db").exists()
    assert not store.has_own_database
