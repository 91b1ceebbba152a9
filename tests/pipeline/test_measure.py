from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebench.errors import NothingMeasured, UnknownName
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.jobs.blocks import Measured
from edgebench.pipeline.measure import measure
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact
from edgebench.records.measurement import Block, MeasurementJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings


def of(folder: Path, count: int = 32, seed: int = 0) -> DataSettings:
    return DataSettings(folder=str(folder), calibration=CalibrationSettings(count=count, seed=seed))


SETTINGS = BenchSettings(rounds=2, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=5, inputs=2)


def again(workspace: Workspace, faces: Path, tmp_path: Path, **options: object) -> Measured:
    devices = tmp_path / "devices"
    devices.mkdir(exist_ok=True)
    (devices / "bench.yaml").write_text("threads: [1]\nveto: {foreign_load: 100, repeats: 0}\n")
    with_devices = Workspace.open(
        home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[devices], jobs=2
    )
    options = {"only": "*-fp32", "device": "bench", "settings": SETTINGS, **options}
    choice = Choice.of("tiny", only=options.pop("only"))  # type: ignore[arg-type]
    return measure(with_devices, choice, data=of(faces), **options)  # type: ignore[arg-type]


def test_every_variant_has_a_block_in_every_round(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    measured = again(workspace, faces, tmp_path, threads=(1, 2))
    assert sorted((b.variant, b.threads, b.round) for b in measured.blocks) == [
        (f"tiny.{format_}-fp32", threads, round_)
        for format_ in ("onnx", "tflite")
        for threads in (1, 2)
        for round_ in (0, 1)
    ]
    assert all(len(block.latencies_ns) >= 5 for block in measured.blocks)


def test_coreml_is_not_measured_where_it_does_not_exist(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    if sys.platform == "darwin":
        pytest.skip("CoreML runs here")
    measured = again(workspace, faces, tmp_path)
    assert measured.not_measured == {"tiny.coreml-fp32": "needs the runtime coreml"}
    assert not any("coreml" in block.variant for block in measured.blocks)


def test_a_device_that_runs_nothing_says_why(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingMeasured, match="needs the runtime coreml"):
        again(workspace, faces, tmp_path, only="coreml-*")


def test_a_device_that_is_not_there_is_named(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'bench'"):
        again(workspace, faces, tmp_path, device="bensch")


def test_nothing_is_made_for_a_device_that_is_not_there(fresh: Workspace, faces: Path) -> None:
    with pytest.raises(UnknownName, match="unknown device"):
        measure(fresh, Choice.of("tiny"), device="nope", data=of(faces))
    assert fresh.store.latest(Artifact) == []


def test_a_job_asked_for_again_is_the_newest(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    first = again(workspace, faces, tmp_path, only="tflite-fp32")
    again(workspace, faces, tmp_path, only="onnx-fp32")
    assert workspace.store.latest(MeasurementJob)[-1].job != first.job.job
    again(workspace, faces, tmp_path, only="tflite-fp32")
    assert workspace.store.latest(MeasurementJob)[-1].job == first.job.job


def test_a_second_call_measures_nothing_and_force_measures_anew(
    workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    first = again(workspace, faces, tmp_path)
    assert again(workspace, faces, tmp_path).blocks == first.blocks
    forced = again(workspace, faces, tmp_path, force=True)
    assert forced.job.job != first.job.job
    assert again(workspace, faces, tmp_path).job.job in (first.job.job, forced.job.job)


def test_the_timed_path_answers_what_the_evaluation_found(made: Workspace) -> None:
    by_variant: dict[str, set[str]] = {}
    for block in made.store.latest(Block):
        by_variant.setdefault(block.variant, set()).add(block.outputs_sha256)
    assert by_variant
    assert all(len(hashes) == 1 for hashes in by_variant.values())


def test_lost_blocks_are_read_back_from_the_journal(workspace: Workspace, faces: Path, tmp_path: Path) -> None:
    """Killed between the agent's journal and our database: nothing is measured twice, nothing is lost."""
    import sqlite3

    first = again(workspace, faces, tmp_path)
    with sqlite3.connect(workspace.store.home / "results.db") as connection:
        connection.execute("DELETE FROM records WHERE kind = 'block' AND key LIKE ?", (f"{first.job.job}/r1%",))
    connection.close()
    second = again(workspace, faces, tmp_path)
    assert sorted(second.blocks, key=str) == sorted(first.blocks, key=str)


def test_kill_9_in_the_middle_costs_at_most_the_block_under_way(
    workspace: Workspace, faces: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[5]); from pathlib import Path\n"
        "from edgebench.pipeline.measure import *\n"
        "from edgebench.pipeline.workspace import Workspace\n"
        "from edgebench.specs.data import CalibrationSettings, DataSettings\n"
        "home, specs, devices, faces = map(Path, sys.argv[1:5])\n"
        "workspace = Workspace.open(home=home, model_dirs=[specs], device_dirs=[devices], jobs=2)\n"
        "settings = BenchSettings(rounds=4, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.2, min_invocations=5,\n"
        "                         inputs=2)\n"
        "measure(workspace, Choice.of('tiny', only='*-fp32'), device='bench', settings=settings,\n"
        "        data=DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32)))\n"
    )
    again(workspace, faces, tmp_path)  # writes the device's file
    before = {block.job for block in workspace.store.latest(Block)}
    argv = [workspace.store.home, workspace.model_dirs[0], tmp_path / "devices", faces, Path.cwd()]
    command = [sys.executable, "-c", code, *map(str, argv)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = [block for block in workspace.store.latest(Block) if block.job not in before]
        if len(done) >= 2:
            break
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    kept = [block for block in workspace.store.latest(Block) if block.job not in before]
    assert 2 <= len(kept) < 8
    subprocess.run(command, check=True, timeout=120)
    whole = [block for block in workspace.store.latest(Block) if block.job not in before]
    assert len({block.job for block in whole}) == 1
    assert sorted((block.variant, block.round) for block in whole) == [
        (f"tiny.{format_}-fp32", round_) for format_ in ("onnx", "tflite") for round_ in range(4)
    ]
    assert {block.outputs_sha256 + str(block.latencies_ns) for block in kept} <= {
        block.outputs_sha256 + str(block.latencies_ns) for block in whole
    }


def test_a_job_states_its_machine_and_settings(made: Workspace) -> None:
    (job,) = made.store.latest(MeasurementJob)
    assert job.device.name == "bench"
    assert job.device.cores >= 1
    assert job.settings["rounds"] == 3
    assert job.settings["threads"] == [1]
