from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgebench.errors import NothingMeasured, UnknownName
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.findings.results import evaluation_results, gather
from edgebench.pipeline.measure import measure
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.report import report
from edgebench.pipeline.workspace import Workspace
from edgebench.progress import Silent
from edgebench.records.evaluation import Evaluation
from edgebench.records.results import VariantResult
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings


@pytest.fixture(scope="module")
def rows(made: Workspace) -> dict[str, VariantResult]:
    return {row.variant: row for row in gather(made).variants}


def test_source_and_variants_are_rows(rows: dict[str, VariantResult]) -> None:
    assert next(iter(rows)) == "tiny.source"
    assert len(rows) == 10


def test_every_row_is_scored_and_every_variant_judged(rows: dict[str, VariantResult]) -> None:
    for row in rows.values():
        assert row.scores is not None
        assert set(row.scores.metrics) >= {"accuracy", "macro_f1", "log_loss", "rmse_valence", "ccc_arousal"}
        assert (row.drift is None) == (row.recipe == "source")
        assert sum(map(sum, row.scores.confusion)) == 48


def test_a_conversion_without_flips_passes(rows: dict[str, VariantResult]) -> None:
    drift = rows["tiny.tflite-fp32"].drift
    assert drift is not None
    assert (drift.flips, drift.lost, drift.gained, drift.p_value) == (0, 0, 0, 1.0)


def test_latency_is_there_for_what_runs_and_absent_for_the_rest(rows: dict[str, VariantResult]) -> None:
    for row in rows.values():
        assert bool(row.latency) == (row.format in ("tflite", "onnx"))
        assert row.reference_executed == (row.format == "coreml")
    (latency,) = rows["tiny.tflite-int8"].latency
    assert latency.ratio_to_fp32 is not None
    assert latency.invocations >= 210
    assert latency.p90_ms is not None
    assert (latency.p99_ms is None) == (latency.invocations < 662)


def test_the_front_is_marked_with_its_probability(rows: dict[str, VariantResult]) -> None:
    timed = [row for row in rows.values() if row.latency]
    assert any(row.on_front for row in timed)
    assert all(row.front_probability is not None and 0 <= row.front_probability <= 1 for row in timed)
    assert all(row.front_probability is None for row in rows.values() if not row.latency)


def test_size_is_a_third_objective_of_a_front_of_its_own(rows: dict[str, VariantResult]) -> None:
    timed = [row for row in rows.values() if row.latency]
    assert all(row.front_probability_with_size is not None for row in timed)
    assert all(row.front_probability_with_size is None for row in rows.values() if not row.latency)
    smallest = min(timed, key=lambda row: row.size_bytes or 0)
    assert (smallest.on_front_with_size, smallest.front_probability_with_size) == (True, 1.0)


def test_every_number_has_its_command(rows: dict[str, VariantResult]) -> None:
    commands = rows["tiny.onnx-int8"].commands
    assert commands["size"].startswith("edgebench quantize --model tiny --only tiny.onnx-int8")
    assert commands["accuracy"].startswith("edgebench evaluate --model tiny --only tiny.onnx-int8")
    assert commands["latency"].startswith("edgebench run --device bench --model tiny")


def test_a_changed_source_leaves_its_old_numbers_behind(workspace: Workspace) -> None:
    import keras

    file = workspace.model_dirs[0] / "tiny.keras"
    model = keras.saving.load_model(file)
    model.get_layer("expression").set_weights([w * 1.01 for w in model.get_layer("expression").get_weights()])
    model.save(file)
    with pytest.raises(NothingMeasured):
        gather(workspace, ["tiny"])


def test_a_changed_contract_leaves_its_old_numbers_behind(workspace: Workspace) -> None:
    spec = workspace.model_dirs[0] / "tiny.yaml"
    spec.write_text(spec.read_text().replace("[-1, 1]", "[0, 1]"))
    with pytest.raises(NothingMeasured):
        gather(workspace, ["tiny"])


def test_an_empty_store_says_what_to_run(fresh: Workspace) -> None:
    with pytest.raises(NothingMeasured, match="edgebench quantize"):
        gather(fresh)


def again(
    workspace: Workspace, faces: Path, *, limit: int | None = None, calibration: int = 32
) -> tuple[Evaluation, ...]:
    data = DataSettings(folder=str(faces), limit=limit, calibration=CalibrationSettings(count=calibration))
    return evaluate(workspace, Choice.of("tiny", only="tflite-int8"), data=data)


def test_what_is_asked_for_again_is_the_newest_although_it_is_cached(workspace: Workspace, faces: Path) -> None:
    seen = []
    for limit in (16, None, 16):
        again(workspace, faces, limit=limit)
        dataset = gather(workspace).dataset
        seen.append(dataset.samples if dataset else None)
    assert seen == [16, 49, 16]


def test_artifacts_asked_for_again_are_the_newest_although_they_are_cached(workspace: Workspace, faces: Path) -> None:
    def held() -> str:
        return next(row.sha256 for row in gather(workspace).variants if row.variant == "tiny.tflite-int8")

    first = held()
    choice = Choice.of("tiny", only="tflite-int8")
    other = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=16, seed=9))
    (made_otherwise,) = quantize(workspace, choice, data=other)
    assert held() == made_otherwise.blob != first
    same = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))
    quantize(workspace, choice, data=same)
    assert held() == first


def test_what_was_measured_last_is_shown_with_a_word_on_the_bytes_that_were_evaluated(
    workspace: Workspace, faces: Path
) -> None:
    otherwise = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=16, seed=9))
    settings = BenchSettings(rounds=1, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=5, inputs=2)
    measured = measure(workspace, Choice.of("tiny", only="tflite-int8"), data=otherwise, settings=settings)
    (page,) = report(workspace, device="local", out=workspace.store.home / "out")
    (row,) = [row for row in page.results.variants if row.variant == "tiny.tflite-int8"]
    assert row.sha256 == measured.blocks[0].artifact
    assert row.latency
    assert row.scores is None
    assert "other-bytes-evaluated" in {caveat.kind for caveat in row.caveats}


def test_evaluations_are_shown_as_they_are_whatever_else_is_kept(workspace: Workspace, faces: Path) -> None:
    few = again(workspace, faces, limit=16)
    otherwise = again(workspace, faces, calibration=16)
    for evaluations, samples in ((few, 16), (otherwise, 48)):
        shown = evaluation_results(workspace, evaluations)
        assert shown.dataset == evaluations[0].dataset
        assert [row.sha256 for row in shown.variants] == [each.artifact for each in evaluations]
        assert [row.scores and row.scores.samples for row in shown.variants] == [samples, samples]


def test_evaluations_on_different_images_share_no_front(two_models: Workspace, faces: Path) -> None:
    few = [each for each in two_models.store.latest(Evaluation) if each.model == "other"]
    shown = evaluation_results(two_models, [*again(two_models, faces), *few])
    assert [row.scores.samples for row in shown.variants if row.scores] == [48, 48, 16, 16]
    assert "several-sets" in {caveat.kind for caveat in shown.caveats}


def test_a_model_that_is_gone_stands_in_no_other_s_way(two_models: Workspace) -> None:
    (two_models.model_dirs[0] / "other.yaml").unlink()
    results = gather(two_models)
    assert {row.model for row in results.variants} == {"tiny"}
    (left_out,) = [caveat for caveat in results.caveats if caveat.kind == "left-out"]
    assert left_out.text == "other: it has no spec"
    with pytest.raises(UnknownName):
        gather(two_models, ["tiny", "other"])


def test_models_of_other_projects_are_one_short_note(two_models: Workspace) -> None:
    said: list[str] = []

    class Notes(Silent):
        def note(self, text: str) -> None:
            said.append(text)

    for name in ("other", "tiny"):
        (two_models.model_dirs[0] / f"{name}.yaml").unlink()
    with pytest.raises(NothingMeasured):
        gather(replace(two_models, progress=Notes()))
    assert said == ["left out, as no spec is here: tiny, other"]


def test_why_a_model_is_left_out_tells_nothing_of_the_user_s_folders(two_models: Workspace) -> None:
    spec = two_models.model_dirs[0] / "other.yaml"
    spec.write_text(spec.read_text().replace("tiny.keras", "lost.keras"))
    (left_out,) = [caveat for caveat in gather(two_models).caveats if caveat.kind == "left-out"]
    assert left_out.text == "other: its spec or its weights cannot be read"


def test_a_device_that_nobody_knows_is_refused(made: Workspace) -> None:
    with pytest.raises(UnknownName, match="did you mean 'bench'"):
        gather(made, device="bensch")
