"""A run on another machine proves that it computes what was judged; on an emulated one that is all it shows."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from boards.sshd import Board

from edgebench.errors import UsageError
from edgebench.pipeline.check import check, write_baseline_of
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.evaluate import evaluate
from edgebench.pipeline.findings.answers import answers_of_job
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.jobs.blocks import Measured
from edgebench.pipeline.measure import measure
from edgebench.pipeline.report import report
from edgebench.pipeline.workspace import Workspace
from edgebench.records.answers import HostAnswers
from edgebench.records.evaluation import Evaluation
from edgebench.records.results import Results
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings

SETTINGS = BenchSettings(rounds=2, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=70, inputs=3)


def with_board(workspace: Workspace, board: Board, *, emulated: bool) -> Workspace:
    """A workspace that knows the board as `pi`."""
    devices = workspace.store.home.parent / "devices"
    devices.mkdir(exist_ok=True)
    ssh = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key), "python": sys.executable}
    stated = {"transport": "ssh", "ssh": ssh, "veto": {"foreign_load": 1000, "repeats": 0}, "emulated": emulated}
    (devices / "pi.yaml").write_text(json.dumps(stated))
    return Workspace.open(
        home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[devices], jobs=workspace.jobs
    )


def on_board(workspace: Workspace, faces: Path, only: str = "tflite-*") -> Measured:
    data = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))
    return measure(workspace, Choice.of("tiny", only=only), device="pi", data=data, settings=SETTINGS)


def shown(results: Results, folder: Path) -> str:
    """All that the files of a page say in words."""
    names = ("index.html", "summary.md", "results.csv", "results.json")
    return "\n".join((folder / name).read_text() for name in names)


def test_a_device_is_held_against_the_evaluation_bit_for_bit(workspace: Workspace, faces: Path, board: Board) -> None:
    there = with_board(workspace, board, emulated=False)
    measured = on_board(there, faces)
    found = answers_of_job(there, measured.job, measured.blocks)
    assert sorted(found) == ["tiny.tflite-fp16", "tiny.tflite-fp32", "tiny.tflite-int8"]
    for answers, caveat in found.values():
        assert (answers.held_against, answers.exact, answers.images, caveat) == ("evaluation", True, 3, None)
        assert answers.path.startswith("XNNPACK")
    rows = [row for row in gather(there, device="pi").variants if row.answers]
    assert {row.variant: row.answers for row in rows} == {variant: each for variant, (each, _) in found.items()}


def test_without_an_evaluation_this_machine_answers_for_comparison(fresh: Workspace, faces: Path, board: Board) -> None:
    there = with_board(fresh, board, emulated=False)
    measured = on_board(there, faces, only="*-fp32")
    assert fresh.store.latest(Evaluation) == []
    found = answers_of_job(there, measured.job, measured.blocks)
    assert {variant: (each.held_against, each.exact) for variant, (each, _) in found.items()} == {
        "tiny.onnx-fp32": ("host", True),
        "tiny.tflite-fp32": ("host", True),
    }
    kept = there.store.latest(HostAnswers)
    assert {each.variant for each in kept} >= set(found)
    on_board(there, faces, only="*-fp32")
    assert there.store.latest(HostAnswers) == kept


def test_nothing_measured_on_an_emulated_device_is_shown_as_a_time(
    workspace: Workspace, faces: Path, board: Board, tmp_path: Path
) -> None:
    there = with_board(workspace, board, emulated=True)
    measured = on_board(there, faces)
    assert measured.job.device.emulated
    (page,) = [each for each in report(there, out=tmp_path / "out") if each.folder.name == "pi"]
    results = page.results
    assert not any(row.latency or row.frame_rates or row.front_probability is not None for row in results.variants)
    assert {row.variant for row in results.variants if row.answers and row.answers.same} == {
        block.variant for block in measured.blocks
    }
    assert "emulated" in {caveat.kind for caveat in results.caveats}
    text = shown(results, page.folder)
    for block in measured.blocks:
        # As a number of its own: its digits may stand in a hash or a fraction by chance.
        assert not re.search(rf"(?<![\w.]){block.latencies_ns[0]}(?![\w.])", text)
    assert "pi (emulated)" in (page.folder / "summary.md").read_text()
    assert "as the evaluation, bit for bit" in (page.folder / "summary.md").read_text()
    assert "<small>emulated</small>" in (page.folder / "index.html").read_text()
    assert not any("run --device" in row.commands.get("latency", "") for row in results.variants)


def test_where_a_real_device_was_measured_an_emulated_one_is_not_shown_by_itself(
    workspace: Workspace, faces: Path, board: Board, tmp_path: Path
) -> None:
    there = with_board(workspace, board, emulated=True)
    on_board(there, faces)
    newest = gather(there)
    assert newest.device is not None
    assert newest.device.name == "bench"
    assert any(row.latency for row in newest.variants)
    pages = report(there, out=tmp_path / "out")
    assert {page.folder.name for page in pages} == {"bench", "pi"}


def test_a_gate_takes_no_time_from_an_emulated_device(workspace: Workspace, board: Board, tmp_path: Path) -> None:
    there = with_board(workspace, board, emulated=True)
    write_baseline_of(there, "tiny", tmp_path / "baseline.json")
    with pytest.raises(UsageError, match="pi: is emulated"):
        check(there, "tiny", baseline=tmp_path / "baseline.json", latency_device="pi")


def test_a_device_that_is_said_to_be_emulated_later_is_run_anew(
    workspace: Workspace, faces: Path, board: Board
) -> None:
    real = on_board(with_board(workspace, board, emulated=False), faces, only="tflite-int8")
    there = with_board(workspace, board, emulated=True)
    emulated = on_board(there, faces, only="tflite-int8")
    assert real.job.job != emulated.job.job
    evaluate(
        there, Choice.of("tiny", only="tflite-int8"), data=emulated.job.data.model_copy(update={"folder": str(faces)})
    )
