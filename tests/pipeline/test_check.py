from __future__ import annotations

import json
from pathlib import Path

from edgebench.pipeline.check import check, write_baseline_of
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import CalibrationSettings, DataSettings


def of(folder: Path, count: int = 32, seed: int = 0) -> DataSettings:
    return DataSettings(folder=str(folder), calibration=CalibrationSettings(count=count, seed=seed))


def test_a_result_passes_its_own_baseline(made: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    written = write_baseline_of(made, (), file)
    assert len(written.variants) == 10
    result = check(made, baseline=file)
    assert not [finding for finding in result.findings if finding.rule.startswith("baseline.") and finding.fails]


def test_growth_against_the_baseline_fails(made: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline_of(made, (), file)
    content = json.loads(file.read_text())
    content["variants"]["tiny.tflite-int8"]["size_bytes"] -= 1
    file.write_text(json.dumps(content))
    result = check(made, baseline=file)
    assert result.exit_code == 1
    (failed,) = [finding for finding in result.findings if finding.rule == "baseline.size" and finding.status == "fail"]
    assert failed.variant == "tiny.tflite-int8"


def test_nothing_measured_is_its_own_failure(fresh: Workspace, tmp_path: Path) -> None:
    assert check(fresh).exit_code == 4


def test_a_baseline_that_nobody_measured_fails(made: Workspace, fresh: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline_of(made, (), file)
    assert check(fresh, baseline=file).exit_code == 4


def test_an_update_keeps_other_models(made: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline_of(made, (), file)
    content = json.loads(file.read_text())
    content["variants"]["other.tflite-int8"] = content["variants"]["tiny.tflite-int8"]
    file.write_text(json.dumps(content))
    assert "other.tflite-int8" in write_baseline_of(made, (), file).variants


def test_a_changed_artifact_is_timed_beside_the_baseline_s(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    from edgebench.pipeline.evaluate import evaluate
    from edgebench.pipeline.quantize import Choice
    from edgebench.specs.bench import BenchSettings

    file = tmp_path / "baseline.json"
    write_baseline_of(workspace, (), file)
    evaluate(
        workspace,
        Choice.of("tiny", only="tflite-int8"),
        data=of(faces, count=16, seed=9),
    )
    devices = tmp_path / "devices"
    devices.mkdir()
    (devices / "bench.yaml").write_text("veto: {foreign_load: 100, repeats: 0}\n")
    settings = BenchSettings(rounds=3, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=5, inputs=2)
    result = check(
        Workspace.open(home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[devices]),
        baseline=file,
        latency_device="bench",
        data=of(faces),
        settings=settings,
    )
    latency = {finding.variant: finding for finding in result.findings if finding.rule == "baseline.latency"}
    assert "same bytes" in latency["tiny.tflite-fp32"].found
    assert latency["tiny.tflite-int8"].status in ("pass", "fail", "inconclusive")
    assert "same bytes" not in latency["tiny.tflite-int8"].found
