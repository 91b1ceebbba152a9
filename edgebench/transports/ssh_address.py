"""Where a device answers and as whom we log in: its spec, then `~/.ssh/config`, then ssh's own defaults."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import UsageError
from edgebench.specs.device import DeviceSpec
from edgebench.transports.ssh_config import Stated, stated_of

PORT = 22
_JUMP = re.compile(r"(?:(?P<user>[^@]+)@)?(?P<host>[^@:]+|[^@]*::[^@]*?)(?::(?P<port>\d+))?")


@dataclass(frozen=True)
class Address:
    """One machine that speaks SSH.

    Args:
        device: who it is to the user.
        keys: private key files; none means those of ssh's agent and the usual ones in `~/.ssh`.
        jump: the machine to go through.
        command: a ProxyCommand of `~/.ssh/config`.
        before: of a jump host the device that is reached through it.
        alias: the HostKeyAlias of `~/.ssh/config`.
    """

    device: str
    host: str
    port: int
    user: str
    keys: tuple[str, ...] = ()
    jump: Address | None = None
    command: str = ""
    before: str = ""
    alias: str = ""

    @property
    def spec(self) -> str:
        """The name of the device spec that speaks of it."""
        return self.before or self.device

    @property
    def known_as(self) -> str:
        """The name of its key in known_hosts."""
        return self.alias or self.place

    @property
    def place(self) -> str:
        return self.host if self.port == PORT else f"[{self.host}]:{self.port}"

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" + ("" if self.port == PORT else f":{self.port}")


def address_of(spec: DeviceSpec, *, config: Path | None = None) -> Address:
    """The device's address.

    Args:
        config: ssh's configuration, by default that of the user.

    Raises:
        UsageError: the key file that the spec names is missing, or ssh's configuration cannot be read.
    """
    stated = spec.ssh
    if stated.key is not None and not _home(stated.key).is_file():
        raise UsageError("no such key file", subject=str(spec.place("ssh.key")), fix=f"check {stated.key}")
    found = stated_of(stated.host or spec.name, _file(config), user=stated.user or "", port=stated.port)
    keys = [stated.key] if stated.key else found.get("identityfile", [])
    jump = stated.jump or found.get("proxyjump", "none")
    return Address(
        device=spec.name,
        host=found["hostname"],
        port=stated.port or _port(found),
        user=stated.user or found.get("user") or getpass.getuser(),
        # Those of ssh's configuration need not exist.
        keys=tuple(str(_home(key)) for key in keys if _home(key).is_file()),
        jump=None if jump == "none" else _jump(spec.name, jump, config),
        command="" if stated.jump else _command(found),
        alias=found.get("hostkeyalias", "").lower(),
    )


def _jump(device: str, text: str, config: Path | None, before: tuple[str, ...] = ()) -> Address:
    """The machine to go through, and those before it.

    Args:
        before: the jump hosts that it leads on to; one that is among them would lead nowhere.
    """
    if text in before:
        raise UsageError(f"its jump hosts go in a circle: {', '.join(before)}", subject=device, fix="correct ProxyJump")
    if "," in text:
        raise UsageError("more than one jump host", subject=device, fix="name one; it may have a ProxyJump of its own")
    match = _JUMP.fullmatch(text.removeprefix("ssh://"))
    if match is None:
        raise UsageError("is no jump host", subject=f"{device}: {text!r}", fix="write user@host:port")
    found = stated_of(
        match["host"], _file(config), user=match["user"] or "", port=int(match["port"]) if match["port"] else None
    )
    further = found.get("proxyjump", "none")
    return Address(
        device=f"{device}'s jump host",
        host=found["hostname"],
        port=int(match["port"]) if match["port"] else _port(found),
        user=match["user"] or found.get("user") or getpass.getuser(),
        keys=tuple(str(_home(key)) for key in found.get("identityfile", []) if _home(key).is_file()),
        jump=None if further == "none" else _jump(device, further, config, (*before, text)),
        command=_command(found),
        before=device,
        alias=found.get("hostkeyalias", "").lower(),
    )


def _file(config: Path | None) -> Path:
    return config or Path.home() / ".ssh" / "config"


def _command(found: Stated) -> str:
    command = found.get("proxycommand") or ""
    return "" if command.lower() == "none" else command


def _port(found: Stated) -> int:
    port = str(found.get("port", PORT))
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(
            "is no port", subject=f"Port {port} in ssh's configuration", fix="correct it; ssh reads it too"
        )
    return int(port)


def _home(path: str) -> Path:
    return Path(path).expanduser()
