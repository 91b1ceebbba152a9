"""The boards as fixtures, for the tests of every room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from boards import aarch64, vm, wheelhouse
from boards.aarch64 import Emulated
from boards.capability import skip_unavailable
from boards.raspberry_pi import RaspberryPi
from boards.vm import Virtual


@pytest.fixture(scope="session")
def aarch64_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """One emulated Raspberry Pi 4 that the tests of a process share: leave it as it was found."""
    with ExitStack() as stack:
        with skip_unavailable():
            board = stack.enter_context(aarch64.emulated(tmp_path_factory.mktemp("aarch64") / "board"))
        yield board


@pytest.fixture
def raspberry_pi(aarch64_board: Emulated) -> Iterator[RaspberryPi]:
    """The sensors and clocks of the shared board; at rest again after the test."""
    assert aarch64_board.pi
    yield aarch64_board.pi
    aarch64_board.pi.rest()


@pytest.fixture
def new_aarch64_board(tmp_path: Path) -> Iterator[Callable[..., Emulated]]:
    """Starts emulated boards of the test's own; takes the settings of `boards.aarch64.emulated`."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Emulated:
            folder = tmp_path / f"board{len(list(tmp_path.glob('board*')))}"
            with skip_unavailable():
                return stack.enter_context(aarch64.emulated(folder, **settings))

        yield start


@pytest.fixture(scope="session")
def aarch64_wheels() -> Path:
    """A folder with the wheels of both runtimes and numpy for the emulated board."""
    with skip_unavailable():
        return wheelhouse.wheelhouse()


@pytest.fixture(scope="session")
def vm_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Virtual]:
    """One virtual machine that the tests of a process share; `virtual_board` is the same one, up and well linked."""
    with ExitStack() as stack:
        with skip_unavailable():
            board = stack.enter_context(vm.virtual(tmp_path_factory.mktemp("vm") / "board"))
        yield board


@pytest.fixture
def virtual_board(vm_board: Virtual) -> Iterator[Virtual]:
    """The shared virtual machine, which the test may reboot, cut off, and take the power from."""
    vm_board.recover()
    yield vm_board
    vm_board.recover()
