from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebench.cli import VERBS

Edgebench = Callable[..., subprocess.CompletedProcess[str]]

HEAVY = {
    "ai_edge_litert", "altair", "coremltools", "jinja2", "keras", "numpy", "onnx", "onnxruntime", "pandas", "pydantic",
    "scipy", "sqlalchemy", "tensorflow", "yaml", "PIL",
}  # fmt: skip


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from edgebench.cli import application; application(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & {name.partition(".")[0] for name in loaded.split()}


def test_importing_edgebench_loads_nothing_heavy_yet_offers_its_verbs() -> None:
    code = "import sys, edgebench; print(*sys.modules, *dir(edgebench))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & {name.partition(".")[0] for name in loaded}
    assert {"quantize", "evaluate", "run", "report", "check"} <= set(loaded)


def test_every_public_name_exists() -> None:
    import edgebench

    for name in edgebench.__all__:
        assert getattr(edgebench, name)
    with pytest.raises(AttributeError, match="quantise"):
        edgebench.quantise  # noqa: B018


@pytest.mark.parametrize("verb", [name for name, _ in VERBS])
def test_every_verb_explains_itself(edgebench: Edgebench, verb: str) -> None:
    answer = edgebench(verb, "--help")
    assert answer.returncode == 0
    assert "Usage" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["quantise"], 2, "quantise"),
        (["quantize"], 2, "--model"),
        (["quantize", "--model", "mobilenet_v1_a0.6"], 2, "did you mean 'mobilenet_v1_a0.5'"),
        (["quantize", "-m", "mobilenet_v1_a0.5", "--formats", "tflit"], 2, "did you mean 'tflite'"),
        (["quantize", "-m", "mobilenet_v1_a0.5", "--recipes", "int6"], 2, "did you mean 'int8'"),
        (["quantize", "-m", "mobilenet_v1_a0.5", "--data", "nowhere"], 2, "nowhere: no such folder"),
        (["run", "-m", "mobilenet_v1_a0.5", "--threads", "one"], 2, "write numbers such as 1,2"),
        (["models", "show", "mobilenet"], 2, "unknown model"),
        (["devices", "show", "rpi9"], 2, "unknown device"),
        (["report"], 4, "edgebench quantize"),
        (["check", "--baseline", "missing.json"], 2, "missing.json"),
        (["check"], 4, "nothing was measured"),
        (["check", "--growth-share", "inf"], 2, "--growth-share inf"),
        (["check", "--growth-share", "nan"], 2, "--growth-share"),
        (["check", "--growth-share", "1e308"], 2, "--growth-share 1e+308"),
        (["check", "--growth-share", "-1"], 2, "--growth-share"),
        (["check", "--allowed-loss", "nan"], 2, "--allowed-loss"),
        (["check", "--latency-ratio", "inf"], 2, "--latency-ratio inf"),
        (["check", "--latency", "nosuch"], 2, "unknown device"),
        (["evaluate", "-m", "mobilenet_v1_a0.5", "--limit", "0"], 2, "--limit"),
        (["report", "--device", "lokal"], 2, "did you mean 'local'"),
        (["run", "-m", "mobilenet_v1_a0.5", "--device", "lokal"], 2, "did you mean 'local'"),
        (["inspect", "net.tflite-int8"], 4, "the store holds no artifact"),
        (["inspect", "nonsense"], 2, "not a variant"),
    ],
)
def test_a_wrong_request_gets_one_clear_line(edgebench: Edgebench, arguments: list[str], code: int, said: str) -> None:
    answer = edgebench(*arguments)
    assert answer.returncode == code
    assert said in answer.stderr + answer.stdout
    assert "Traceback" not in answer.stderr


def test_debug_shows_the_traceback(edgebench: Edgebench) -> None:
    answer = edgebench("models", "show", "nothing", "--debug")
    assert answer.returncode == 2
    assert "Traceback" in answer.stderr


def test_json_prints_one_object(edgebench: Edgebench) -> None:
    for arguments in (
        ["models", "list"],
        ["devices", "list"],
        ["models", "show", "mobilenet_v1_a0.5"],
        ["store", "verify"],
    ):
        answer = edgebench(*arguments, "--json")
        assert answer.returncode == 0
        assert isinstance(json.loads(answer.stdout), dict)


def test_an_unwritable_store_is_said(edgebench: Edgebench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = edgebench("store", "verify", home=tmp_path / "file" / "home")
    assert answer.returncode == 7
    assert "EDGEBENCH_HOME" in answer.stderr


def test_a_store_of_a_newer_edgebench_is_refused(edgebench: Edgebench, tmp_path: Path) -> None:
    import sqlite3

    assert edgebench("store", "verify").returncode == 0
    with sqlite3.connect(tmp_path / "home" / "results.db") as connection:
        connection.execute("UPDATE meta SET value = '999'")
    connection.close()
    answer = edgebench("check")
    assert answer.returncode == 7
    assert "update edgebench" in answer.stderr


def test_a_typo_in_a_spec_names_file_line_and_key(edgebench: Edgebench, tmp_path: Path) -> None:
    specs = tmp_path / "model_specs"
    specs.mkdir()
    (specs / "mine.yaml").write_text("sorce: {keras: x.keras}\ninput: {size: [8, 8], range: [0, 1]}\nheads: 3\n")
    answer = edgebench("models", "validate")
    assert answer.returncode == 2
    assert "mine.yaml:1" in answer.stdout
    assert "source" in answer.stdout
    assert "mine.yaml:3" in answer.stdout
    listed = edgebench("models", "list")
    assert "broken" in listed.stdout
    assert "mobilenet_v1_a0.5" in listed.stdout


def test_a_project_of_one_s_own_is_found(edgebench: Edgebench, tmp_path: Path) -> None:
    specs = tmp_path / "model_specs"
    specs.mkdir()
    (specs / "mine.yaml").write_text(
        "source: {keras: mine.keras}\ninput: {size: [8, 8], range: [0, 1]}\n"
        "heads: [{kind: valence_arousal, name: va}]\n"
    )
    assert "mine" in json.loads(edgebench("models", "list", "--json").stdout)
    answer = edgebench("models", "validate", "mine")
    assert answer.returncode == 2
    assert "mine.keras" in answer.stdout


def test_schemas_are_written(edgebench: Edgebench, tmp_path: Path) -> None:
    assert edgebench("schema", "--out", "here").returncode == 0
    for name in ("model_spec", "device_spec", "dataset"):
        assert json.loads((tmp_path / "here" / f"{name}.schema.json").read_text())["$schema"]


def test_drawn_faces_are_shown_for_what_they_are(edgebench: Edgebench, tmp_path: Path) -> None:
    assert edgebench("data", "synth", "--out", "faces", "--training", 16, "--validation", 8).returncode == 0
    answer = edgebench("data", "show", "faces")
    assert answer.returncode == 0
    assert "synthetic faces (seed 1)" in answer.stdout
    assert "AffectNet" not in answer.stdout


def test_an_image_that_is_damaged_is_named(edgebench: Edgebench, tmp_path: Path) -> None:
    edgebench("data", "synth", "--out", "faces", "--layout", "2021", "--training", 16, "--validation", 16)
    victim = sorted((tmp_path / "faces" / "val_set" / "images").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:300])
    answer = edgebench("quantize", "-m", "mobilenet_v1_a0.5", "--data", "faces", "--calibration", 8)
    assert answer.returncode == 2
    assert victim.name in answer.stderr
