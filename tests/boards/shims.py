"""Programs that a board's sessions find before the real ones."""

from __future__ import annotations

from pathlib import Path

from boards.sshd import Board

NO_PYTHON = "echo 'python3: not found' >&2; exit 127"


def with_programs(board: Board, **scripts: str) -> None:
    """Starts the board anew with these shell scripts; a script goes on to the real program with `exec /usr/bin/...`."""
    folder = board.folder / "programs"
    folder.mkdir(exist_ok=True)
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    board.stop()
    board.environment["PATH"] = f"{folder}:/usr/bin:/bin"
    board.start()


def write_device(of: Board, folder: Path, /, name: str = "pi", **keys: str) -> None:
    """A device spec of the board, with further keys as YAML."""
    ssh = f"{{host: {of.host}, port: {of.port}, user: {of.user}, key: {of.key}}}"
    stated = {"transport": "ssh", "ssh": ssh, "runtimes": "[litert, onnxruntime]", **keys}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text("".join(f"{key}: {value}\n" for key, value in stated.items()))
