from __future__ import annotations

import pytest

from edgebench.errors import NothingMeasured
from edgebench.pipeline.results import gather
from edgebench.pipeline.workspace import Workspace
from edgebench.records.results import VariantResult


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
