from __future__ import annotations

import re
import shlex

import pytest

from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.workspace import Workspace


def test_every_printed_command_is_one_that_edgebench_takes(made: Workspace) -> None:
    """Parsed by the real front, option by option."""
    import subprocess
    import sys

    known: dict[str, str] = {}
    results = gather(made)
    commands = {results.command} | {command for row in results.variants for command in row.commands.values()}
    assert len(commands) > 10
    for command in commands:
        program, verb, *rest = shlex.split(command)
        assert program == "edgebench"
        if verb not in known:
            asked = [sys.executable, "-m", "edgebench", verb, "--help"]
            known[verb] = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        for option in (word for word in rest if word.startswith("--")):
            assert re.search(rf"{option}\b", known[verb]), command


@pytest.mark.parametrize("key", ["size", "accuracy"])
def test_another_data_set_is_a_placeholder_not_a_path(made: Workspace, key: str) -> None:
    row = next(row for row in gather(made).variants if row.variant == "tiny.tflite-int8")
    assert "--data DIR" in row.commands[key]
