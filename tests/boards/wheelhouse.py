"""The aarch64 wheels that a board's agent needs, as files for a board that has no internet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from boards.cache import cached
from boards.capability import Unavailable
from boards.debian import PYTHON

RUNTIMES = ("ai-edge-litert==2.3.0", "onnxruntime==1.31.1", "numpy==2.4.6")
# pip takes a tag literally: an older one has to be named for the wheels that carry it.
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")


def wheelhouse(suite: str = "bookworm", runtimes: tuple[str, ...] = RUNTIMES) -> Path:
    """A folder of wheels for the Python of that suite; only these, none of what they declare but never import.

    Raises:
        Unavailable: they are not in the cache and cannot be downloaded.
    """
    python = PYTHON[suite]
    recipe = (python, runtimes, PLATFORMS)
    return cached(f"wheels-{python}-aarch64", recipe, lambda folder: _download(folder, python, runtimes))


def _download(folder: Path, python: str, runtimes: tuple[str, ...]) -> None:
    tags = [option for platform in PLATFORMS for option in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [*command, "--python-version", python, *tags, "--dest", str(folder), *runtimes],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Unavailable(f"pip download: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
