from __future__ import annotations

import errno
import io
import os
import sys

import pytest

from edgebench.cli import progress
from edgebench.cli.progress import Bars, Lines, listener
from edgebench.progress import Silent


def test_json_is_silent() -> None:
    assert isinstance(listener(quiet=True, verbose=False), Silent)


def test_a_log_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    found = listener(quiet=False, verbose=True)
    assert isinstance(found, Lines)
    with found.step("evaluating") as step:
        step.update(0, 10)
        step.update(5, 10, "net.tflite-int8")
    said = capsys.readouterr().err
    assert said.startswith("evaluating: 5/10 net.tflite-int8 (")
    assert "left)" in said
    assert "\x1b" not in said


def test_lines_come_only_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(quiet=False, verbose=False).step("evaluating") as step:
        for done in range(100):
            step.update(done, 100)
    assert capsys.readouterr().err == ""


def test_a_long_step_says_how_long_it_took(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "WORTH_SHOWING_S", 0.0)
    for each in (Lines(verbose=False), Bars()):
        with each.step("evaluating") as step:
            step.update(1, 1, "done")
        assert "evaluating: 0.0 s" in capsys.readouterr().err


def test_a_note_is_said_once_and_a_deaf_terminal_stops_no_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (Lines(verbose=False), Bars()):
        each.note("two images left out")
        each.note("two images left out")
        assert capsys.readouterr().err == "two images left out\n"
    monkeypatch.setattr(sys, "stderr", Deaf())
    Lines(verbose=True).note("nobody hears this")


class Deaf(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_bars_survive_any_update() -> None:
    with Bars().step("evaluating") as step:
        step.update(0, 0)
        step.update(3, 2, "[markup] in a name")
