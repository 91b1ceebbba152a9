from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.pipeline import selftest as module
from edgebench.pipeline.selftest import selftest
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.bench import BenchSettings


def test_planted_latencies_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = BenchSettings(rounds=2, warmup_s=0.02, max_warmup_s=0.1, measure_s=0.1, min_invocations=5)
    monkeypatch.setattr(module, "SETTINGS", short)
    devices = tmp_path / "devices"
    devices.mkdir()
    (devices / "bench.yaml").write_text("veto: {foreign_load: 100, repeats: 0}\n")
    found = selftest(Workspace.open(home=tmp_path / "home", device_dirs=[devices]), device="bench")
    assert [each.claim for each in found] == [
        "overhead of the timed loop",
        "a planted 10 ms is found",
        "a planted 30 ms is found",
    ]
    assert all(each.holds for each in found)
    assert all(each.invocations >= 10 for each in found)
