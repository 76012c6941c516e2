"""What OpenAI's API adds to a vendor's call: latency, CPU and memory, beside a bare relay to the same vendor."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count

import uvloop

from bench import load
from bench.report import Figure
from bench.server import Server, limner, relay, vendor

PATH = "/v1/images/generations"
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Size:
    """`small` pictures of 1 KB and `large` ones of 2 MB, 32 at once; `held` calls of `long_s` seconds at once."""

    delay_s: float
    small: int
    large: int
    held: int
    long_s: float


FULL = Size(delay_s=1.0, small=640, large=64, held=500, long_s=8.0)
SHORT = Size(delay_s=0.1, small=8, large=2, held=20, long_s=0.5)

_numbers = count()


def figures(size: Size) -> Iterator[Figure]:
    yield from _small(size)
    yield from _large(size)
    yield from _held(size)


def _small(size: Size) -> list[Figure]:
    """The same calls through the relay and through Limner."""
    with vendor(size.delay_s, 0.001) as at, relay(at.port) as yardstick, _beside(at) as server:
        for each in (yardstick, server):
            _run(each, AT_ONCE, AT_ONCE)  # the first calls open connections and warm up
        relayed, made = (_run(each, size.small, AT_ONCE) for each in (yardstick, server))
    return [
        Figure("images_relay_cpu_1kb", relayed.cpu_ms, "ms/picture"),
        Figure("images_cpu_1kb", made.cpu_ms, "ms/picture"),
        Figure("images_relay_p50", relayed.percentile_ms(0.5), "ms"),
        Figure("images_added_latency_p50", made.percentile_ms(0.5) - relayed.percentile_ms(0.5), "ms"),
        Figure("images_added_latency_p95", made.percentile_ms(0.95) - relayed.percentile_ms(0.95), "ms"),
    ]


def _large(size: Size) -> list[Figure]:
    with vendor(size.delay_s, 2.0) as at, relay(at.port) as yardstick, _beside(at) as server:
        _run(yardstick, size.large, AT_ONCE)
        made = _run(server, size.large, AT_ONCE)
        return [
            Figure("images_cpu_2mb", made.cpu_ms, "ms/picture"),
            Figure("images_peak_memory_32x2mb", server.peak_mib(), "MiB"),
            Figure("images_relay_peak_memory_32x2mb", yardstick.peak_mib(), "MiB"),
        ]


def _held(size: Size) -> list[Figure]:
    """Calls that one process holds open at once."""
    with vendor(size.long_s, 0.001) as at, _beside(at) as server:
        statuses = uvloop.run(_ramp(server, size.held, size.long_s / 2))
        assert set(statuses) == {200}, Counter(statuses)
        most = json.loads(load.run(at.port, lambda _: load.request("GET", "/most"), 1, 1, keep_bodies=True).bodies[0])
        return [
            Figure("images_held_at_once", most["most"], "calls"),
            Figure("images_held_peak_memory", server.peak_mib(), "MiB"),
        ]


async def _ramp(server: Server, calls: int, seconds: float) -> list[int]:
    """Calls that begin one after another within so many seconds; their statuses."""

    async def call(number: int) -> int:
        await asyncio.sleep(number * seconds / calls)
        return (await load.ask(server.port, _request(server)))[0]

    return await asyncio.gather(*(call(number) for number in range(calls)))


def _beside(at: Server) -> AbstractContextManager[Server]:
    keys = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"http://127.0.0.1:{at.port}/v1"}
    return limner({"account_tasks": "1000000", "default_model": "gpt_image_2"}, vendors=keys)


def _run(server: Server, calls: int, at_once: int) -> load.Tally:
    before = server.cpu_s()
    tally = load.run(server.port, lambda _: _request(server), calls, min(calls, at_once))
    tally.cpu_ms = (server.cpu_s() - before) * 1000 / calls
    assert set(tally.statuses) == {200}, tally.statuses
    return tally


def _request(server: Server) -> bytes:
    body = json.dumps({"model": "gpt-image-1", "prompt": f"lighthouse {next(_numbers)} on a cliff at dusk"}).encode()
    return load.request("POST", PATH, key=server.key, body=body)
