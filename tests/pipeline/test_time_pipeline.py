from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import UnknownName, UsageError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.jobs.blocks import Measured
from edgebench.pipeline.report import report
from edgebench.pipeline.time_pipeline import time_pipeline
from edgebench.pipeline.workspace import Workspace
from edgebench.records.pipeline_timing import PipelineJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings

SETTINGS = BenchSettings(rounds=2, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=3, inputs=3)


def timed(workspace: Workspace, faces: Path, tmp_path: Path, **options: object) -> Measured:
    devices = tmp_path / "devices"
    devices.mkdir(exist_ok=True)
    (devices / "bench.yaml").write_text("threads: [1]\nveto: {foreign_load: 100, repeats: 0}\n")
    with_devices = Workspace.open(
        home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[devices], jobs=2
    )
    asked = {"frames": str(faces / "val_set" / "images"), "detector": "haar", "device": "bench", **options}
    data = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))
    choice = Choice.of("tiny", only="*-fp32")
    return time_pipeline(with_devices, choice, data=data, settings=SETTINGS, **asked)  # type: ignore[arg-type]


def test_frames_are_timed_kept_joined_and_shown(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    first = timed(workspace, faces, tmp_path)
    assert sorted((b.variant, b.round) for b in first.blocks) == [
        (f"tiny.{format_}-fp32", round_) for format_ in ("onnx", "tflite") for round_ in (0, 1)
    ]
    assert all(len(block.faces) == 3 and set(block.stages_ns) >= {"decode", "detect"} for block in first.blocks)
    assert first.not_measured == {"tiny.coreml-fp32": "needs the runtime coreml"}
    assert timed(workspace, faces, tmp_path).blocks == first.blocks
    small = timed(workspace, faces, tmp_path, detect_width=40)
    assert small.job.job != first.job.job
    assert all(block.detector_settings["width"] == 40 for block in small.blocks)
    whole = timed(workspace, faces, tmp_path, detector="none")
    assert all("infer" in block.stages_ns for block in whole.blocks)
    assert len({block.outputs_sha256 for block in whole.blocks if "tflite" in block.variant}) == 1

    rows = {row.variant: row for row in gather(workspace, "tiny").variants}
    rates = rows["tiny.tflite-fp32"].frame_rates
    assert [rate.detector.text for rate in rates] == ["haar", "haar at 40 px", "none"]
    assert rates[2].fps == pytest.approx(1000 / rates[2].frame_ms.value)
    assert rows["tiny.tflite-int8"].frame_rates == ()
    assert "--frames DIR --detector none" in rows["tiny.tflite-fp32"].commands["frame rate"]
    (page,) = report(workspace, "tiny", out=tmp_path / "reports")
    assert "Frames per second" in (page.folder / "index.html").read_text()
    assert {"frames_haar_fps", "frames_haar_40_fps"} <= set((page.folder / "results.csv").read_text().split(","))
    assert "### Frames per second" in (page.folder / "summary.md").read_text()


def test_a_contract_that_crops_takes_a_detector(fresh: Workspace, faces: Path, tmp_path: Path) -> None:
    spec = fresh.model_dirs[0] / "tiny.yaml"
    spec.write_text(spec.read_text().replace("range: [-1, 1]", "range: [-1, 1], crop: face_box", 1))
    with pytest.raises(UsageError, match="crops by face_box, which takes a detector"):
        timed(fresh, faces, tmp_path, detector="none")
    assert fresh.store.latest(PipelineJob) == []


def test_nothing_is_drawn_for_a_device_that_is_not_there(fresh: Workspace, faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown device"):
        timed(fresh, faces, tmp_path, device="nope", frames="synthetic")
    assert not (fresh.store.home / "cache" / "frames").exists()
