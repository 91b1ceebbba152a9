from __future__ import annotations

import hashlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from boards.proxy import WAYS, Proxy, Way

DATA = bytes(range(256)) * 4096  # 1 MiB


class Echo:
    """A server that sends back what it gets, and remembers how much that was and how each connection ended."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.endings: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while part := connection.recv(1 << 20):
                    self.got += part
                    connection.sendall(part)
                self.endings.append("closed")
            except ConnectionError as exc:
                self.endings.append(type(exc).__name__)


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as made:
        yield made


def connect(proxy: Proxy, timeout_s: float = 5) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=timeout_s)


def receive_until_reset(connection: socket.socket) -> int:
    got = 0
    with pytest.raises(ConnectionResetError):  # noqa: PT012 - which of the calls it strikes is open
        while part := connection.recv(65_536):
            got += len(part)
    return got


def receive(connection: socket.socket, n_bytes: int) -> bytes:
    got = b""
    while len(got) < n_bytes and (part := connection.recv(n_bytes - len(got))):
        got += part
    return got


def send(connection: socket.socket, data: bytes) -> threading.Thread:
    """In the background, until all is gone or the connection is."""

    def work() -> None:
        with suppress(OSError):
            connection.sendall(data)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not what() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert what()


def test_everything_arrives_unchanged_in_both_directions(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as there:
        send(there, DATA)
        assert hashlib.sha256(receive(there, len(DATA))).digest() == hashlib.sha256(DATA).digest()
    assert bytes(echo.got) == DATA
    assert proxy.passed == {"up": len(DATA), "down": len(DATA)}
    assert proxy.connections == 1


def test_a_closed_side_is_passed_on_and_the_other_side_may_still_answer(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as there:
        there.sendall(b"last words")
        there.shutdown(socket.SHUT_WR)
        assert receive(there, 100) == b"last words"
    wait_for(lambda: echo.endings == ["closed"])


def test_connections_do_not_mix(proxy: Proxy) -> None:
    connections = [connect(proxy) for _ in range(8)]
    for number, there in enumerate(connections):
        there.sendall(bytes([number]) * 1000)
    for number, there in reversed(list(enumerate(connections))):
        with there:
            assert receive(there, 1000) == bytes([number]) * 1000


def test_a_delay_is_added_each_way_and_not_to_each_chunk(proxy: Proxy) -> None:
    with connect(proxy) as there:
        proxy.delay_s = 0.2
        began = time.monotonic()
        send(there, DATA)
        assert receive(there, 1)
        first_s = time.monotonic() - began
        receive(there, len(DATA) - 1)
        all_s = time.monotonic() - began
    assert first_s >= 0.4
    assert all_s < first_s + 1.0  # 16 chunks or more: 3.2 s if they waited for one another


def test_the_rate_holds_for_all_connections_together(echo: Echo) -> None:
    with Proxy(echo.port, rate_bytes_per_s=1_000_000) as proxy, connect(proxy) as one, connect(proxy) as other:
        began = time.monotonic()
        for there in (one, other):
            send(there, DATA[:250_000])
        assert len(receive(one, 250_000) + receive(other, 250_000)) == 500_000
        took_s = time.monotonic() - began
    assert 0.5 <= took_s < 1.5


@pytest.mark.parametrize("way", WAYS)
def test_a_blackhole_in_one_direction_lets_the_other_pass(way: Way, proxy: Proxy, echo: Echo) -> None:
    with connect(proxy, timeout_s=0.3) as there:
        there.sendall(b"a")
        assert receive(there, 1) == b"a"
        proxy.blackhole(way)
        there.sendall(b"b")
        with pytest.raises(TimeoutError):
            there.recv(1)
        assert bytes(echo.got) == (b"a" if way == "up" else b"ab")


def test_after_a_blackhole_nothing_is_lost_or_doubled(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as there:
        proxy.after(300_000, "up", "blackhole")
        sending = send(there, DATA)
        proxy.await_passed(300_000, "up")
        time.sleep(0.1)
        assert proxy.passed["up"] == len(echo.got) == 300_000
        proxy.restore()
        assert receive(there, len(DATA)) == DATA
        sending.join(5)


def test_in_a_blackhole_a_sender_comes_to_a_stop(proxy: Proxy) -> None:
    with connect(proxy, timeout_s=0.3) as there:
        proxy.blackhole("up")
        with pytest.raises(TimeoutError):
            there.sendall(bytes(64 << 20))


def test_in_a_blackhole_new_connections_open_and_hear_nothing(proxy: Proxy, echo: Echo) -> None:
    proxy.blackhole()
    with connect(proxy, timeout_s=0.2) as there:
        there.sendall(b"hello")
        with pytest.raises(TimeoutError):
            there.recv(1)
        assert not echo.got
        proxy.restore()
        there.settimeout(5)
        assert receive(there, 5) == b"hello"


@pytest.mark.parametrize(("way", "n_bytes"), list(itertools.product(WAYS, (1, 1000, 65_536, 65_537, 700_001))))
def test_a_reset_strikes_after_exactly_so_many_bytes(way: Way, n_bytes: int, proxy: Proxy, echo: Echo) -> None:
    proxy.after(n_bytes, way, "reset")
    with connect(proxy) as there:
        sending = send(there, DATA)
        got = receive_until_reset(there)
        sending.join(5)
    wait_for(lambda: echo.endings)
    assert echo.endings != ["closed"]
    assert proxy.passed[way] == n_bytes
    assert (len(echo.got) if way == "up" else got) == n_bytes


def test_an_armed_fault_strikes_once(proxy: Proxy) -> None:
    proxy.after(4, "up", "reset")
    with connect(proxy) as there:
        there.sendall(b"12345")
        assert receive_until_reset(there) <= 4
    with connect(proxy) as there:
        there.sendall(b"12345")
        assert receive(there, 5) == b"12345"


def test_a_reset_hits_every_open_connection_and_no_new_one(proxy: Proxy) -> None:
    old = [connect(proxy) for _ in range(3)]
    for there in old:
        there.sendall(b"x")
        assert receive(there, 1) == b"x"
    proxy.reset()
    for there in old:
        with there, pytest.raises(ConnectionResetError):
            there.recv(1)
    with connect(proxy) as there:
        there.sendall(b"y")
        assert receive(there, 1) == b"y"


def test_refused_is_who_comes_new_while_the_open_connection_goes_on(proxy: Proxy) -> None:
    with connect(proxy) as there:
        there.sendall(b"x")
        assert receive(there, 1) == b"x"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        there.sendall(b"y")
        assert receive(there, 1) == b"y"


def test_a_cut_ends_all_and_refuses_all_until_restored(proxy: Proxy) -> None:
    with connect(proxy) as there:
        there.sendall(b"x")
        assert receive(there, 1) == b"x"
        for _ in range(3):  # as often as one likes
            proxy.cut()
            with pytest.raises(ConnectionRefusedError):
                connect(proxy)
        with pytest.raises(ConnectionResetError):
            there.recv(1)
    proxy.restore()
    with connect(proxy) as there:
        there.sendall(b"y")
        assert receive(there, 1) == b"y"


def test_a_cut_at_a_byte_strikes_from_within_the_transfer(proxy: Proxy, echo: Echo) -> None:
    proxy.after(100_000, "up", "cut")
    with connect(proxy) as there:
        send(there, DATA)
        receive_until_reset(there)
    assert len(echo.got) == 100_000
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_a_server_that_hangs_up_hard_is_felt_as_a_reset(proxy: Proxy, echo: Echo) -> None:
    echo.close()
    with pytest.raises(ConnectionResetError), connect(proxy) as there:
        there.recv(1)


def test_leaving_ends_the_thread_and_frees_the_port(echo: Echo) -> None:
    before = threading.active_count()
    with Proxy(echo.port) as proxy:
        lingering = connect(proxy)
        assert threading.active_count() > before
    with lingering, pytest.raises(ConnectionResetError):
        lingering.recv(1)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((proxy.host, proxy.port))
    assert not any(thread.name == "proxy" for thread in threading.enumerate())


def test_a_fault_that_was_not_reached_is_named_with_what_passed(proxy: Proxy) -> None:
    with pytest.raises(AssertionError, match="only 0 of 10 bytes went up"):
        proxy.await_passed(10, "up", timeout_s=0.01)
