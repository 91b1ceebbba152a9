"""A strict SSH connection that notices when the other side has gone."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edgebench.errors import DeviceError, EdgebenchError, LinkLost, Unreachable
from edgebench.transports.host_keys import fingerprint, trusted
from edgebench.transports.ssh_address import Address
from edgebench.transports.ssh_proxy import Proxy

if TYPE_CHECKING:
    from paramiko import PKey, SSHClient, Transport

CONNECT_S = 10.0
AGREE_S = 30.0
"""For keys and log-in: a small board under load and a link that loses packets take many seconds."""
PING_S = 4.0
NOTICED_S = 0.2
SILENCE_S = 20.0
"""So long may the other side, pinged meanwhile, send no byte at all before it counts as gone."""
LOOK = "look at it there"

# Without a handler Python prints what paramiko's threads log.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Link:
    """A logged-in connection. Several threads may use it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.through = Link(address.jump) if address.jump else None
        self.socket = _Heard(_reach(address, self.through))
        try:
            self.client = _logged_in(address, self.socket)
        except BaseException:
            self.socket.close()
            raise
        transport = self.client.get_transport()
        assert transport is not None
        self.transport = transport
        for work in (self._ping, self._watch):
            threading.Thread(target=work, daemon=True, name=f"edgebench {work.__name__} {address.device}").start()

    @property
    def alive(self) -> bool:
        return bool(self.transport.is_active())

    def still_alive(self) -> bool:
        """`alive` after something failed: who uses a connection feels its end a moment before its own thread."""
        self.transport.join(NOTICED_S)
        return self.alive

    def close(self) -> None:
        self.client.close()
        self.socket.close()
        if self.through:
            self.through.close()

    @contextlib.contextmanager
    def errors(self, doing: str, *, refused: str = LOOK) -> Iterator[None]:
        """Whatever goes wrong inside as DeviceError, a connection that broke as LinkLost.

        Args:
            refused: the fix where the system there refuses to read or write a file.
        """
        from paramiko import SFTPError, SSHException

        try:
            yield
        except SFTPError as exc:
            raise DeviceError(
                f"{doing}: its SFTP server is drowned out: {exc}",
                subject=self.address.device,
                fix="let no start-up file of its shell print anything: `ssh HOST true` must stay silent",
            ) from exc
        except (SSHException, EOFError, OSError) as exc:
            if isinstance(exc, EdgebenchError):  # of ours, and StoreError is the system's too
                raise
            if isinstance(exc, EOFError) or not self.still_alive():
                raise lost(self.address, doing) from exc
            problem = str(exc) or type(exc).__name__
            is_refusal = isinstance(exc, OSError) and not isinstance(exc, FileNotFoundError)
            fix = refused if is_refusal else LOOK
            raise DeviceError(f"{doing}: {problem}", subject=self.address.device, fix=fix) from exc

    def _ping(self) -> None:
        """Asks for an answer, whatever it is, so that a living peer is never silent."""
        while self.alive:
            with contextlib.suppress(Exception):  # the watch says what a failure means
                self.transport.global_request("keepalive@edgebench", wait=True)
            time.sleep(PING_S)

    def _watch(self) -> None:
        """Writes do not time out of themselves when a link is cut: a closed socket ends them."""
        while self.alive:
            if time.monotonic() - self.socket.heard > SILENCE_S:
                with contextlib.suppress(Exception):  # closed already is as good
                    self.socket.close()
                    self.transport.close()
            time.sleep(0.5)


class _Heard:
    """A socket that knows when it last received something."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.heard = time.monotonic()

    def recv(self, size: int) -> bytes:
        data: bytes = self.inner.recv(size)
        self.heard = time.monotonic()
        return data

    def close(self) -> None:
        """A channel through a jump host that is gone cannot say goodbye; paramiko's own thread would end with that."""
        with contextlib.suppress(EOFError, OSError):
            self.inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def shown_key(address: Address, *, kinds: Sequence[str] = ()) -> PKey:
    """The key a machine shows now, trusted or not.

    Args:
        kinds: of which it should show one, if it has one; most machines have keys of several kinds.

    Raises:
        Unreachable: it does not answer.
    """
    from paramiko import SSHException, Transport

    with contextlib.ExitStack() as undone:
        through = undone.enter_context(contextlib.closing(Link(address.jump))) if address.jump else None
        there = undone.enter_context(contextlib.closing(_Heard(_reach(address, through))))
        transport = undone.enter_context(contextlib.closing(Transport(there)))
        known = transport.get_security_options().key_types
        transport.get_security_options().key_types = sorted(known, key=lambda name: _kind(name) not in kinds)
        try:
            transport.start_client(timeout=AGREE_S)
            return transport.get_remote_server_key()
        except (SSHException, EOFError, OSError) as exc:
            raise _no_ssh(address, there, exc, transport) from exc


def _kind(algorithm: str) -> str:
    """Of the keys that a signature algorithm is used with (RFC 8332, 3)."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


def lost(address: Address, doing: str) -> LinkLost:
    return LinkLost(
        f"the connection broke while {doing}",
        subject=address.device,
        fix="run the same command again: what is finished is kept",
    )


def _reach(address: Address, through: Link | None) -> Any:
    """A connected socket, or something that is used like one."""
    if address.command:
        return Proxy(address.command)
    if through is not None:
        with through.errors(f"going on to {address.host}"):
            return through.transport.open_channel("direct-tcpip", (address.host, address.port), ("127.0.0.1", 0))
    try:
        there = socket.create_connection((address.host, address.port), timeout=CONNECT_S)
    except socket.gaierror as exc:
        raise Unreachable(
            f"no such host: {exc.strerror}", subject=_subject(address), fix="check `ssh.host`, or write its IP address"
        ) from exc
    except OSError as exc:
        fix = "check that it is switched on, in your network, and runs sshd"
        problem = "no answer" if isinstance(exc, TimeoutError) else (exc.strerror or str(exc)).lower()
        raise Unreachable(problem, subject=_subject(address), fix=fix) from exc
    there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return there


def _logged_in(address: Address, there: Any) -> SSHClient:
    from paramiko import RejectPolicy, SSHClient, SSHException

    keys = trusted(address.known_as)
    if not keys:
        raise DeviceError(
            "its host key is not known", subject=_subject(address), fix=f"edgebench devices trust {address.spec}"
        )
    client = SSHClient()
    undone = contextlib.ExitStack()
    undone.callback(client.close)  # and with it the connection to ssh's agent
    client.set_missing_host_key_policy(RejectPolicy())
    for key in keys:
        client.get_host_keys().add(address.place, key.get_name(), key)
    with undone:
        try:
            client.connect(
                address.host,
                port=address.port,
                username=address.user,
                key_filename=list(address.keys) or None,
                allow_agent=True,  # after the key files: of one with a passphrase, the agent may hold the key
                look_for_keys=not address.keys,
                sock=there,
                transport_factory=_transport,
                timeout=AGREE_S,
                banner_timeout=CONNECT_S,
                auth_timeout=AGREE_S,
            )
        except (SSHException, EOFError, OSError) as exc:
            raise _no_login(address, there, exc, client.get_transport()) from exc
        undone.pop_all()
    return client


def _transport(there: Any, **settings: Any) -> Transport:
    """AES-GCM first: it encrypts and proves in one pass, and that is half as fast again as paramiko's first choice."""
    from paramiko import Transport

    made = Transport(there, **settings)
    options = made.get_security_options()
    options.ciphers = sorted(options.ciphers, key=lambda name: "gcm" not in name)
    return made


def _no_login(address: Address, there: Any, exc: Exception, transport: Transport | None) -> DeviceError:
    """What it means that paramiko's client did not log in."""
    from paramiko import AuthenticationException, BadHostKeyException, PasswordRequiredException, SSHException

    refused = isinstance(exc, AuthenticationException)
    in_touch = transport is not None and transport.is_active()
    agreed = transport is not None and transport.initial_kex_done
    told = isinstance(exc, SSHException) or getattr(exc, "filename", None)  # a key file that the system refuses
    if isinstance(exc, BadHostKeyException):
        problem = f"its host key changed: it shows {fingerprint(exc.key)}, trusted is {fingerprint(exc.expected_key)}"
        fix = f"if you know why, edgebench devices trust {address.spec}; if not, someone else may answer there"
    elif isinstance(exc, PasswordRequiredException):
        problem, fix = "the key needs its passphrase", "ssh-add the key"
    elif refused and not in_touch:
        return Unreachable(
            f"it hung up while {address.user} was to be logged in",
            subject=_subject(address),
            fix="try again, and name the key with `ssh.key`: some take no more than a few",
        )
    elif not (told and in_touch and agreed) or (refused and "timeout" in str(exc)):
        return _no_ssh(address, there, exc, transport)  # paramiko has no type for a timeout here
    elif refused:
        problem = f"it refuses to log in {address.user}: {exc}".rstrip(" .:")
        fix = "check `ssh.user` and `ssh.key`, and ~/.ssh/authorized_keys there (ssh-copy-id)"
    else:
        problem = f"cannot log in {address.user}: {exc}"
        fix = f"check the private key file: {', '.join(address.keys) or '~/.ssh'}"
    return DeviceError(problem, subject=_subject(address), fix=fix)


def _no_ssh(address: Address, there: Any, exc: Exception, transport: Transport | None) -> Unreachable:
    if transport is not None and transport.is_active():  # paramiko goes on in silence: "No existing session"
        problem, fix = f"SSH is not agreed on within {AGREE_S:g} s", "see whether the link is bad, or the device busy"
    elif address.command:
        problem = f"its ProxyCommand leads to no SSH: {there.last_words() or exc}"
        fix = "check ProxyCommand in ~/.ssh/config"
    else:
        problem, fix = f"no SSH there: {exc}", "check host and port"
    return Unreachable(problem, subject=_subject(address), fix=fix)


def _subject(address: Address) -> str:
    return f"{address.device} ({address})"
