from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench.errors import UnknownName, UsageError
from edgebench.pipeline.check import check, write_baseline_of
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.data import CalibrationSettings, DataSettings


def of(folder: Path, count: int = 32, seed: int = 0) -> DataSettings:
    return DataSettings(folder=str(folder), calibration=CalibrationSettings(count=count, seed=seed))


def test_a_result_passes_its_own_baseline(made: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    written = write_baseline_of(made, (), file)
    assert len(written.baseline.variants) == 10
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
    assert "other.tflite-int8" in write_baseline_of(made, (), file).baseline.variants


def test_a_changed_artifact_is_timed_beside_the_baseline_s(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.evaluate import evaluate
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


def test_each_model_is_held_to_its_own_images(two_models: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    written = write_baseline_of(two_models, (), file)
    assert {model: dataset.samples for model, dataset in written.judged_on.items()} == {"tiny": 49, "other": 16}
    assert all(held.scores for held in written.baseline.variants.values())
    result = check(two_models, baseline=file)
    assert not [finding for finding in result.findings if finding.rule == "baseline.accuracy" and finding.fails]
    assert [note.rpartition(": ")[2] for note in result.notes] == ["other", "tiny"]
    assert ["16 of" in note for note in result.notes] == [True, False]


def test_the_baseline_s_images_judge_where_there_are_others(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.evaluate import evaluate

    file = tmp_path / "baseline.json"
    write_baseline_of(workspace, (), file)
    evaluate(workspace, Choice.of("tiny"), data=of(faces).model_copy(update={"limit": 16}))
    (note,) = check(workspace, baseline=file).notes
    assert "49 images" in note
    (note,) = check(workspace).notes
    assert "16 images" in note


def test_known_scores_are_let_go_only_on_purpose(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.quantize import quantize

    file = tmp_path / "baseline.json"
    before = write_baseline_of(workspace, (), file).baseline
    quantize(workspace, Choice.of("tiny", only="tflite-int8"), data=of(faces, count=16, seed=9))
    with pytest.raises(UsageError, match=r"not measured again: tiny.tflite-int8 .*--drop"):
        write_baseline_of(workspace, (), file)
    assert json.loads(file.read_text()) == before.model_dump(mode="json")
    after = write_baseline_of(workspace, (), file, drop=True).baseline
    assert [name for name, held in after.variants.items() if held.scores is None] == ["tiny.tflite-int8"]


def test_a_model_without_spec_leaves_the_baseline_on_purpose_only(two_models: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline_of(two_models, (), file)
    (two_models.model_dirs[0] / "other.yaml").unlink()
    kept = write_baseline_of(two_models, (), file)
    assert kept.baseline.models == ("other", "tiny")
    assert kept.left_out == {"other": "it has no spec"}
    dropped = write_baseline_of(two_models, (), file, drop=True)
    assert dropped.baseline.models == ("tiny",)
    assert dropped.let_go == ("other.source", "other.tflite-fp32")
    assert not [finding for finding in check(two_models, baseline=file).findings if finding.variant.startswith("other")]


def test_an_artifact_asked_for_last_is_judged_evaluated_or_not(
    workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.quantize import quantize

    file = tmp_path / "baseline.json"
    write_baseline_of(workspace, (), file)
    quantize(workspace, Choice.of("tiny", only="tflite-int8"), data=of(faces, count=16, seed=9))
    failed = [finding for finding in check(workspace, baseline=file).findings if finding.fails]
    assert ("tiny.tflite-int8", "not-measured") in {(each.variant, each.status) for each in failed}


def test_a_variant_that_is_no_more_leaves_the_baseline(made: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline_of(made, (), file)
    content = json.loads(file.read_text())
    content["variants"]["tiny.tflite-int4"] = content["variants"]["tiny.tflite-int8"]
    file.write_text(json.dumps(content))
    written = write_baseline_of(made, (), file)
    assert written.let_go == ("tiny.tflite-int4",)
    assert "tiny.tflite-int4" not in written.baseline.variants


def test_a_model_whose_weights_are_gone_fails_alone(two_models: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    held = write_baseline_of(two_models, (), file).baseline
    spec = two_models.model_dirs[0] / "other.yaml"
    spec.write_text(spec.read_text().replace("tiny.keras", "lost.keras"))
    result = check(two_models, baseline=file)
    failed = {finding.variant for finding in result.findings if finding.fails}
    assert failed == {"other.source", "other.tflite-fp32"}
    assert result.exit_code == 1
    (unseen,) = [finding for finding in check(two_models).findings if finding.variant == "other"]
    assert (unseen.rule, unseen.status) == ("model.measured", "not-measured")
    written = write_baseline_of(two_models, (), file)
    assert set(written.left_out) == {"other"}
    assert written.baseline == held


def test_a_device_that_nobody_knows_is_refused_before_anything_is_judged(made: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown device"):
        check(made, latency_device="nosuch")
