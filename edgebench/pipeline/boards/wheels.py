"""Which wheels a board needs, resolved here for its Python and its system: there is no pip and no internet there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

from edgebench.digests import sha256_file, sha256_json
from edgebench.errors import DeviceError, MissingPackage, UsageError
from edgebench.files import as_store_errors, replacing
from edgebench.pipeline.boards.board import Basics
from edgebench.pipeline.workspace import Workspace

PACKAGES = {"litert": ("ai-edge-litert", "numpy"), "onnxruntime": ("onnxruntime", "numpy")}
"""Runtime -> the distributions that it loads. What they declare beside these is never imported when a model runs."""
MODULES = {"litert": "ai_edge_litert.interpreter", "onnxruntime": "onnxruntime"}
DOWNLOAD_S = 900.0
OLDEST_MANYLINUX = {"x86_64": 5, "aarch64": 17}
"""Minor version of the glibc 2 for which the first wheels of a processor were made (PEP 513, PEP 599)."""
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_UNREACHED = re.compile(
    r"Retrying|ConnectionError|NewConnectionError|Could not fetch|Temporary failure|timed out", re.I
)


@dataclass(frozen=True)
class Wheel:
    name: str
    version: str
    file: Path

    @cached_property
    def sha256(self) -> str:
        return sha256_file(self.file)

    @property
    def size_bytes(self) -> int:
        return self.file.stat().st_size

    @cached_property
    def unpacked_bytes(self) -> int:
        """Raises UsageError where the file is no wheel."""
        import zipfile

        try:
            with zipfile.ZipFile(self.file) as archive:
                return sum(member.file_size for member in archive.infolist())
        except (zipfile.BadZipFile, OSError) as exc:
            raise UsageError(f"is no wheel: {exc}", subject=str(self.file), fix="download it again") from exc


@dataclass(frozen=True)
class Resolved:
    wheels: tuple[Wheel, ...]
    notes: tuple[str, ...]
    """Which are other versions than this machine evaluates with, and which those are."""


def runtimes_of(stated: Iterable[str]) -> tuple[str, ...]:
    """Of a spec's runtimes those that wheels bring."""
    return tuple(runtime for runtime in stated if runtime in PACKAGES)


def pins(runtimes: Iterable[str]) -> dict[str, str]:
    """Distribution -> the version that this machine evaluates with."""
    names = dict.fromkeys(name for runtime in runtimes for name in PACKAGES[runtime])
    return {name: metadata.version(name) for name in names}


def platform_tags(found: Basics) -> tuple[str, ...]:
    """Every platform whose wheels the machine runs, newest first; pip takes each literally (PEP 600)."""
    if found.system == "Darwin":
        return (f"macosx_{found.macos.partition('.')[0]}_0_{found.machine}",)
    major, minor = found.glibc or (2, 0)
    last = minor if major == 2 else 0
    tags = []
    for each in range(last, OLDEST_MANYLINUX[found.machine] - 1, -1):
        tags += [f"manylinux_2_{each}_{found.machine}"]
        tags += [f"{LEGACY[each]}_{found.machine}"] if each in LEGACY else []
    return tuple(tags)


def resolve(workspace: Workspace, found: Basics, runtimes: Sequence[str], *, folder: Path | None = None) -> Resolved:
    """The wheels of the runtimes for that machine, in this machine's versions where there are such, else the nearest.

    Args:
        folder: where wheels lie that were downloaded before; by default the package index is asked, once.

    Raises:
        DeviceError: a runtime has no wheel for that machine, or the package index does not answer.
        UsageError: there is no such folder.
        MissingPackage: this Python has no pip.
    """
    wanted, tags = pins(runtimes), platform_tags(found)
    if folder is not None and not folder.is_dir():
        raise UsageError("no such folder", subject=str(folder), fix="name the folder that holds the wheels")
    asked: dict[str, object] = {"wanted": wanted, "python": found.python_text.rpartition(".")[0], "tags": tags}
    if folder is not None:
        asked["folder"] = sorted((file.name, file.stat().st_size, file.stat().st_mtime) for file in _wheels_in(folder))
    kept = workspace.store.folder("cache", "wheels") / sha256_json(asked)
    if not kept.is_dir():
        with workspace.progress.step("fetching wheels") as step, as_store_errors(kept), replacing(kept) as part:
            part.mkdir()
            _fetch(wanted, found, tags, part, folder)
            step.update(1, 1)
    wheels = tuple(_wheel(file) for file in _wheels_in(kept))
    return Resolved(wheels, _notes(wheels, wanted, found))


def _wheels_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.whl"))


def _wheel(file: Path) -> Wheel:
    """Its name tells both: NAME-VERSION-TAGS.whl."""
    name, version, *_ = file.name.split("-")
    return Wheel(re.sub(r"[-_.]+", "-", name).lower(), version, file)


def _notes(wheels: Iterable[Wheel], wanted: Mapping[str, str], found: Basics) -> tuple[str, ...]:
    python = found.python_text.rpartition(".")[0]
    return tuple(
        f"{wheel.name} {wheel.version} instead of {wanted[wheel.name]}: the newest for Python {python} there"
        for wheel in wheels
        if wheel.version != wanted[wheel.name]
    )


def _fetch(wanted: Mapping[str, str], found: Basics, tags: Sequence[str], into: Path, folder: Path | None) -> None:
    """All in the wanted versions; where one has no such wheel, that one in the newest version before it."""
    if not _pip([f"{name}=={version}" for name, version in wanted.items()], found, tags, into, folder):
        return
    for name, version in wanted.items():
        if any(_wheel(file).name == name for file in _wheels_in(into)):
            continue
        if _pip([f"{name}=={version}"], found, tags, into, folder):
            why = _pip([f"{name}<={version}"], found, tags, into, folder)
            if why:
                raise _no_wheel(name, version, found, folder, why)


def _no_wheel(name: str, version: str, found: Basics, folder: Path | None, why: str) -> DeviceError:
    if folder is None and _UNREACHED.search(why):
        return DeviceError(
            "the package index does not answer", subject=name, fix="connect this machine to it, or give --wheels DIR"
        )
    where = f"in {folder}" if folder else "in the package index"
    system = f"macOS {found.macos}" if found.macos else f"glibc {'.'.join(map(str, found.glibc or ()))}"
    problem = f"no wheel up to {version} {where} for Python {found.python_text} on {found.machine}, {system}"
    return DeviceError(problem, subject=name, fix="name another Python with `ssh.python`, or other `runtimes`")


def _pip(requirements: list[str], found: Basics, tags: Sequence[str], into: Path, folder: Path | None) -> str:
    """What pip complains of, '' where it brought all."""
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:"]
    options += ["--python-version", found.python_text.rpartition(".")[0], "--implementation", "cp"]
    options += [option for tag in tags for option in ("--platform", tag)]
    options += ["--no-index", "--find-links", str(folder)] if folder else []
    argv = [sys.executable, "-m", "pip", "download", *options, "--dest", str(into), *requirements]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=DOWNLOAD_S)
    except subprocess.TimeoutExpired:
        return "timed out"
    if "No module named pip" in done.stderr:
        raise MissingPackage(
            "is needed to choose the wheels", subject="pip", fix=f"{sys.executable} -m ensurepip, then the same again"
        )
    return (done.stderr.strip() or f"exit status {done.returncode}") if done.returncode else ""


def installed_version(runtime: str) -> str:
    """Of a runtime on this machine, '' where it is not there."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(PACKAGES[runtime][0])
    return ""
