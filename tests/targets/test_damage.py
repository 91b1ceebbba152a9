"""Damaged model files: truncated at any place or with flipped bits, each answered by an artifact or a ModelFileError.

The cases run in one child process, so that a native crash would fail here instead of ending the test run.
"""

import random
import shutil
import subprocess
import sys

import pytest

CODE = """
import pathlib, sys
from edgebench.errors import ModelFileError
from edgebench.registry import resolve
from edgebench.targets import TARGETS
target = resolve(TARGETS, sys.argv[1], kind="format")()
folder = pathlib.Path(sys.argv[2])
for file in sorted(folder.iterdir()):
    try:
        target.inspect(file)
        target.runnable(file, folder)
        print(file.name, "readable", flush=True)
    except ModelFileError as error:
        assert error.problem and error.fix, error
        print(file.name, "refused", flush=True)
"""
CASES = 24


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def flipped(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 4, 30])):
        damaged[rng.randrange(min(len(data), 2000))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("damage", [truncated, flipped])
@pytest.mark.parametrize("format_name", ["tflite", "onnx", "coreml"])
def test_damage_is_refused_or_harmless(artifacts, tmp_path, format_name, damage):
    rng, folder = random.Random(f"{format_name}{damage.__name__}"), tmp_path / "damaged"
    folder.mkdir()
    for case in range(CASES):
        sound = artifacts[format_name, ("fp32", "fp16", "int8")[case % 3]]
        broken = folder / f"{case}{sound.suffix}"
        if sound.is_dir():
            shutil.copytree(sound, broken)
            broken = rng.choice([file for file in sorted(broken.rglob("*")) if file.suffix in (".mlmodel", ".bin")])
        else:
            shutil.copy(sound, broken)
        broken.write_bytes(damage(broken.read_bytes(), rng))
    command = [sys.executable, "-c", CODE, format_name, str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    outcomes = [line.split()[1] for line in run.stdout.splitlines()]
    assert len(outcomes) == CASES
    assert outcomes.count("refused") >= CASES // 3
