"""A store whose files were damaged, on the whole road: named, repaired, made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.findings.results import evaluation_results
from edgebench.pipeline.measure import measure
from edgebench.pipeline.workspace import Workspace
from edgebench.records.measurement import Block
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings
from edgebench.store.verify import repair, verify

CHOICE = Choice.of("tiny", only="tflite-*")


@pytest.fixture
def data(faces: Path) -> DataSettings:
    return DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))


def flip(path: Path) -> bytes:
    """Changes one bit in the middle of a file and returns what it held."""
    whole = path.read_bytes()
    place = len(whole) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    return whole


def test_a_damaged_evaluation_is_named_and_after_a_repair_made_again(workspace: Workspace, data: DataSettings) -> None:
    evaluations = evaluate(workspace, CHOICE, data=data)
    before = evaluation_results(workspace, evaluations)
    outputs = workspace.store.blobs.path(evaluations[1].outputs)
    whole = flip(outputs)
    with pytest.raises(StoreError, match=f"{outputs.name}: is damaged"):
        evaluation_results(workspace, evaluations)
    assert len(repair(workspace.store, verify(workspace.store))) >= 2
    again = evaluate(workspace, CHOICE, data=data)
    assert outputs.read_bytes() == whole
    assert evaluation_results(workspace, again) == before


@pytest.mark.slow
def test_a_damaged_artifact_is_never_timed_and_after_a_repair_measured_again(
    workspace: Workspace, data: DataSettings, tmp_path: Path
) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "mine.yaml").write_text("threads: [1]\nveto: {foreign_load: 100, repeats: 0}\n")
    mine = Workspace(workspace.store, workspace.model_dirs, (tmp_path / "devices",), jobs=2)
    settings = BenchSettings(rounds=2, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=5, inputs=4)

    def measured(*, force: bool = False) -> tuple[Block, ...]:
        choice = Choice.of("tiny", only="tflite-int8")
        return measure(mine, choice, device="mine", data=data, settings=settings, force=force).blocks

    first = measured()
    assert measured() == first
    flip(mine.store.blobs.path(first[0].artifact))
    with pytest.raises(StoreError, match="is damaged"):
        measured(force=True)
    repair(mine.store, verify(mine.store))
    assert not [block for block in mine.store.latest(Block) if block.artifact == first[0].artifact]
    second = measured()
    assert [block.artifact for block in second] == [block.artifact for block in first]
    assert not {block.started_at for block in second} & {block.started_at for block in first}
    assert verify(mine.store).problems == ()


def test_a_log_that_cannot_be_written_is_a_store_error(workspace: Workspace) -> None:
    workspace.log.unlink()
    workspace.store.folder("logs", "workers.log")
    with pytest.raises(StoreError, match="Is a directory"):
        _ = workspace.log
