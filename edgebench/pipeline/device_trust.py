"""`edgebench devices trust`: whose host keys a device may show from now on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebench.errors import DeviceError
from edgebench.specs.device import DeviceSpec
from edgebench.transports.host_keys import fingerprint, own_file, trust, trusted
from edgebench.transports.ssh_address import Address, address_of
from edgebench.transports.ssh_link import shown_key

if TYPE_CHECKING:
    from paramiko import PKey


@dataclass(frozen=True)
class Shown:
    """A machine's host key beside those that are trusted.

    Args:
        device: the device, or its jump host.
        state: `known` is trusted as it is; `changed` is another key of a kind that is trusted, or of another kind.
        before: fingerprints of the trusted keys.
    """

    device: str
    address: str
    key: PKey
    state: Literal["known", "new", "changed"]
    before: tuple[str, ...]
    known_as: str

    @property
    def kind(self) -> str:
        return str(self.key.get_name())

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)


def shown_keys(spec: DeviceSpec) -> Iterator[Shown]:
    """The key that the device shows; before it those of the jump hosts that one goes through.

    A jump host lets us through only when its key is trusted, so accept that before the next is asked for.

    Raises:
        DeviceError: one of them does not answer.
    """
    way = [address_of(spec)]
    while further := way[-1].jump:
        way.append(further)
    yield from (shown(each) for each in reversed(way))


def shown(address: Address) -> Shown:
    before = trusted(address.known_as)
    key = shown_key(address, kinds=[key.get_name() for key in before])
    state: Literal["known", "new", "changed"] = "known" if key in before else "changed" if before else "new"
    fingerprints = tuple(fingerprint(each) for each in before)
    return Shown(address.device, str(address), key, state, fingerprints, address.known_as)


def accept(found: Shown) -> Path:
    """Stores the key, which alone is trusted from now on; returns the file it stands in."""
    trust(found.known_as, found.key)
    return own_file()


def require_expected(found: Shown, expected: Sequence[str]) -> None:
    """Raises DeviceError where the key has none of these fingerprints, each with `SHA256:` before it or without."""
    if found.fingerprint.removeprefix("SHA256:") not in {each.removeprefix("SHA256:").rstrip("=") for each in expected}:
        raise DeviceError(
            f"shows {found.fingerprint}, not {' or '.join(expected)}",
            subject=f"{found.device} ({found.address})",
            fix="look at its key there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )
