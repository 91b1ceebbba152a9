"""Spec files in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

MODEL = """\
description: a net
source:
  architecture: mobilenet_v1
  options: {alpha: 0.5}
  weights: random
input:
  size: [128, 128]
  range: [-1, 1]
heads:
  - kind: expression
    name: expression
    labels: [neutral, happy]
  - kind: valence_arousal
    name: va
budgets:
  max_bytes: 15_000_000
"""
DEVICE = """\
description: a board
runtimes: [litert]
threads: [1, 4]
veto: {foreign_load: 0.5}
"""

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file into the test's folder; any missing folders are made."""

    def _write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


@pytest.fixture
def model_text() -> str:
    return MODEL


@pytest.fixture
def device_text() -> str:
    return DEVICE


@pytest.fixture(params=["libyaml", "python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers: which one is there depends on how pyyaml was built."""
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("pyyaml was built without libyaml")
    used = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr("edgebench.specs.yaml_reader._LOADER", used)
    return str(request.param)
