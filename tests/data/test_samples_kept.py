"""The kept tensor of `samples.py`: damage, kills, a full disk, two builders, memory."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgebench.data import Index, Samples, load_samples, open_index
from edgebench.data.samples import damaged_tensors, forget_tensor
from edgebench.errors import StoreError
from edgebench.specs.model import InputContract

Contract = Callable[..., InputContract]


def kept_files(cache: Path) -> set[str]:
    return {path.suffix for path in (cache / "samples").iterdir()} - {".lock"}


@pytest.mark.parametrize(
    "damage",
    ["truncated tensor", "empty tensor", "other pixels", "other shape", "no record", "broken record", "other record"],
)
def test_a_damaged_tensor_is_made_anew(index: Index, contract: Contract, cache: Path, damage: str) -> None:
    before = np.array(load_samples(index, contract(), cache=cache).images)
    (tensor,), (record,) = (list((cache / "samples").glob(kind)) for kind in ("*.npy", "*.json"))
    match damage:
        case "truncated tensor":
            tensor.write_bytes(tensor.read_bytes()[:-1])
        case "empty tensor":
            tensor.write_bytes(b"")
        case "other pixels":
            tensor.write_bytes(tensor.read_bytes()[:-1] + b"?")
            os.utime(tensor, (1, 1))  # a write within the clock's grain would pass for the old file
        case "other shape":
            np.save(tensor, np.zeros((3, 8, 8, 3), np.uint8))
        case "no record":
            record.unlink()
        case "broken record":
            record.write_text(record.read_text()[:40])
        case "other record":
            record.write_text("{}")
    np.testing.assert_array_equal(load_samples(index, contract(), cache=cache).images, before)


def test_what_a_failing_disk_changed_is_found_by_reading_everything(
    index: Index, contract: Contract, cache: Path
) -> None:
    load_samples(index, contract(), cache=cache)
    (tensor,) = (cache / "samples").glob("*.npy")
    assert list(damaged_tensors(cache)) == []
    written = tensor.stat().st_mtime_ns
    tensor.write_bytes(tensor.read_bytes()[:-1] + b"?")
    os.utime(tensor, ns=(written, written))
    assert list(damaged_tensors(cache)) == [tensor.with_suffix(".json")]
    forget_tensor(tensor.with_suffix(".json"))
    assert kept_files(cache) == set()
    assert list(damaged_tensors(cache)) == []


def test_a_copied_cache_is_used_without_decoding(index: Index, contract: Contract, cache: Path, tmp_path: Path) -> None:
    before = load_samples(index, contract(), cache=cache)
    shutil.copytree(cache, tmp_path / "copy", copy_function=shutil.copyfile)
    told: list[int] = []
    after = load_samples(index, contract(), cache=tmp_path / "copy", progress=lambda done, total: told.append(done))
    np.testing.assert_array_equal(before.images, after.images)
    assert told == []


def test_a_cache_that_cannot_be_written_is_a_store_error(index: Index, contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        load_samples(index, contract(), cache=tmp_path / "file")


def test_a_disk_that_fills_up_is_a_store_error_and_leaves_nothing(
    index: Index, contract: Contract, cache: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(StoreError, match="File too large"):
            load_samples(index, contract(), cache=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept_files(cache) == set()


BUILD = """
import sys, time
from pathlib import Path
from edgebench.data import load_samples, open_index
from edgebench.specs.model import InputContract

folder, cache, flag, pause = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])

def wait(done, total):
    flag.touch()
    time.sleep(pause)

index = open_index(folder, "validation", cache=cache)
contract = InputContract(size=(8, 8), range=(-1, 1))
print(load_samples(index, contract, cache=cache, progress=wait).info.id)
"""


def build(folder: Path, cache: Path, flag: Path, pause_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(folder), str(cache), str(flag), str(pause_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def two_chunks(affectnet_2021: Callable[..., Path]) -> Path:
    return affectnet_2021([(number % 8, 0, 0) for number in range(300)])


def test_a_process_killed_while_building_leaves_nothing_half_written(
    two_chunks: Path, cache: Path, tmp_path: Path, contract: Contract
) -> None:
    flag = tmp_path / "flag"
    with build(two_chunks, cache, flag, pause_s=60) as process:
        deadline = time.monotonic() + 30
        while not flag.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert flag.exists()
    assert not list((cache / "samples").glob("[!.]*.npy"))
    assert kept_files(cache) == {".npy"}

    samples = load_samples(open_index(two_chunks, "validation", cache=cache), contract(), cache=cache)
    assert len(samples) == 300
    assert kept_files(cache) == {".npy", ".json"}


def test_two_processes_that_build_at_once_agree(two_chunks: Path, cache: Path, tmp_path: Path) -> None:
    processes = [build(two_chunks, cache, tmp_path / f"flag{number}", pause_s=0.2) for number in range(2)]
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert answers[0] == answers[1] != ""
    assert sum((tmp_path / f"flag{number}").exists() for number in range(2)) == 1  # only one decoded
    assert kept_files(cache) == {".npy", ".json"}


def test_memory_does_not_grow_with_the_number_of_images(
    affectnet_2021: Callable[..., Path], contract: Contract, cache: Path
) -> None:
    index = open_index(affectnet_2021([(number % 8, 0, 0) for number in range(64)]), "validation", cache=cache)

    def peak_bytes(count: int) -> int:
        select = np.arange(count) % len(index)
        tracemalloc.start()
        try:
            loaded: Samples = load_samples(index, contract(size=(64, 64)), cache=cache, select=select, jobs=1)
            assert len(loaded) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak_bytes(256), peak_bytes(1024)
    assert large < small + 768 * 2_000  # an image's pixels alone are 12 kB
