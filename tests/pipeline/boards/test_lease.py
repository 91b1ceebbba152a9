"""One measurement at a time on a machine, whatever it is called."""

from __future__ import annotations

import threading
from pathlib import Path

from edgebench.pipeline.boards.lease import is_leased, lease
from edgebench.pipeline.workspace import Workspace


def workspace_with(folder: Path, **ports: int) -> Workspace:
    folder.mkdir()
    for name, port in ports.items():
        (folder / f"{name}.yaml").write_text(f"transport: ssh\nssh: {{host: 192.0.2.7, port: {port}}}\n")
    return Workspace.open(home=folder / "store", device_dirs=[folder])


def test_a_board_by_another_name_is_waited_for(tmp_path: Path) -> None:
    mine, theirs = workspace_with(tmp_path / "mine", pi=22), workspace_with(tmp_path / "theirs", kitchen=22)
    order = []

    def measure() -> None:
        with lease(theirs, theirs.device("kitchen")):
            order.append("theirs")

    with lease(mine, mine.device("pi")):
        assert is_leased(theirs.device("kitchen"))
        thread = threading.Thread(target=measure)
        thread.start()
        thread.join(timeout=0.5)
        order.append("mine")
    thread.join(timeout=20)
    assert order == ["mine", "theirs"]
    assert not is_leased(mine.device("pi"))


def test_another_board_of_the_same_name_is_not(tmp_path: Path) -> None:
    mine, theirs = workspace_with(tmp_path / "mine", pi=22), workspace_with(tmp_path / "theirs", pi=2222)
    with lease(mine, mine.device("pi")), lease(theirs, theirs.device("pi")):
        assert is_leased(mine.device("pi"))
