"""Each promise and the way it is measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

from edgebench.pipeline.children.workers import anonymous_bytes

MODEL = "mobilenet_v1_a0.5"
LARGE_MODEL = "ulloa_vgg11_bn"
IMAGES = (1000, 4000)


@dataclass(frozen=True)
class Figure:
    name: str
    promised: str
    measured: str
    how: str


@dataclass(frozen=True)
class Run:
    wall_s: float
    peak_bytes: int
    """Highest sum over the whole process tree, sampled every 20 ms."""
    stdout: str


class Bench:
    """A store of its own for the figures, walked through by one demo."""

    def __enter__(self) -> Bench:
        self.folder = Path(tempfile.mkdtemp(prefix="edgebench-bench-"))
        self.demo_s: float | None = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def edgebench(self, *arguments: object) -> Run:
        return run([sys.executable, "-m", "edgebench", *map(str, arguments)], self.folder)

    def demo(self) -> float:
        """Seconds the demo took from an empty store; run once."""
        if self.demo_s is None:
            self.demo_s = self.edgebench("demo").wall_s
        return self.demo_s

    def faces(self, images: int) -> Path:
        folder = self.folder / f"faces-{images}"
        if not folder.exists():
            size = ("--layout", "2021", "--training", 800, "--validation", images, "--seed", 1)
            self.edgebench("data", "synth", "--out", folder, *size)
        return folder

    def machine(self) -> str:
        from edgebench.pipeline.children.agents import this_machine
        from edgebench.pipeline.workspace import Workspace

        info = this_machine(Workspace.open(home=self.folder / ".edgebench"))
        virtual = ", virtual machine" if info.virtualized else ""
        features = " ".join(info.features)
        memory_gb = info.memory_bytes / 1e9
        return (
            f"{info.processor}, {info.cores} cores{virtual}, {memory_gb:.0f} GB, {features}; {info.system}; "
            f"Python {info.python}; load average {os.getloadavg()[0]:.1f}"
        )


def run(argv: Sequence[str], folder: Path) -> Run:
    started = time.monotonic()
    environment = {k: v for k, v in os.environ.items() if k != "EDGEBENCH_HOME"}
    with subprocess.Popen(
        argv, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        peak: list[int] = [0]
        watcher = threading.Thread(target=_watch, args=(child.pid, peak), daemon=True)
        watcher.start()
        stdout, stderr = child.communicate()
    wall_s = time.monotonic() - started
    if child.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {child.returncode}: {stderr[-500:]}")
    return Run(wall_s, peak[0], stdout)


def _watch(pid: int, peak: list[int]) -> None:
    while Path(f"/proc/{pid}").exists():
        peak[0] = max(peak[0], sum(anonymous_bytes(each) for each in _tree(pid)))
        time.sleep(0.02)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return found


def help_ms(bench: Bench) -> list[Figure]:
    walls = sorted(1000 * bench.edgebench("--help").wall_s for _ in range(21))[1:-1]
    return [Figure("`edgebench --help`", "<= 150 ms", f"{median(walls):.0f} ms", "median of 19 processes")]


def demo_s(bench: Bench) -> list[Figure]:
    return [
        Figure("`edgebench demo`, empty store", "<= 3 min on 2 cores", f"{bench.demo():.0f} s", "one run, wall clock")
    ]


def cached_s(bench: Bench) -> list[Figure]:
    bench.demo()
    walls = [bench.edgebench("quantize", "--model", MODEL).wall_s for _ in range(5)]
    return [
        Figure(
            "`edgebench quantize`, all cached",
            "<= 1.5 s",
            f"{median(walls):.2f} s",
            "median of 5 processes, 9 variants",
        )
    ]


def evaluation_ratio(bench: Bench) -> list[Figure]:
    """Wall time of evaluating 4,000 cached images against the bare invocations spread over the cores."""
    from edgebench.pipeline.children.agents import runnable_file
    from edgebench.pipeline.children.predictions import ArtifactRow, predict_artifacts
    from edgebench.pipeline.children.shards import PredictJob, predict
    from edgebench.pipeline.choice import Choice
    from edgebench.pipeline.images.datasets import evaluation_samples, images_path
    from edgebench.pipeline.quantize import quantize
    from edgebench.pipeline.workspace import Workspace
    from edgebench.specs.data import DataSettings

    data = DataSettings(folder=str(bench.faces(IMAGES[-1])))
    workspace = Workspace.open(home=bench.folder / ".edgebench")
    spec = workspace.model(MODEL)
    samples = evaluation_samples(workspace, spec, data)
    images, affine = images_path(samples), spec.input.affine()
    rows = []
    for artifact in quantize(workspace, Choice.of(MODEL, only="tflite-*"), data=data):
        model = runnable_file(workspace.store, artifact.runnable[0], bench.folder)
        rows.append(
            ArtifactRow(
                artifact.variant, artifact.variant, "litert", model, artifact.outputs, affine, images, len(samples)
            )
        )

    def bare_s(row: ArtifactRow) -> float:
        one = predict(PredictJob("", "", row.runtime, row.model, images, 0, 1000, affine), bench.folder)
        return one.invoke_s / 1000 * len(samples) / workspace.jobs

    def ratio(chosen: Sequence[ArtifactRow]) -> float:
        bare = sum(map(bare_s, chosen))
        started = time.monotonic()
        list(predict_artifacts(workspace, chosen))
        return (time.monotonic() - started) / bare

    how = f"{len(samples)} images x single-thread invocation / {workspace.jobs} cores; median of 3"
    measured = {f"{MODEL}.tflite-*, one call": rows, **{row.variant: [row] for row in rows}}
    return [
        Figure(f"evaluation wall time, {name}", "<= 1.3 x", f"{median(ratio(chosen) for _ in range(3)):.2f} x", how)
        for name, chosen in measured.items()
    ]


def evaluation_memory(bench: Bench) -> list[Figure]:
    figures = []
    for images in IMAGES:
        faces = bench.faces(images)
        bench.edgebench("quantize", "--model", MODEL, "--data", faces)
        found = bench.edgebench("evaluate", "--model", MODEL, "--data", faces, "--force")
        figures.append(
            Figure(
                f"peak memory of evaluating {images} images at 224",
                "<= 1.5 GB, flat",
                f"{found.peak_bytes / 1e9:.2f} GB",
                "anonymous memory, whole process tree, source and 9 variants",
            )
        )
    return figures


def conversion_memory(bench: Bench) -> list[Figure]:
    found = bench.edgebench("quantize", "--model", LARGE_MODEL, "--data", bench.faces(IMAGES[0]), "--calibration", 16)
    return [
        Figure(
            f"peak memory of quantizing {LARGE_MODEL}, 515 MB",
            "< 6 GB",
            f"{found.peak_bytes / 1e9:.2f} GB",
            "anonymous memory, whole process tree, 9 variants, 16 calibration images",
        )
    ]


def harness(bench: Bench) -> list[Figure]:
    """The null runtime and planted sleeps, through the same agent and schedule as every measurement."""
    claims = json.loads(bench.edgebench("selftest", "--json").stdout)["claims"]
    return [
        Figure(claim["claim"], claim["allowed"], claim["found"], f"{claim['invocations']} invocations, interleaved")
        for claim in claims
    ]


def int8_speedup(bench: Bench) -> list[Figure]:
    only = ("--only", "tflite-fp32", "--only", "tflite-int8")
    answer: dict[str, Any] = json.loads(bench.edgebench("run", "--model", MODEL, *only, "--json").stdout)
    ratios = {found["variant"]: found["ratio_to_fp32"] for found in answer["latencies"]}
    ratio = ratios[f"{MODEL}.tflite-int8"]
    fast, slow = 1 / ratio["high"], 1 / ratio["low"]
    return [
        Figure(
            f"int8 over fp32, {MODEL}, TFLite, 1 thread",
            ">= 1.8 x faster",
            f"{1 / ratio['value']:.2f} x [{fast:.2f}, {slow:.2f}]",
            "`edgebench run`, default settings, ratio paired by round",
        )
    ]


FIGURES: dict[str, Callable[[Bench], list[Figure]]] = {
    "help": help_ms,
    "demo": demo_s,
    "cached": cached_s,
    "evaluation": evaluation_ratio,
    "memory": evaluation_memory,
    "conversion": conversion_memory,
    "harness": harness,
    "int8": int8_speedup,
}
