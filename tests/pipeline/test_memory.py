"""The largest net of the zoo, VGG11 of 515 MB, within the memory that was promised."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROMISED_BYTES = 6e9
FACES = 16
"""Images do not decide the memory, the weights do."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell what is shared")
def test_the_largest_net_is_made_in_every_format_within_6_gb(root: Path, tmp_path: Path, faces: Path) -> None:
    command = ["quantize", "--model", "ulloa_vgg11_bn", "--data", faces, "--calibration", FACES, "--json"]
    argv = [sys.executable, "-m", "edgebench", *map(str, command), "--store", str(tmp_path / "store")]
    peak = 0
    with (tmp_path / "stdout").open("w") as stdout, subprocess.Popen(argv, cwd=root, stdout=stdout) as child:
        while child.poll() is None:
            peak = max(peak, sum(map(proportional_bytes, tree(child.pid))))
            time.sleep(0.2)
    assert child.returncode == 0
    assert len(json.loads((tmp_path / "stdout").read_text())["artifacts"]) == 9
    assert peak < PROMISED_BYTES


def tree(pid: int) -> list[int]:
    """The process and all under it."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:  # it has ended
                continue
    return found


def proportional_bytes(pid: int) -> int:
    """What the process has in memory, pages shared by several processes counted once among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
