"""Tiny real models, images, and the agent as a device runs it: a plain script in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebench.agent import AGENT

AFFINE = {"layout": "nhwc", "scale": [2 / 255] * 3, "offset": [-1.0] * 3}
SETTINGS = {
    "warmup_s": 0.02,
    "steady_change": 0.5,
    "max_warmup_s": 0.1,
    "measure_s": 0.05,
    "min_invocations": 10,
    "inputs": 4,
}
NO_VETO = {"foreign_load": 1e9, "frequency_change": 1.0, "max_temperature_c": None, "repeats": 0}

# In a child: TensorFlow warns, and warnings are errors here.
MAKE_TFLITE = """
import sys
import numpy as np, tensorflow as tf
tf.keras.utils.set_random_seed(1)
layers = [tf.keras.Input((8, 8, 3)), tf.keras.layers.Conv2D(4, 3), tf.keras.layers.GlobalAveragePooling2D()]
model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(3)])
converter = tf.lite.TFLiteConverter.from_keras_model(model)
open(sys.argv[1] + "/float.tflite", "wb").write(converter.convert())
converter.optimizations = [tf.lite.Optimize.DEFAULT]
pixels = np.random.default_rng(0).integers(0, 256, (70, 1, 8, 8, 3), dtype="uint8")
samples = (pixels / 127.5 - 1).astype("float32")
converter.representative_dataset = lambda: ([sample] for sample in samples)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
open(sys.argv[1] + "/int8.tflite", "wb").write(converter.convert())
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds float.tflite, int8.tflite, float.onnx (nchw) and log.onnx (NaN where the mean is negative)."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, "-c", MAKE_TFLITE, folder], check=True, capture_output=True)
    make_onnx(folder / "float.onnx", "Identity")
    make_onnx(folder / "log.onnx", "Log")
    return folder


def make_onnx(path: Path, last: str) -> None:
    """Mean of each channel, then one elementwise operator."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node(last, ["flat"], ["scores"]),
    ]
    entry = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 8, 8])
    exit_ = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(nodes, "tiny", [entry], [exit_])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8))
    return path


@pytest.fixture(scope="session")
def ask() -> Callable[..., dict[str, Any]]:
    """The agent's answer to a task given on stdin, `returncode` being the exit code it must have."""

    def ask(task: str, *, returncode: int = 0, **facts: Any) -> dict[str, Any]:
        argv = [sys.executable, str(AGENT), "-"]
        asked = json.dumps({"schema": 1, "task": task, "threads": 1, **facts}) + "\n"
        done = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=60)
        assert done.returncode == returncode, done.stdout + done.stderr
        (line,) = done.stdout.splitlines()
        return json.loads(line)

    return ask


@pytest.fixture(scope="session")
def predict(ask, images, tmp_path_factory) -> Callable[..., tuple[dict[str, Any], list[np.ndarray]]]:
    """The agent's answer to `predict`, and the arrays it wrote."""

    def predict(runtime: str, model: Path, **facts: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
        output = tmp_path_factory.mktemp("predict") / "out.npz"
        task = {"start": 0, "stop": 70, "affine": AFFINE, "images": str(images), "output": str(output), **facts}
        answer = ask("predict", runtime=runtime, model=str(model), **task)
        with np.load(output) as arrays:
            return answer, [arrays[f"output_{k}"] for k in range(len(arrays))]

    return predict


@pytest.fixture(scope="session")
def bench(ask, images) -> Callable[..., dict[str, Any]]:
    def bench(runtime: str, model: Path | str = "", **facts: Any) -> dict[str, Any]:
        task = {"settings": SETTINGS, "affine": AFFINE, "images": str(images), **facts}
        return ask("bench", runtime=runtime, model=str(model), **task)

    return bench


class Scheduler:
    """A schedule in a process that the test can kill. Its stdin stays open unless the test closes it."""

    def __init__(self, job: dict[str, Any], folder: Path) -> None:
        self.journal = folder / "journal.jsonl"
        task = {"schema": 1, "task": "schedule", "journal": str(self.journal), "veto": NO_VETO, "inputs": {}, **job}
        argv = [sys.executable, str(AGENT), "-"]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()

    def wait_for(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Reads progress until a line satisfies the condition."""
        for line in self.process.stdout:
            if condition(json.loads(line)):
                return
        raise AssertionError(self.process.stderr.read())

    def finish(self, *, returncode: int = 0) -> dict[str, Any]:
        """The final answer."""
        lines = self.process.stdout.read().splitlines()
        assert self.process.wait(timeout=60) == returncode, lines
        self.close()
        return json.loads(lines[-1])

    def child(self) -> int:
        """Process id of the block that runs now."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if pids := children.read_text().split():
                return int(pids[0])
        raise AssertionError("no block was started")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def schedule(tmp_path: Path):
    """Starts schedules in one folder and ends what is left of them."""
    started: list[Scheduler] = []

    def start(**job: Any) -> Scheduler:
        started.append(Scheduler({"job": "j1", "settings": SETTINGS, **job}, tmp_path))
        return started[-1]

    yield start
    for scheduler in started:
        scheduler.close()


@pytest.fixture
def block(sleep_model) -> Callable[..., dict[str, Any]]:
    def block(block_id: str, runtime: str = "sleep", model: str = "", **more: Any) -> dict[str, Any]:
        model = model or sleep_model(1)
        facts = {"id": block_id, "variant": block_id, "runtime": runtime, "model": model, "threads": 1}
        return {**facts, "round": 0, "position": 0, **more}

    return block


@pytest.fixture
def sleep_model(tmp_path: Path) -> Callable[[float], str]:
    """A model file that takes this many milliseconds."""

    def sleep_model(sleep_ms: float) -> str:
        path = tmp_path / f"sleep_{sleep_ms:g}.json"
        path.write_text(json.dumps({"sleep_ms": sleep_ms}))
        return str(path)

    return sleep_model


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """True once a process has ended (a zombie has), False when it has not within two seconds."""

    def gone(pid: int) -> bool:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return True
            if state == "Z":
                return True
            time.sleep(0.02)
        return False

    return gone
