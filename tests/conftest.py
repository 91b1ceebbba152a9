"""Fixtures every room may use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from boards import sshd  # noqa: E402
from boards.sshd import Board  # noqa: E402

pytest_plugins = ["boards.fixtures"]
# As in edgebench's own children: PyTorch's builds for CUDA would end the process.
sys.modules["triton"] = None  # type: ignore[assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the checks of `make nightly`")


def pytest_configure(config: pytest.Config) -> None:
    # In the background of a shell Ctrl-C is ignored, and every process that a test starts would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: runs in `make nightly`")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def real() -> Path:
    """Real trained models and real labelled faces, where they lie beside the repository."""
    folder = ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no folder ../shared/real with real models and faces")
    return folder


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A real sshd on this machine, its host key trusted, the tester's own SSH files out of reach."""
    if why := sshd.missing():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    with sshd.board(tmp_path / "board") as made:
        user = tmp_path / "user"
        (user / ".config" / "edgebench").mkdir(parents=True)
        (user / ".config" / "edgebench" / "known_hosts").write_text(made.host_key)
        monkeypatch.setenv("HOME", str(user))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        yield made
