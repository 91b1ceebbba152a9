"""One long block of each variant, from the question to the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.pipeline.choice import Choice
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.measure import measure
from edgebench.pipeline.report import report
from edgebench.pipeline.workspace import Workspace
from edgebench.records.soak import SoakBlock, SoakJob
from edgebench.specs.bench import SoakSettings
from edgebench.specs.data import CalibrationSettings, DataSettings

SETTINGS = SoakSettings(warmup_s=0.01, max_warmup_s=0.05, inputs=3, soak_s=2.0)


def test_a_soak_is_kept_joined_and_shown(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    devices = tmp_path / "devices"
    devices.mkdir()
    (devices / "oven.yaml").write_text("threads: [1]\ngovernor: performance\nveto: {repeats: 3}\n")
    here = Workspace.open(home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[devices], jobs=2)
    asked = {"data": DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32)), "device": "oven"}
    choice = Choice.of("tiny", formats="tflite", only="*-fp32")
    timed = gather(workspace, "tiny")
    assert timed.device
    found = measure(here, choice, settings=SETTINGS, **asked)  # type: ignore[arg-type]
    assert isinstance(found.job, SoakJob)
    (block,) = found.blocks
    assert isinstance(block, SoakBlock)
    assert (block.latencies_ns, block.attempt, block.governor_wanted) == ((), 1, "performance")
    assert len(block.seconds.median_ns) >= 2
    again = measure(here, choice, settings=SETTINGS, **asked)  # type: ignore[arg-type]
    assert again.blocks == found.blocks

    rows = {row.variant: row for row in gather(workspace, "tiny", device="oven").variants}
    (soak,) = rows["tiny.tflite-fp32"].soaks
    assert soak.duration_s == pytest.approx(2.0, abs=1.5)
    assert soak.burst_ms > 0
    assert "short-soak" in [caveat.kind for caveat in soak.caveats]
    assert rows["tiny.tflite-int8"].soaks == ()
    assert "--soak 2s" in rows["tiny.tflite-fp32"].commands["sustained latency"]
    assert "--rounds" not in rows["tiny.tflite-fp32"].commands["sustained latency"]
    assert gather(workspace, "tiny", device=timed.device.name).variants == timed.variants

    (page,) = report(workspace, "tiny", device="oven", out=tmp_path / "reports")
    assert "Burst and sustained speed" in (page.folder / "index.html").read_text()
