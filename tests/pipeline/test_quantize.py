from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edgebench.errors import (
    ConversionError,
    DataError,
    ModelFileError,
    NonFiniteOutput,
    StoreError,
    UnknownName,
    UsageError,
)
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.findings.budget import over_budget
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.specs.data import CalibrationSettings, DataSettings
from edgebench.store.verify import repair, verify


def of(folder: Path, count: int = 32, seed: int = 0) -> DataSettings:
    return DataSettings(folder=str(folder), calibration=CalibrationSettings(count=count, seed=seed))


def again(workspace: Workspace, faces: Path, **options: object) -> tuple[Artifact, ...]:
    return quantize(workspace, Choice.of("tiny"), data=of(faces), **options)  # type: ignore[arg-type]


def test_every_format_and_recipe_is_made_and_small(made: Workspace, faces: Path) -> None:
    artifacts = again(made, faces)
    assert [artifact.variant for artifact in artifacts] == [
        f"tiny.{format_}-{recipe}" for format_ in ("tflite", "onnx", "coreml") for recipe in ("fp32", "fp16", "int8")
    ]
    assert all(artifact.parity is not None and artifact.parity < 0.1 for artifact in artifacts)
    assert all(artifact.parity < 1e-4 for artifact in artifacts if artifact.recipe == "fp32")  # type: ignore[operator]


def test_int8_artifacts_compute_in_int8_and_say_what_calibrated_them(made: Workspace, faces: Path) -> None:
    for artifact in again(made, faces):
        if artifact.recipe == "int8":
            assert artifact.operators.compute_int8 > 0
            assert artifact.calibration is not None
            assert artifact.calibration.samples == 32
            assert artifact.calibration.dataset.startswith("synthetic faces")
        else:
            assert artifact.calibration is None


def test_a_second_call_makes_nothing(workspace: Workspace, faces: Path) -> None:
    before = {a.variant: a.duration_s for a in workspace.store.latest(Artifact)}
    started = time.monotonic()
    after = {a.variant: a.duration_s for a in again(workspace, faces)}
    assert after == before
    assert time.monotonic() - started < 5


def test_other_calibration_images_make_other_artifacts(workspace: Workspace, faces: Path) -> None:
    old = {artifact.blob for artifact in workspace.store.latest(Artifact)}
    (new,) = quantize(
        workspace,
        Choice.of("tiny", only="tflite-int8"),
        data=of(faces, count=16, seed=3),
    )
    assert new.blob not in old


def test_the_same_inputs_give_the_same_bytes(fresh: Workspace, made: Workspace, faces: Path) -> None:
    first = {artifact.variant: artifact.blob for artifact in again(made, faces)}
    assert {artifact.variant: artifact.blob for artifact in again(fresh, faces)} == first


def test_files_are_exported_with_their_manifests(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    artifacts = again(workspace, faces, out=out)
    assert (out / "tiny.tflite-int8.tflite").read_bytes()[4:8] == b"TFL3"
    assert (out / "tiny.coreml-fp16.mlpackage" / "Manifest.json").is_file()
    manifest = json.loads((out / "tiny.onnx-int8.onnx.json").read_text())
    assert manifest == json.loads(next(a for a in artifacts if a.variant == "tiny.onnx-int8").model_dump_json())


@pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "gone"])
@pytest.mark.parametrize("name", ["tiny.tflite-int8.tflite", "tiny.coreml-fp16.mlpackage/Manifest.json"])
def test_an_exported_file_that_was_damaged_is_written_again(
    workspace: Workspace, faces: Path, tmp_path: Path, damage: str, name: str
) -> None:
    choice, file = Choice.of("tiny", only=["tflite-int8", "coreml-fp16"]), tmp_path / "out" / name
    quantize(workspace, choice, data=of(faces), out=tmp_path / "out")
    whole = file.read_bytes()
    match damage:
        case "truncated":
            file.write_bytes(whole[:-1])
        case "emptied":
            file.write_bytes(b"")
        case "flipped":
            file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "gone":
            file.unlink()
    quantize(workspace, choice, data=of(faces), out=tmp_path / "out")
    assert file.read_bytes() == whole


def test_an_exported_file_that_is_whole_is_left_alone(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    times = []
    for _ in range(2):
        again(workspace, faces, out=tmp_path / "out")
        times.append({path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")})
    assert times[0] == times[1]


def test_an_out_folder_that_cannot_be_written_is_a_store_error(
    workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a file stands where a folder must be"):
        again(workspace, faces, out=tmp_path / "file" / "out")


def test_a_damaged_blob_is_named_and_after_a_repair_made_again(
    workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    choice = Choice.of("tiny", only="tflite-int8")
    (artifact,) = quantize(workspace, choice, data=of(faces))
    blob = workspace.store.blobs.path(artifact.blob)
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(StoreError, match=f"{artifact.blob}: is damaged"):
        quantize(workspace, choice, data=of(faces), out=tmp_path / "out")
    repair(workspace.store, verify(workspace.store))
    quantize(workspace, choice, data=of(faces), out=tmp_path / "out")
    assert blob.read_bytes() == (tmp_path / "out" / artifact.file_name).read_bytes() == whole


def test_only_picks_variants(workspace: Workspace, faces: Path) -> None:
    chosen = quantize(
        workspace,
        Choice.of("tiny", only=["tflite-*", "tiny.onnx-int8"]),
        data=of(faces),
    )
    assert [a.variant for a in chosen] == ["tiny.tflite-fp32", "tiny.tflite-fp16", "tiny.tflite-int8", "tiny.onnx-int8"]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"models": "tiny", "formats": "tflight"}, "did you mean 'tflite'"),
        ({"models": "tiny", "recipes": "int9"}, "did you mean 'int8'"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(choice: dict[str, str], said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        Choice.of(**choice)


def test_an_unknown_model_is_answered_with_the_nearest(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'tiny'"):
        quantize(fresh, Choice.of("tinny"), data=of(faces))


def test_a_pattern_that_fits_nothing_is_refused(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(UsageError, match="no variant fits"):
        quantize(fresh, Choice.of("tiny", only="tflite-int4"), data=of(faces))


def test_more_calibration_images_than_there_are_is_refused(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(DataError, match="64 of 1000 images"):
        quantize(fresh, Choice.of("tiny"), data=of(faces, count=1000))


def test_a_truncated_model_is_one_clear_error(fresh: Workspace, faces: Path) -> None:
    file = fresh.model_dirs[0] / "tiny.keras"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ModelFileError, match=r"tiny\.keras"):
        quantize(fresh, Choice.of("tiny", only="tflite-fp32"), data=of(faces))


def test_a_model_that_does_not_fit_its_contract_is_refused_with_both_shapes(fresh: Workspace, faces: Path) -> None:
    spec = fresh.model_dirs[0] / "tiny.yaml"
    spec.write_text(spec.read_text().replace("[24, 24]", "[32, 32]"))
    with pytest.raises(ModelFileError, match=r"24.*32|32.*24"):
        quantize(fresh, Choice.of("tiny", only="tflite-fp32"), data=of(faces))


def test_a_conversion_that_differs_from_its_source_is_refused(fresh: Workspace, faces: Path) -> None:
    spec = fresh.model_dirs[0] / "tiny.yaml"
    spec.write_text(spec.read_text() + "float_tolerance: 1.0e-12\n")
    with pytest.raises(ConversionError, match="differs from its source"):
        quantize(fresh, Choice.of("tiny", only="onnx-fp32"), data=of(faces))


def test_nan_is_an_error_that_names_variant_and_layer(fresh: Workspace, faces: Path) -> None:
    import keras
    import numpy as np

    file = fresh.model_dirs[0] / "tiny.keras"
    model = keras.saving.load_model(file)
    # Variance below zero by more than epsilon: NaN from the normalization on, whatever the input.
    normalization = next(layer for layer in model.layers if "batch_normalization" in layer.name)
    normalization.moving_variance.assign(np.full(8, -1.0))
    model.save(file)
    with pytest.raises(NonFiniteOutput, match=r"tiny\.\S+: .*NaN or infinity, first in layer"):
        quantize(fresh, Choice.of("tiny", only="onnx-fp32"), data=of(faces))


def test_a_failure_keeps_what_was_made_beside_it(fresh: Workspace, faces: Path) -> None:
    spec = fresh.model_dirs[0] / "tiny.yaml"
    (spec.parent / "broken.yaml").write_text(spec.read_text().replace("tiny.keras", "broken.keras"))
    (spec.parent / "broken.keras").write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(ModelFileError):
        quantize(
            fresh,
            Choice.of(["broken", "tiny"], only="tflite-fp32"),
            data=of(faces),
        )
    assert [artifact.variant for artifact in fresh.store.latest(Artifact)] == ["tiny.tflite-fp32"]
    assert (fresh.store.folder("artifacts") / "tiny.tflite-fp32.tflite").is_file()


def test_outputs_that_no_head_names_are_left_out_of_every_artifact_and_named(fresh: Workspace, faces: Path) -> None:
    spec = fresh.model_dirs[0] / "tiny.yaml"
    kept, _, _ = spec.read_text().partition("  - {kind: valence_arousal")
    spec.write_text(kept)
    made = quantize(fresh, Choice.of("tiny", only=["onnx-fp32", "tflite-int8"]), data=of(faces))
    assert [artifact.outputs for artifact in made] == [{"expression": 0}] * 2
    assert {(caveat.kind, caveat.text) for artifact in made for caveat in artifact.caveats} == {
        ("outputs-left-out", "the net also answers valence_arousal 2, which no head names and no artifact holds")
    }


def test_the_budget_is_checked(workspace: Workspace, faces: Path) -> None:
    spec = workspace.model_dirs[0] / "tiny.yaml"
    spec.write_text(spec.read_text().replace("1_000_000", "4_000"))
    found = {a.variant: over_budget(workspace.model("tiny"), a) for a in again(workspace, faces)}
    assert found["tiny.coreml-fp32"] is not None
    assert "over the budget of 4.0 kB" in found["tiny.coreml-fp32"].text
