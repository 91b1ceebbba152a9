"""Which host keys are trusted: those that `edgebench devices trust` stored, then those that ssh knows."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.errors import DeviceError
from edgebench.files import as_store_errors, replacing

if TYPE_CHECKING:
    from paramiko import HostKeys, PKey


def own_file() -> Path:
    """What `devices trust` writes: the user's, because a board is the same in every project."""
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "edgebench" / "known_hosts"


def trusted(known_as: str) -> tuple[PKey, ...]:
    """The keys a machine may show, none where it is unknown.

    Raises:
        DeviceError: a file of known hosts cannot be read.
    """
    for file in (own_file(), Path.home() / ".ssh" / "known_hosts"):
        if found := _read(file).lookup(known_as):
            return tuple(found.values())
    return ()


def trust(known_as: str, key: PKey) -> None:
    """Stores the one key that the machine may show from now on.

    Raises:
        DeviceError: the file cannot be read.
        StoreError: it cannot be written.
    """
    keys = _read(own_file())
    # Nothing else may be shown any more, of whatever kind.
    for name in [name for name in keys if name == known_as]:
        del keys[name]
    keys.add(known_as, key.get_name(), key)
    with as_store_errors(own_file()), replacing(own_file(), sync=True) as part:
        keys.save(str(part))
        part.chmod(0o600)


def fingerprint(key: PKey) -> str:
    """As `ssh-keygen -l` prints it: SHA256 of the key, base64 without padding."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _read(file: Path) -> HostKeys:
    from paramiko import HostKeys

    try:
        return HostKeys(str(file)) if file.is_file() else HostKeys()
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        raise DeviceError(f"cannot be read: {exc}", subject=str(file), fix="check its permissions") from exc
