from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench.cli.session import Column, Session, fitting, plain
from edgebench.records.caveat import Caveat

COLUMNS = (Column("variant"), Column("size", rank=1), Column("made in", rank=2), Column("caveats", rank=2))
ROWS = [("tflite-int8", "313.4 kB", "1.0 s", "float-operators")]


def session(*, json: bool = False) -> Session:
    return Session(json=json, verbose=False, debug=False, models=None, devices=None, home=None, jobs=None)


@pytest.mark.parametrize(("width", "kept"), [(100, [0, 1, 2, 3]), (45, [0, 1, 2]), (30, [0, 1]), (20, [0]), (5, [0])])
def test_a_narrow_terminal_gives_up_the_highest_ranks_from_the_right(width: int, kept: list[int]) -> None:
    assert fitting(COLUMNS, ROWS, width) == kept


def test_a_table_without_rows_fits() -> None:
    assert fitting(COLUMNS, [], 100) == [0, 1, 2, 3]


def test_a_log_gets_every_column_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    session().table(COLUMNS, [("[red]net[/]", "1 kB", "1 s", "")], title="[b]model")
    said = capsys.readouterr().out
    assert "[red]net[/]" in said
    assert "[b]model" in said
    assert "caveats" in said
    assert "\x1b" not in said


def test_json_is_all_there_is_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with_json = session(json=True)
    with_json.say("for people")
    with_json.table(COLUMNS, ROWS)
    with_json.answer({"path": "an answer that is replaced"})
    assert capsys.readouterr().out == ""
    with_json.answer({"path": Path("a/b"), "caveats": (Caveat(kind="k", text="t"),)})
    with_json.close()
    expected = {"path": "a/b", "caveats": [{"kind": "k", "text": "t", "fix": ""}]}
    assert json.loads(capsys.readouterr().out) == expected


def test_sets_and_nested_values_become_plain() -> None:
    assert plain({1: {Path("x")}, "y": [None, 2.5]}) == {"1": ["x"], "y": [None, 2.5]}


def test_what_json_cannot_spell_is_null() -> None:
    assert plain({"loss": [float("nan"), float("inf"), 1.0]}) == {"loss": [None, None, 1.0]}
