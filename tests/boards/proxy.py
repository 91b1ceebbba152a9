"""A bad network: forwards TCP to a port of this machine and does harm on command."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import math
import socket
import struct
import sys
import termios
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Way = Literal["up", "down"]
"""Up is from the one who connects to the board."""
WAYS: tuple[Way, Way] = ("up", "down")
CHUNK = 65536
# As a router's: what the sender believes to be under way beyond it is on the sender's own machine.
BUFFER = 65536
LINGER_ZERO = struct.pack("ii", 1, 0)
Pair = tuple[socket.socket, socket.socket]


def in_loop(verb: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """Runs a verb of the proxy in its own thread; when the call returns, it is done."""

    @functools.wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        proxy: Any = args[0]
        return asyncio.run_coroutine_threadsafe(verb(*args, **kwargs), proxy._loop).result(timeout=10)  # type: ignore[arg-type]

    return call


class Proxy:
    """Connect to `port` instead of the board's, inside a `with`. Every verb may be called at any moment.

    Faults last until `restore`. `delay_s` (each way) and `rate_bytes_per_s` (each way, for all connections together)
    are properties of the link: they may be changed at any moment, and `restore` leaves them.

    Args:
        port: the board's, on the loopback address.
    """

    host = "127.0.0.1"

    def __init__(self, port: int, *, delay_s: float = 0.0, rate_bytes_per_s: float = math.inf) -> None:
        self.delay_s, self.rate_bytes_per_s = delay_s, rate_bytes_per_s
        self.passed: dict[Way, int] = dict.fromkeys(WAYS, 0)
        self.connections = 0
        self._behind = (self.host, port)
        self._news = threading.Condition()
        self._armed: dict[Way, tuple[int, Callable[[], Awaitable[None]]]] = {}
        self._free_s: dict[Way, float] = dict.fromkeys(WAYS, 0.0)
        self._gates: dict[Way, asyncio.Event] = {way: asyncio.Event() for way in WAYS}
        self._open: dict[asyncio.Task[None], Pair] = {}
        self._listener: socket.socket | None = None

    def __enter__(self) -> Proxy:
        # Keeps the port while nobody listens on it.
        self._holder = bound(0)
        self.port: int = self._holder.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._holder.close()

    # ---- verbs ------------------------------------------------------------------------------------------------------

    @in_loop
    async def restore(self) -> None:
        """Lets everything pass again, what was held back first, and disarms."""
        self._armed.clear()
        for gate in self._gates.values():
            gate.set()
        if self._listener is None:
            self._listener = bound(self.port)
            self._listener.listen(128)
            self._loop.add_reader(self._listener, self._accept, self._listener)

    @in_loop
    async def blackhole(self, *ways: Way) -> None:
        """Holds back what goes these ways, both if none is named; nobody is told.

        Connections stay open, and new ones are taken and hear nothing.
        """
        await self._blackhole(*ways)

    @in_loop
    async def reset(self) -> None:
        """Resets the open connections, on both sides; new ones are welcome."""
        await self._reset()

    @in_loop
    async def refuse(self) -> None:
        """Refuses new connections; the open ones stay."""
        await self._refuse()

    @in_loop
    async def cut(self) -> None:
        """Resets the open connections and refuses new ones."""
        await self._cut()

    @in_loop
    async def after(
        self, n_bytes: int, way: Way, verb: Literal["blackhole", "cut", "refuse", "reset"], *ways: Way
    ) -> None:
        """Once, when exactly `n_bytes` more have gone that way and arrived, on all connections together.

        Args:
            ways: of a blackhole.
        """
        self._armed[way] = (self.passed[way] + n_bytes, functools.partial(getattr(self, f"_{verb}"), *ways))

    def await_passed(self, n_bytes: int, way: Way, *, timeout_s: float = 10.0) -> None:
        """Waits until at least so many bytes have gone that way since the proxy began."""
        with self._news:
            there = self._news.wait_for(lambda: self.passed[way] >= n_bytes, timeout_s)
        assert there, f"only {self.passed[way]} of {n_bytes} bytes went {way} within {timeout_s} s"

    async def _blackhole(self, *ways: Way) -> None:
        for way in ways or WAYS:
            self._gates[way].clear()

    async def _reset(self) -> None:
        for task, pair in list(self._open.items()):
            reset_on_close(*pair)
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _cut(self) -> None:
        await self._refuse()
        await self._reset()

    # ---- forwarding -------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        # A callback and no task: one that is cancelled may have a connection in its hands.
        with suppress(BlockingIOError, ConnectionAbortedError):  # it has gone again
            client, _ = listener.accept()
            client.setblocking(False)
            self.connections += 1
            board = socket.socket()
            board.setblocking(False)
            task = self._loop.create_task(self._serve(client, board))
            self._open[task] = (client, board)
            task.add_done_callback(self._close)

    def _close(self, task: asyncio.Task[None]) -> None:
        # Here and not in the task, which may be cancelled before it begins.
        for end in self._open.pop(task):
            end.close()

    async def _serve(self, client: socket.socket, board: socket.socket) -> None:
        try:
            await self._gates["up"].wait()
            await self._loop.sock_connect(board, self._behind)
            for end in (client, board):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(client, board, "up"))
                both.create_task(self._pump(board, client, "down"))
        except* OSError:  # one end was reset: so is the other
            reset_on_close(client, board)

    async def _pump(self, source: socket.socket, sink: socket.socket, way: Way) -> None:
        # As many chunks as fit on a slow, long link; a full queue holds the sender up.
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read(source, line, way))
            both.create_task(self._write(sink, line, way))

    async def _read(self, source: socket.socket, line: asyncio.Queue[tuple[float, bytes]], way: Way) -> None:
        chunk = b"..."
        while chunk:
            await self._gates[way].wait()
            most = min(CHUNK, max(1024, self.rate_bytes_per_s / 50))
            chunk = await self._loop.sock_recv(source, int(most))
            await line.put((self._loop.time() + self.delay_s, chunk))

    async def _write(self, sink: socket.socket, line: asyncio.Queue[tuple[float, bytes]], way: Way) -> None:
        while True:
            due_s, chunk = await line.get()
            await self._sleep_until(due_s)
            await self._gates[way].wait()
            if not chunk:
                with suppress(OSError):  # the other side has closed as well
                    sink.shutdown(socket.SHUT_WR)
                return
            while chunk:
                chunk = await self._forward(sink, chunk, way)

    async def _forward(self, sink: socket.socket, chunk: bytes, way: Way) -> bytes:
        """Sends as much of the chunk as may pass before the armed fault strikes, and lets it strike; gives the rest."""
        await self._gates[way].wait()
        at, strike = self._armed.get(way, (math.inf, None))
        part = chunk[: int(min(len(chunk), at - self.passed[way]))]
        await self._take_turn(way, len(part))
        await self._loop.sock_sendall(sink, part)
        self._count(way, len(part))
        if strike is not None and self.passed[way] >= at:
            await self._arrive(sink)
            self._armed.pop(way, None)
            # A reset ends this task too, but must itself be finished.
            await asyncio.shield(asyncio.ensure_future(strike()))
        return chunk[len(part) :]

    def _count(self, way: Way, n_bytes: int) -> None:
        with self._news:
            self.passed[way] += n_bytes
            self._news.notify_all()

    async def _take_turn(self, way: Way, n_bytes: int) -> None:
        """Waits for the link to be free and keeps it for as long as these bytes take."""
        begin_s = max(self._loop.time(), self._free_s[way])
        self._free_s[way] = begin_s + n_bytes / self.rate_bytes_per_s
        await self._sleep_until(self._free_s[way])

    async def _sleep_until(self, due_s: float) -> None:
        if (left_s := due_s - self._loop.time()) > 0:
            await asyncio.sleep(left_s)

    async def _arrive(self, sink: socket.socket) -> None:
        """Waits until the receiver's system has all that was sent: a reset would throw the rest away."""
        deadline_s = self._loop.time() + 1
        while unsent(sink) and self._loop.time() < deadline_s:
            await asyncio.sleep(0.001)


def bound(port: int) -> socket.socket:
    """A socket that has the port, and shares it with a listener that is closed and opened again."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # its connections inherit it
    made.bind((Proxy.host, port))
    made.setblocking(False)
    return made


def reset_on_close(*ends: socket.socket) -> None:
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)


def unsent(connection: socket.socket) -> int:
    """Bytes that the other side's system has not confirmed yet; Linux only, 0 elsewhere."""
    with suppress(OSError):
        return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0
