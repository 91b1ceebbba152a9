"""What a run on several devices prints."""

from __future__ import annotations

import pytest

from edgebench.cli.many import run_on
from edgebench.cli.session import Session
from edgebench.errors import Unreachable
from edgebench.pipeline import run_many
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.jobs.many import Outcome


def test_what_failed_is_left_to_the_end_of_the_command_which_says_it_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    outcomes = [Outcome(name, error=Unreachable("no answer", subject=name)) for name in "ab"]
    monkeypatch.setattr(run_many, "run_on_each", lambda *asked, **options: outcomes)
    session = Session(json=False, verbose=False, debug=False, models=None, devices=None, home=tmp_path, jobs=1)
    with pytest.raises(Unreachable, match="a: no answer") as caught:
        run_on(session, "a,b", Choice.of("net"), lambda: None, lambda *shown: None, {})
    assert caught.value.__notes__ == ["b: no answer"]
    assert capsys.readouterr().out == ""
