"""The whole way on an aarch64 board: set up, run, and the same answers as an evaluation on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from boards.aarch64 import Emulated

from edgebench.pipeline.choice import Choice
from edgebench.pipeline.device_setup import set_up
from edgebench.pipeline.findings.answers import answers_of_job
from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.measure import measure
from edgebench.pipeline.workspace import Workspace
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import CalibrationSettings, DataSettings

SETTINGS = BenchSettings(rounds=1, warmup_s=0.01, max_warmup_s=0.05, measure_s=0.01, min_invocations=8, inputs=8)


@pytest.fixture
def beside(workspace: Workspace, aarch64_board: Emulated, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace that knows the board as `pi`."""
    root = workspace.store.home.parent
    (root / "config" / "edgebench").mkdir(parents=True)
    (root / "config" / "edgebench" / "known_hosts").write_text(aarch64_board.host_key)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(root / "config"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    board = aarch64_board
    ssh = {"host": board.host, "port": board.port, "user": board.user, "key": str(board.key)}
    stated = {
        "transport": "ssh",
        "ssh": ssh,
        "runtimes": ["litert", "onnxruntime"],
        "veto": {"foreign_load": 1000, "repeats": 0},
        "emulated": True,
    }
    (root / "devices").mkdir()
    (root / "devices" / "pi.yaml").write_text(json.dumps(stated))
    return Workspace.open(
        home=workspace.store.home, model_dirs=workspace.model_dirs, device_dirs=[root / "devices"], jobs=2
    )


def test_integers_give_the_same_bits_there_and_floats_what_is_stated(
    beside: Workspace, aarch64_wheels: Path, faces: Path
) -> None:
    set_up(beside, "pi", wheels=aarch64_wheels)
    data = DataSettings(folder=str(faces), calibration=CalibrationSettings(count=32))
    measured = measure(beside, Choice.of("tiny", formats="tflite,onnx"), device="pi", data=data, settings=SETTINGS)
    assert measured.job.device.machine == "aarch64"
    assert measured.job.device.emulated
    found = {variant: each for variant, (each, _) in answers_of_job(beside, measured.job, measured.blocks).items()}
    assert len(found) == 6
    differences = {variant: (each.largest_difference, each.allowed_difference) for variant, each in found.items()}
    assert all(each.same for each in found.values()), differences
    assert found["tiny.tflite-int8"].exact
    assert found["tiny.tflite-int8"].allowed_difference == 0
    assert found["tiny.tflite-int8"].path.startswith("XNNPACK")
    assert (found["tiny.onnx-int8"].largest_difference or 0) < 1e-6
    assert not any(row.latency for row in gather(beside, device="pi").variants)
