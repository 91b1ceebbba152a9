"""The real command, in a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Edgebench = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "EDGEBENCH_HOME": str(home), "COLUMNS": "200"}


@pytest.fixture
def edgebench(tmp_path: Path) -> Edgebench:
    """Runs `edgebench ARGUMENTS` in tmp_path."""

    def run(*arguments: object, home: Path | None = None, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgebench", *map(str, arguments)],
            cwd=tmp_path,
            env=environment(home or tmp_path / "home"),
            capture_output=True,
            text=True,
            timeout=120,
            **options,  # type: ignore[call-overload]
        )

    return run
