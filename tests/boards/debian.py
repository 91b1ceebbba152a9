"""An arm64 Debian for the emulated board: packages are only unpacked, no program of theirs runs while it is built."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from boards.cache import cached
from boards.capability import Unavailable

PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
"""Suite -> its Python: the two releases that Raspberry Pi OS is built on."""
PACKAGES = (
    *("python3", "libstdc++6", "bash", "dash", "coreutils", "grep", "sed", "findutils", "procps", "tar", "gzip"),
    *("hostname", "libc-bin", "util-linux", "openssh-server", "openssh-sftp-server"),
)
# Made by maintainer scripts, which do not run here.
LINKS = {"awk": "mawk", "which": "which.debianutils"}
# Older than 10, the emulator shows programs the host's /proc/cpuinfo, and XNNPACK crashes on it.
EMULATOR_SUITE = "trixie"
UNUSED = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "usr/share/perl")
MOUNT_POINTS = ("dev", "etc/ssh", "home/pi", "opt", "proc", "run", "sys", "tmp", "usr/bin", "usr/lib", "usr/sbin")
FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/bash\n"
        "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
        "pi:*:1000:1000::/home/pi:/bin/bash\n"
    ),
    "etc/group": "root:x:0:\npi:x:1000:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/machine-id": "",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def tree(suite: str = "bookworm") -> Path:
    """The root of an arm64 system with sshd and Python; user pi, number 1000.

    Raises:
        Unavailable: it is not in the cache and cannot be built here.
    """
    return cached(f"{suite}-arm64", recipe(suite), lambda folder: build_tree(folder, suite))


def recipe(suite: str, *more: str) -> tuple[object, ...]:
    """All that decides what `build_tree` makes."""
    return suite, (*PACKAGES, *more), LINKS, UNUSED, MOUNT_POINTS, FILES


def emulator() -> Path:
    """A static qemu-aarch64 for this machine's processor.

    Raises:
        Unavailable: it is not in the cache and cannot be had here.
    """
    return cached(f"qemu-{platform.machine()}", EMULATOR_SUITE, _build_emulator) / "usr/bin/qemu-aarch64"


def build_tree(folder: Path, suite: str, *more: str) -> None:
    """Fills an empty folder with the tree, with more packages than it has by itself.

    Raises:
        Unavailable: it cannot be built here.
    """
    for name in MOUNT_POINTS:
        (folder / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib"):  # before the first package: tar would make folders of them
        (folder / name).symlink_to(f"usr/{name}")
    unpack_with_dependencies(folder, suite, "arm64", *PACKAGES, *more)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name, target in {"python3": f"python{PYTHON[suite]}", **LINKS}.items():
        (folder / "usr/bin" / name).unlink(missing_ok=True)
        (folder / "usr/bin" / name).symlink_to(target)


def unpack_with_dependencies(folder: Path, suite: str, machine: str, *packages: str) -> None:
    """Fetches packages and all that they depend on, and unpacks them side by side.

    Raises:
        Unavailable: they cannot be had here.
    """
    with tempfile.TemporaryDirectory() as work:
        _apt(Path(work), suite, machine, "-y", "--download-only", "install", *packages)
        for package in sorted(Path(work, "cache/archives").glob("*.deb")):
            _unpack(package, folder, *(f"--exclude=./{name}" for name in UNUSED))


def own_machine() -> str:
    """This machine's architecture, as Debian names it."""
    return run(["dpkg", "--print-architecture"]).strip()


def _build_emulator(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        _apt(Path(work), EMULATOR_SUITE, own_machine(), "download", "qemu-user")
        _unpack(next(Path(work).glob("*.deb")), folder, "./usr/bin/qemu-aarch64")


def _apt(work: Path, suite: str, machine: str, *command: str) -> None:
    """Updates and runs an apt of its own in `work`: it knows one suite, and nothing as installed."""
    if missing := [tool for tool in ("apt-get", "dpkg-deb", "tar") if not shutil.which(tool)]:
        raise Unavailable(f"no {', '.join(missing)}: the arm64 system is unpacked from Debian packages")
    if not KEYRING.exists():
        raise Unavailable(f"no {KEYRING} (package debian-archive-keyring)")
    mirror = _mirror()
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [arch={machine} signed-by={KEYRING}] {mirror} {suite} main\n")
    (work / "apt.conf").write_text(
        f'Dir::State "{work}"; Dir::State::status "{work}/status"; Dir::State::lists "{work}/lists";\n'
        f'Dir::Cache "{work}/cache"; Dir::Etc::sourcelist "{work}/sources.list";\n'
        'Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";\n'
        f'APT::Architecture "{machine}"; APT::Architectures {{"{machine}";}}; APT::Install-Recommends "false";\n'
        'Acquire::Languages "none"; Acquire::Retries "2"; Debug::NoLocking "true"; APT::Sandbox::User "";\n'
        'APT::Update::Error-Mode "any"; #clear APT::Update::Post-Invoke-Success;\n'
    )
    for arguments in (("update",), command):
        run(["apt-get", "-qq", *arguments], folder=work, APT_CONFIG=str(work / "apt.conf"))


def _mirror() -> str:
    """Of Debian's packages, out of this machine's own sources."""
    if named := os.environ.get("EDGEBENCH_DEBIAN_MIRROR"):
        return named
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    found = re.search(rf"'(\S+)/dists/{suite}/InRelease'", run(["apt-get", "--print-uris", "update"]))
    if not suite or not found:
        raise Unavailable(
            f"no mirror of {suite or 'this system'} in apt's sources (EDGEBENCH_DEBIAN_MIRROR can name one)"
        )
    return found.group(1)


def run(command: list[str], *, folder: Path | None = None, **environment: str) -> str:
    """What a command prints.

    Raises:
        Unavailable: it is not there, or fails.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Unavailable(f"{command[0]}: {exc}") from exc
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise Unavailable(f"`{' '.join(command[:4])} ...`: {said[0]}")
    return done.stdout


def _unpack(package: Path, folder: Path, *options: str) -> None:
    untar = ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(folder), "-f", "-", *options]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as archive:
        subprocess.run(untar, stdin=archive.stdout, check=True)
    if archive.returncode:
        raise Unavailable(f"{package.name} is damaged")
