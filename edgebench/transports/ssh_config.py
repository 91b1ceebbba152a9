"""What `~/.ssh/config` says of a host, by OpenSSH's own client; where that is missing, by paramiko's reading of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from edgebench.errors import UsageError

Stated = dict[str, Any]
"""Options in small letters -> value, that of `identityfile` a list."""
SSH_S = 10.0
_INCLUDE = re.compile(r"^\s*include\b", re.IGNORECASE | re.MULTILINE)


def stated_of(host: str, file: Path, *, user: str = "", port: int | None = None) -> Stated:
    """What is stated of a host, without defaults but for `hostname`.

    Args:
        user, port: what is known of them already, for what depends on them.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        if not file.is_file():
            return {"hostname": host}
        text, changed_ns = file.read_text(), file.stat().st_mtime_ns
    except (OSError, UnicodeDecodeError) as exc:
        raise _unreadable(file, exc) from exc
    if shutil.which("ssh"):
        return dict(_by_ssh(host, str(file), changed_ns, user, port))
    if _INCLUDE.search(text):
        raise UsageError(
            "holds an Include, which only ssh itself can follow",
            subject=str(file),
            fix="install the ssh client, or name host, user, port and key in the device's spec",
        )
    return _by_paramiko(host, file)


@lru_cache(maxsize=256)
def _by_ssh(host: str, file: str, changed_ns: int, user: str, port: int | None) -> Stated:
    """`ssh -G` tells defaults as well: what it says without the file is not stated in it."""
    known = [*(["-l", user] if user else []), *(["-p", str(port)] if port else [])]
    told, unsaid = _told(host, file, *known), _told(host, "none", *known)
    tokens = {
        "%": "%",
        "d": str(Path.home()),
        "h": told["hostname"],
        "n": host,
        "p": told["port"],
        "r": told["user"],
        "u": unsaid["user"],
    }
    stated = {key: value for key, value in told.items() if key == "hostname" or value != unsaid.get(key)}
    for key in ("identityfile", "proxycommand"):
        if key in stated:
            stated[key] = _expanded(stated[key], tokens)
    return stated


def _told(host: str, file: str, *known: str) -> Stated:
    argv = ["ssh", "-G", "-T", "-F", file, *known, "--", host]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=SSH_S)
    except subprocess.TimeoutExpired as exc:
        raise UsageError(f"takes ssh longer than {SSH_S:g} s to read", subject=file, fix="look at Match exec") from exc
    if done.returncode:
        why = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"])[0]
        if why.startswith("jumphost loop"):
            raise UsageError(f"its jump hosts go in a circle: {host}", subject=file, fix="correct ProxyJump")
        raise _unreadable(Path(file), why.removeprefix(f"{file}: ").removeprefix(f"{file} "))
    told: Stated = {"identityfile": []}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        if key == "identityfile":
            told[key].append(value)
        else:
            told[key] = value
    return told


def _expanded(value: Any, tokens: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_expanded(each, tokens) for each in value]
    return re.sub("%(.)", lambda match: tokens.get(match[1], match[0]), value)


def _by_paramiko(host: str, file: Path) -> Stated:
    from paramiko import SSHConfig
    from paramiko.ssh_exception import ConfigParseError

    try:
        return dict(SSHConfig.from_path(str(file)).lookup(host))
    except (ConfigParseError, OSError, UnicodeDecodeError) as exc:
        raise _unreadable(file, exc) from exc


def _unreadable(file: Path, why: object) -> UsageError:
    return UsageError(f"cannot be read: {why}", subject=str(file), fix="correct it; ssh reads it too")
