"""However a command ends: an exit code, one line, with --json one object, and never a traceback."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from edgebench.cli.ending import end
from edgebench.cli.verb import verb
from edgebench.errors import ConversionError, EdgebenchError

Edgebench = Callable[..., subprocess.CompletedProcess[str]]
Captured = pytest.CaptureFixture[str]


def ended(capsys: Captured, exc: BaseException) -> dict[str, object]:
    code = end(exc, json=True, debug=False)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    error = json.loads(captured.out)["error"]
    assert set(error) == {"problem", "subject", "fix", "exit_code", "notes"}
    assert error["exit_code"] == code
    assert str(error["problem"]) in captured.err
    return dict(error)


def test_an_error_is_an_object_with_all_its_parts(capsys: Captured) -> None:
    error = ConversionError("no such operator", subject="net", fix="use another")
    error.add_note("net.onnx-int8: as well")
    assert ended(capsys, error) == {
        "problem": "no such operator",
        "subject": "net",
        "fix": "use another",
        "exit_code": 5,
        "notes": ["net.onnx-int8: as well"],
    }


@pytest.mark.parametrize(
    ("exc", "code", "problem"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (ZeroDivisionError("division by zero"), 70, "bug: ZeroDivisionError: division by zero"),
        (OSError(errno.ENOSPC, "No space left on device"), 7, "no space left on device"),
        (PermissionError(errno.EACCES, "Permission denied"), 5, "permission denied"),
        (OSError(errno.EMFILE, "Too many open files"), 5, "too many open files"),
        (MemoryError(), 5, "out of memory"),
        (typer.BadParameter("is no number"), 2, "is no number"),
    ],
)
def test_whatever_ends_a_command_is_told_alike(capsys: Captured, exc: BaseException, code: int, problem: str) -> None:
    error = ended(capsys, exc)
    assert error["exit_code"] == code
    assert problem in str(error["problem"])


def test_a_file_the_system_refused_is_the_subject(capsys: Captured) -> None:
    assert (
        ended(capsys, PermissionError(errno.EACCES, "Permission denied", "images/1.jpg"))["subject"] == "images/1.jpg"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["quantise"], "quantise"),
        (["run"], "--model"),
        (["run", "--model", "m", "--nope"], "--nope"),
        (["run", "-m", "mobilenet_v1_a0.5", "--threads", ""], "is empty"),
        (["run", "-m", "mobilenet_v1_a0.5", "--only", ""], "is empty"),
        (["run", "-m", "", "--quick"], "is empty"),
        (["evaluate", "-m", "mobilenet_v1_a0.5", "--data", ""], "is empty"),
        (["run", "-m", "mobilenet_v1_a0.5", "--threads", "0"], "each 1 or more"),
        (["run", "-m", "mobilenet_v1_a0.5", "--threads", "1,1"], "different thread counts"),
        (["run", "-m", "mobilenet_v1_a0.5", "--rounds", "0"], "--rounds"),
        (["run", "-m", "mobilenet_v1_a0.5", "--seed", "-1"], "--seed"),
        (["run", "-m", "mobilenet_v1_a0.5", "--seed", str(2**32)], "--seed"),
        (["run", "-m", "mobilenet_v1_a0.5", "--jobs", "0"], "--jobs"),
        (["evaluate", "-m", "mobilenet_v1_a0.5", "--limit", "0"], "--limit"),
    ],
)
def test_a_wrong_request_is_an_object_too(edgebench: Edgebench, arguments: list[str], problem: str) -> None:
    answer = edgebench(*arguments, "--json")
    error = json.loads(answer.stdout)["error"]
    assert answer.returncode == error["exit_code"] == 2
    assert problem in error["problem"]
    assert "Traceback" not in answer.stderr
    assert answer.stderr


def command(session: object) -> int:
    session.answer({"whole": True})  # type: ignore[attr-defined]
    raise EdgebenchError("too late")


def test_an_answer_is_not_printed_beside_an_error(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgebench.cli.verb.on_stop", lambda handler: None)
    options = dict.fromkeys(("verbose", "debug", "models", "devices", "home", "jobs"))
    with pytest.raises(typer.Exit) as caught:
        verb(command)(json=True, **options)
    assert caught.value.exit_code == 5
    assert json.loads(capsys.readouterr().out)["error"]["problem"] == "too late"


def shell(tmp_path: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} -m edgebench {line}"],
        cwd=tmp_path,
        env={**os.environ, "EDGEBENCH_HOME": str(tmp_path / "home"), **variables},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("models list >&-", 0, ""),
        ("models list --json >&- 2>&- <&-", 0, ""),
        ("models show nothing --json 2>&-", 2, ""),
        ("models show nothing 2>/dev/full", 2, ""),
        ("models list >/dev/full", 7, "standard output: no space left on device"),
        ("models list --json >/dev/full", 7, "standard output: no space left on device"),
        ("--help >/dev/full", 7, "no space left on device"),
        ("models list | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("models show nothing --json | true; exit ${PIPESTATUS[0]}", 2, "unknown model"),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_takes_nothing_is_survived(tmp_path: Path, line: str, code: int, said: str) -> None:
    answer = shell(tmp_path, line)
    assert answer.returncode == code
    assert "Traceback" not in answer.stderr
    assert "ignored" not in answer.stderr
    assert said in answer.stderr


def test_a_closed_output_is_not_taken_for_the_store(tmp_path: Path) -> None:
    """The first file that is opened would get its number, and what we print."""
    assert shell(tmp_path, "store verify >&- 2>&-").returncode == 0
    database = (tmp_path / "home" / "results.db").read_bytes()
    assert database.startswith(b"SQLite format 3")
    assert shell(tmp_path, "store verify").returncode == 0


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_names_that_a_terminal_cannot_spell_are_escaped(tmp_path: Path, variables: dict[str, str]) -> None:
    specs = tmp_path / "model_specs"
    specs.mkdir()
    (specs / "gesicht.yaml").write_text(
        "source: {keras: mine.keras}\ninput: {size: [8, 8], range: [0, 1]}\ndescription: Gesichter für 日本\n"
        "heads: [{kind: valence_arousal, name: va}]\n",
        encoding="utf-8",
    )
    for line in ("models list", "models show gesicht", "models list --json", "models show 日本"):
        answer = shell(tmp_path, line, **variables)
        assert "Traceback" not in answer.stderr
        assert "bug" not in answer.stderr
        assert answer.returncode == (2 if line.endswith("日本") else 0)


def test_what_a_terminal_would_obey_is_spelled_out(capsys: Captured) -> None:
    end(ConversionError("has no\n\x1b[2Jsuch\x00", subject="a\u202eb"), json=False, debug=False)
    assert capsys.readouterr().err == "edgebench: a\\u202eb: has no\n\\x1b[2Jsuch\\x00\n"
