"""Wheels of a few hundred bytes that stand in for the runtimes: real to pip, to zipfile and to Python's import."""

from __future__ import annotations

import platform
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

RUNTIMES = {"ai-edge-litert": "ai_edge_litert/interpreter.py", "onnxruntime": "onnxruntime/core.py", "numpy": ""}
MADE = (2026, 1, 1, 0, 0, 0)  # the same wheel made again has the same bytes
HERE = f"py3-none-manylinux_2_17_{platform.machine()}"


def make_wheel(
    folder: Path, name: str, version: str, *, tag: str = HERE, files: Mapping[str, str | bytes] | None = None
) -> Path:
    """A wheel of one package that is called like the distribution.

    Args:
        files: what else is in it, by path.
    """
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    contents: dict[str, str | bytes] = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
        f"{info}/RECORD": "",
        **(files or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in contents.items():
            archive.writestr(zipfile.ZipInfo(each, MADE), content)
    return path


def make_runtimes(folder: Path, **versions: str) -> Path:
    """The runtimes in the versions that this machine has, or in those given (`ai_edge_litert="2.1.0"`)."""
    for name, module in RUNTIMES.items():
        version = versions.get(name.replace("-", "_")) or metadata.version(name)
        make_wheel(folder, name, version, files={module: ""} if module else {})
    return folder
