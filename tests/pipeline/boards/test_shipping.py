"""Shipping with what a person sees of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from boards.sshd import Board

from edgebench.cli.progress import Lines
from edgebench.pipeline.boards.shipping import ship
from edgebench.progress import Silent, Step
from edgebench.specs.device import DeviceSpec, SshSettings
from edgebench.transports import Transport, connect


class Heard(Silent):
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.told: list[tuple[int, int, str]] = []

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        self.steps.append(what)
        yield self

    def update(self, done: int, total: int, detail: str = "") -> None:
        self.told.append((done, total, detail))


@pytest.fixture
def pi(board: Board, tmp_path: Path) -> Transport:
    settings = SshSettings(host=board.host, port=board.port, user=board.user, key=str(board.key))
    return connect(DeviceSpec(name="pi", transport="ssh", ssh=settings), tmp_path, "job")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "net").write_bytes(os.urandom(30_500_000))
    return {"models/net": tmp_path / "net"}


def test_megabytes_and_the_rate_are_told_until_all_is_there(pi: Transport, files: dict[str, Path]) -> None:
    heard = Heard()
    ship(heard, pi, files)
    assert heard.steps == ["sending to pi, MB"]
    assert heard.told[-1][:2] == (31, 31)
    assert heard.told[-1][2].endswith("B/s") or len(heard.told) == 1


def test_what_is_there_already_is_told_as_nothing(pi: Transport, files: dict[str, Path]) -> None:
    ship(Silent(), pi, files)
    heard = Heard()
    ship(heard, pi, files)
    assert heard.told == []


def test_a_line_of_a_log_says_how_much_how_fast_and_how_long(
    pi: Transport, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    ship(Lines(verbose=True), pi, files)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("sending to pi, MB: 31/31 ")
    assert last.endswith("(0.0 s left)")


def test_this_machine_takes_links_and_shows_no_step(files: dict[str, Path], tmp_path: Path) -> None:
    heard = Heard()
    here = connect(DeviceSpec(name="here"), tmp_path, "work")
    ship(heard, here, files)
    assert heard.steps == []
    assert (tmp_path / "work" / "models" / "net").samefile(files["models/net"])
