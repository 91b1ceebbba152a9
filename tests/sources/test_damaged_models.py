"""Cut and altered model files of every kind, loaded in a child as the pipeline does: an answer or a typed error."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from edgebench.errors import ModelFileError, WorkerDied
from edgebench.pipeline.children.workers import Task, run_tasks

LIMIT_S = 20.0
"""For one file on a busy machine, the child's own start shared among all."""

# Name -> key of the source, what it names, the file in it that is damaged.
KINDS = {
    "onnx": ("onnx", "net.onnx", "net.onnx"),
    "tflite": ("tflite", "net.tflite", "net.tflite"),
    "keras": ("keras", "net.keras", "net.keras"),
    "h5": ("keras", "net.h5", "net.h5"),
    "saved_model": ("saved_model", "net", "net/saved_model.pb"),
    "variables": ("saved_model", "net", "net/variables/variables.index"),
}


@pytest.fixture(scope="module")
def whole(small_net, onnx_net, tflite_bytes, tmp_path_factory):
    """A folder with a sound small model of every kind."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "net.onnx").write_bytes(onnx_net().SerializeToString())
    (folder / "net.tflite").write_bytes(tflite_bytes())
    small_net().save(folder / "net.keras")
    small_net().save(folder / "net.h5")
    small_net().export(folder / "net", verbose=False)
    return folder


@pytest.fixture
def tasks(whole, spec_of, tmp_path, monkeypatch):
    """Makes tasks that load damaged copies of each kind of model."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    def make(count):
        return [task for kind in KINDS for task in of_kind(kind, count)]

    def of_kind(kind, count):
        key, source, file = KINDS[kind]
        spec = spec_of(**{key: source}, contract={"layout": "nchw"} if kind == "onnx" else {})
        rng, data = np.random.default_rng(len(kind)), (whole / file).read_bytes()
        for trial in range(count):
            folder = tmp_path / f"{kind}{trial}"
            if (whole / source).is_dir():
                shutil.copytree(whole / source, folder / source)
            folder.mkdir(exist_ok=True)
            (folder / file).write_bytes(damaged(data, rng))
            yield Task(f"{kind}-{trial}", "damaged_models_loader:load", {"spec": spec, "folder": folder})

    return make


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut, or a few bytes changed, half of them near the beginning, where the structure is."""
    if rng.random() < 0.3:
        return data[: int(rng.integers(0, len(data)))]
    changed = bytearray(data)
    reach = len(data) if rng.random() < 0.5 else min(len(data), 2048)
    for place in rng.integers(0, reach, int(rng.integers(1, 9))):
        changed[place] ^= int(rng.integers(1, 256))
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("each", [pytest.param(5, id="few"), pytest.param(100, id="hundreds", marks=pytest.mark.slow)])
def test_a_damaged_file_is_loaded_or_refused_and_never_takes_the_parent_down(tasks, tmp_path, each):
    made, started = tasks(each), time.monotonic()
    outcomes = list(run_tasks(made, jobs=1, log=tmp_path / "log"))
    assert len(outcomes) == each * len(KINDS)
    assert time.monotonic() - started < LIMIT_S * len(made)
    errors = [(outcome.task.subject.partition("-")[0], outcome.error) for outcome in outcomes if outcome.error]
    assert {kind for kind, _ in errors} == set(KINDS)
    for _, error in errors:
        assert isinstance(error, ModelFileError) or (isinstance(error, WorkerDied) and "signal" in str(error)), error
        assert "\n" not in str(error)
