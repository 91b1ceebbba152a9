from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgebench.cli.progress import Lines
from edgebench.errors import DataError, NonFiniteOutput, UsageError
from edgebench.pipeline.children.shards import PredictJob, predict
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate, npz
from edgebench.pipeline.findings.results import evaluation_results
from edgebench.pipeline.workspace import Workspace
from edgebench.records.evaluation import Evaluation
from edgebench.sources import fingerprint
from edgebench.specs.data import CalibrationSettings, DataSettings


def of(folder: Path, count: int = 32, seed: int = 0) -> DataSettings:
    return DataSettings(folder=str(folder), calibration=CalibrationSettings(count=count, seed=seed))


def again(
    workspace: Workspace, faces: Path, only: str = "tflite-*", *, force: bool = False, **options: object
) -> tuple[Evaluation, ...]:
    """`options` are those of DataSettings."""
    return evaluate(workspace, Choice.of("tiny", only=only), data=of(faces).model_copy(update=options), force=force)


def outputs(workspace: Workspace, evaluation: Evaluation) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(workspace.store.blobs.read(evaluation.outputs))) as arrays:
        return dict(arrays)


def test_the_source_is_a_row_before_its_variants(made: Workspace, faces: Path) -> None:
    rows = again(made, faces)
    assert [row.variant for row in rows] == ["tiny.source", "tiny.tflite-fp32", "tiny.tflite-fp16", "tiny.tflite-int8"]


def test_every_image_has_its_outputs(made: Workspace, faces: Path) -> None:
    for row in again(made, faces):
        found = outputs(made, row)
        assert found["expression"].shape == (row.dataset.samples, 8)
        assert found["valence_arousal"].shape == (row.dataset.samples, 2)
        np.testing.assert_allclose(found["expression"].sum(axis=1), 1, atol=0.05)


def test_the_data_set_is_named_for_what_it_is(made: Workspace, faces: Path) -> None:
    for row in again(made, faces):
        assert row.dataset.synthetic
        assert "AffectNet" not in row.dataset.name
        assert row.dataset.dropped


def test_coreml_rows_say_that_a_reference_ran(made: Workspace, faces: Path) -> None:
    rows = again(made, faces, only="coreml-*")[1:]
    assert all(row.reference for row in rows)
    assert all(row.caveats[0].kind == "reference-executed" for row in rows)


def test_fp32_conversions_agree_with_the_source_on_every_image(made: Workspace, faces: Path) -> None:
    source, *rows = again(made, faces, only="*-fp32")
    expected = outputs(made, source)
    for row in rows:
        for head, values in outputs(made, row).items():
            np.testing.assert_allclose(values, expected[head], atol=1e-4)


def test_any_number_of_shards_gives_the_same_bytes(made: Workspace, faces: Path, tmp_path: Path) -> None:
    from edgebench.pipeline.children.agents import runnable_file
    from edgebench.pipeline.images.datasets import evaluation_samples, images_path
    from edgebench.records.artifact import Artifact

    samples = evaluation_samples(made, made.model("tiny"), of(faces))
    for artifact in made.store.latest(Artifact):
        way = next(way for way in artifact.runnable if way.runtime != "coreml")
        model = runnable_file(made.store, way, tmp_path)
        affine = made.model("tiny").input.affine()

        def run(
            start: int, stop: int, runtime: str = way.runtime, model: Path = model, affine: object = affine
        ) -> list:
            job = PredictJob("", "", runtime, model, images_path(samples), start, stop, affine)  # type: ignore[arg-type]
            return predict(job, tmp_path).outputs

        whole, first, second = run(0, 48), run(0, 17), run(17, 48)
        for i, output in enumerate(whole):
            np.testing.assert_array_equal(output, np.concatenate([first[i], second[i]]))


def test_a_second_call_evaluates_nothing(workspace: Workspace, faces: Path) -> None:
    before = [row.duration_s for row in again(workspace, faces)]
    assert [row.duration_s for row in again(workspace, faces)] == before


def test_force_evaluates_again_and_finds_the_same(workspace: Workspace, faces: Path) -> None:
    before = again(workspace, faces, only="onnx-int8")
    after = again(workspace, faces, only="onnx-int8", force=True)
    assert [row.outputs for row in after] == [row.outputs for row in before]
    assert [row.duration_s for row in after] != [row.duration_s for row in before]


def test_a_limit_is_in_the_data_set_s_name(workspace: Workspace, faces: Path) -> None:
    (source, row) = again(workspace, faces, only="onnx-int8", limit=16)
    assert row.dataset.samples == 16
    assert "16 of" in row.dataset.name
    assert row.dataset.id != again(workspace, faces, only="onnx-int8")[0].dataset.id
    assert source.dataset == row.dataset


def test_an_accuracy_of_random_weights_is_refused(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(UsageError, match="weights are random"):
        evaluate(fresh, Choice.of("mobilenet_v1_a1.0"), data=of(faces))


def test_a_class_without_images_is_refused_unless_allowed(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking"
    shutil.copytree(faces, lacking)
    for label in (lacking / "val_set" / "annotations").glob("*_exp.npy"):
        if str(np.load(label)) == "7":
            number = label.name.removesuffix("_exp.npy")
            for file in label.parent.glob(f"{number}_*.npy"):
                file.unlink()
            (lacking / "val_set" / "images" / f"{number}.jpg").unlink()
    with pytest.raises(DataError, match="no image of contempt"):
        again(workspace, lacking)
    rows = again(workspace, lacking, only="onnx-fp32", allow_missing_classes=True)
    assert rows[0].dataset.per_class["contempt"] == 0


def test_images_without_a_label_for_any_head_are_refused_before_anything_is_made(
    fresh: Workspace, faces: Path, tmp_path: Path
) -> None:
    unlabelled = tmp_path / "unlabelled"
    shutil.copytree(faces, unlabelled)
    for label in (unlabelled / "val_set" / "annotations").glob("*_[va][ar][lo].npy"):
        np.save(label, "-2")
    spec = fresh.model_dirs[0] / "tiny.yaml"
    kept = [line for line in spec.read_text().splitlines() if "expression" not in line and "labels" not in line]
    spec.write_text("\n".join(kept) + "\n")
    with pytest.raises(DataError, match=r"none of its .* has a label for tiny .*valence and arousal"):
        again(fresh, unlabelled)
    assert fresh.store.database.all() == []


def test_images_that_calibrated_an_artifact_cannot_judge_it(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    from edgebench.pipeline.evaluate import _refuse_overlap
    from edgebench.pipeline.images.datasets import evaluation_samples
    from edgebench.records.artifact import Artifact

    trained_on = tmp_path / "trained_on"
    shutil.copytree(faces / "train_set", trained_on / "val_set")
    samples = evaluation_samples(workspace, workspace.model("tiny"), of(trained_on, count=8))
    int8 = next(a for a in workspace.store.latest(Artifact) if a.variant == "tiny.tflite-int8")
    with pytest.raises(DataError, match="also calibrated it"):
        _refuse_overlap(workspace, int8, samples)


def test_without_a_training_part_calibration_and_evaluation_share_the_rest(
    fresh: Workspace, faces: Path, tmp_path: Path
) -> None:
    only_validation = tmp_path / "only"
    shutil.copytree(faces / "val_set", only_validation / "val_set")
    rows = evaluate(
        fresh,
        Choice.of("tiny", only="onnx-int8"),
        data=of(only_validation, count=16),
    )
    whole = evaluate(fresh, Choice.of("tiny", only="onnx-fp32"), data=of(faces))
    assert rows[0].dataset.samples == whole[0].dataset.samples - 16


def test_a_nan_names_the_row_the_head_and_how_many_images(made: Workspace, faces: Path) -> None:
    from edgebench.pipeline.children.predictions import Predicted
    from edgebench.pipeline.evaluate import _nonfinite, _Row
    from edgebench.pipeline.images.datasets import evaluation_samples

    spec = made.model("tiny")
    samples = evaluation_samples(made, spec, of(faces))
    values = np.zeros((len(samples), 8), np.float32)
    row = _Row("key", spec, fingerprint(spec), samples, of(faces), {})
    assert _nonfinite(made, row, Predicted("key", {"expression": values}, 0.0)) is None
    values[3, 2] = np.nan
    error = _nonfinite(made, row, Predicted("key", {"expression": values}, 0.0))
    assert isinstance(error, NonFiniteOutput)
    assert str(error).startswith(f"tiny.source: expression is NaN or infinite for 1 of {len(samples)} images")


def test_an_archive_depends_on_its_content_only() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert npz({"a": array}) == npz({"a": array.copy(order="F")})
    with np.load(io.BytesIO(npz({"a": array}))) as arrays:
        np.testing.assert_array_equal(arrays["a"], array)


def test_pictures_left_out_are_named_in_the_terminal_and_with_the_numbers(
    project: Path, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "faces"
    shutil.copytree(faces, folder)
    victims = [sorted((folder / part / "images").iterdir())[0] for part in ("train_set", "val_set")]
    for victim in victims:
        victim.write_bytes(victim.read_bytes()[:300])
    workspace = Workspace.open(
        home=tmp_path / "home", model_dirs=[project / "model_specs"], jobs=2, progress=Lines(verbose=False)
    )
    data = DataSettings(folder=str(folder), tolerance=0.1, calibration=CalibrationSettings(count=64))
    found = evaluate(workspace, Choice.of("tiny", formats="tflite", recipes="int8"), data=data)
    said = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(said) == 2
    results = evaluation_results(workspace, found)
    (evaluated,) = [caveat for caveat in results.caveats if caveat.kind == "unreadable-images"]
    (int8,) = [row for row in results.variants if row.recipe == "int8"]
    (calibrated,) = [caveat for caveat in int8.caveats if caveat.kind == "unreadable-images"]
    for victim, caveat, purpose in zip(victims, (calibrated, evaluated), ("calibration", "evaluation"), strict=True):
        assert victim.name in caveat.text
        assert purpose in caveat.text
        assert any(victim.name in line for line in said)
