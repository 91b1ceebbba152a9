"""A store, and this machine behind a real sshd, for the figures of devices over SSH."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Bench

if TYPE_CHECKING:
    from edgebench.pipeline.workspace import Workspace
    from edgebench.specs.device import DeviceSpec

UNDISTURBED = "veto: {foreign_load: 1000, memory_pressure: 1, repeats: 0}\n"
"""A block that is measured again because of other work would be no overhead of ours."""
TESTS = Path(__file__).resolve().parents[1] / "tests"


@dataclass(frozen=True)
class Desk:
    """A store of its own that knows this machine as `here`, and once more, behind an sshd, as `board`."""

    bench: Bench
    workspace: Workspace
    sshd: Any

    @property
    def board(self) -> DeviceSpec:
        return self.workspace.device("board")

    @property
    def folder(self) -> Path:
        return self.workspace.store.folder("devices", "board")

    def forget(self) -> None:
        """Nothing of ours is on the board any more."""
        shutil.rmtree(self.sshd.home / ".edgebench", ignore_errors=True)


@contextmanager
def desk() -> Iterator[Desk]:
    sys.path.insert(0, str(TESTS))
    from boards import sshd

    if why := sshd.missing():
        raise RuntimeError(f"no board to measure: {why}")
    from edgebench.pipeline.workspace import Workspace

    before = dict(os.environ)
    with Bench() as bench, sshd.board(bench.folder / "board") as board:
        known, devices = bench.folder / "user" / ".config" / "edgebench" / "known_hosts", bench.folder / "devices"
        known.parent.mkdir(parents=True)
        known.write_text(board.host_key)
        ssh = {"host": board.host, "port": board.port, "user": getpass.getuser(), "key": str(board.key)}
        devices.mkdir()
        (devices / "here.yaml").write_text(f"transport: local\n{UNDISTURBED}")
        (devices / "board.yaml").write_text(
            f"transport: ssh\nssh: {json.dumps({**ssh, 'python': sys.executable})}\n{UNDISTURBED}"
        )
        os.environ["HOME"] = str(bench.folder / "user")
        os.environ.pop("XDG_CONFIG_HOME", None)
        try:
            yield Desk(bench, Workspace.open(home=bench.folder / ".edgebench", device_dirs=[devices]), board)
        finally:
            os.environ.clear()
            os.environ.update(before)
