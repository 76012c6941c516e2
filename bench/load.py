"""A small HTTP load generator on raw sockets: it shall cost little beside the server that it measures."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import uvloop

Build = Callable[[int], bytes]
"""The n-th request, as the bytes that go over the wire."""


@dataclass(slots=True)
class Tally:
    """What came of a run. Times in seconds."""

    started: float = 0.0
    ended: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    cpu_ms: float = 0.0
    """What one request cost the server, in milliseconds of CPU."""

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / (self.ended - self.started)

    def percentile_ms(self, share: float) -> float:
        ranked = sorted(self.latencies)
        return ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000


def request(
    method: str, path: str, *, key: str = "", body: bytes = b"", headers: str = "", kind: str = "application/json"
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Type: {kind}"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    lines += [f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n" + headers + "\r\n").encode() + body


def run(port: int, build: Build, count: int, connections: int, *, keep_bodies: bool = False) -> Tally:
    """Send `count` requests over `connections` kept-alive connections, each as soon as the one before was answered."""
    return uvloop.run(_run(port, build, count, connections, keep_bodies=keep_bodies))


async def _run(port: int, build: Build, count: int, connections: int, *, keep_bodies: bool) -> Tally:
    tally = Tally()
    numbers = iter(range(count))
    tally.started = time.perf_counter()
    await asyncio.gather(
        *(_connection(port, build, numbers, tally, keep_bodies=keep_bodies) for _ in range(connections))
    )
    tally.ended = time.perf_counter()
    return tally


async def ask(port: int, wire: bytes) -> tuple[int, bytes]:
    """The status and body of one request's answer, over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(wire)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]), await reader.readexactly(length)
    finally:
        writer.close()


async def _connection(port: int, build: Build, numbers: Iterator[int], tally: Tally, *, keep_bodies: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        sent = time.perf_counter()
        writer.write(build(number))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        tally.latencies.append(time.perf_counter() - sent)
        status = int(head[9:12])
        tally.statuses[status] = tally.statuses.get(status, 0) + 1
        if keep_bodies:
            tally.bodies.append(body)
    writer.close()
