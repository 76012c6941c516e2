"""Two thousand watches open on one server: what they cost, and how soon they hear."""

import asyncio
import json
import time
from dataclasses import dataclass
from statistics import median

import uvloop

from bench import load, sockets
from bench.report import Figure
from bench.server import Server, limner

PATH = "/v2/openapi/task"
BODY = json.dumps({"type": "generate_image", "prompt": "a lighthouse on a cliff at dusk, soft light"}).encode()
NO_LIMIT = {"account_tasks": "10000000", "account_watches": "1000000", "engine": "sandbox"}


@dataclass(frozen=True, slots=True)
class Size:
    """Watches, of which `single` get one change after the other; seconds of quiet; changes sent to all."""

    watches: int
    idle_s: float
    single: int
    broadcasts: int


FULL = Size(watches=2000, idle_s=5, single=200, broadcasts=10)
SHORT = Size(watches=40, idle_s=0.2, single=5, broadcasts=2)


def figures(size: Size) -> list[Figure]:
    with limner(NO_LIMIT, "--api-only") as server:
        tasks = _submit(server, size.watches)
        each = uvloop.run(_each_its_task(server, tasks, size))
    with limner(NO_LIMIT, "--api-only") as server:
        return each + uvloop.run(_all_the_same(server, size))


async def _each_its_task(server: Server, tasks: list[str], size: Size) -> list[Figure]:
    """Every watch has a task of its own; the tasks are cancelled, first one by one, then all at once."""
    before_mib, before_s = server.now_mib(), server.cpu_s()
    watches = await _open(server, [f"{PATH}/watch/{task}" for task in tasks])
    open_s, open_mib = server.cpu_s() - before_s, server.now_mib() - before_mib
    idle = await _idle(server, size.idle_s)
    delays = [await _delay(server, task, watch) for task, watch in zip(tasks[: size.single], watches, strict=False)]
    rest, before_s, began = watches[size.single :], server.cpu_s(), time.perf_counter()
    await asyncio.to_thread(_cancel, server, tasks[size.single :])
    await asyncio.gather(*(watch.closed.wait() for watch in rest))
    at_once_s, at_once_cpu = time.perf_counter() - began, server.cpu_s() - before_s
    return [
        Figure("watch_open_cpu", open_s * 1000 / size.watches, "ms/watch"),
        Figure("watch_memory", open_mib * 1024 / size.watches, "KiB/watch"),
        Figure("watch_idle_cpu", idle * 100, "%"),
        Figure("watch_delay_p50", median(delays) * 1000, "ms"),
        Figure("watch_delay_p99", sorted(delays)[int(len(delays) * 0.99)] * 1000, "ms"),
        Figure("watch_cancel_all", len(rest) / at_once_s, "tasks/s"),
        Figure("watch_cancel_all_cpu", at_once_cpu * 1000 / len(rest), "ms/task"),
        Figure("watch_peak_memory", server.peak_mib(), "MiB"),
    ]


async def _all_the_same(server: Server, size: Size) -> list[Figure]:
    """All watches are of one account: each of its tasks is sent to all of them."""
    watches = await _open(server, [f"{PATH}/watch/all"] * size.watches, frames=0)
    before_s, began = server.cpu_s(), time.perf_counter()
    for number in range(1, size.broadcasts + 1):
        await asyncio.to_thread(_submit, server, 1)
        await asyncio.gather(*(watch.frames(number) for watch in watches))
    frames = size.broadcasts * size.watches
    took_s, cpu_s = time.perf_counter() - began, server.cpu_s() - before_s
    for watch in watches:
        watch.transport.close()
    return [
        Figure("watch_broadcast", frames / took_s, "frames/s"),
        Figure("watch_broadcast_cpu", cpu_s * 1e6 / frames, "µs/frame"),
    ]


async def _open(server: Server, paths: list[str], frames: int = 1) -> list[sockets.Socket]:
    watches = []
    for at in range(0, len(paths), 100):
        some = await asyncio.gather(*(sockets.connect(server.port, path, server.key) for path in paths[at : at + 100]))
        await asyncio.gather(*(watch.opened.wait() for watch in some))
        await asyncio.gather(*(watch.frames(frames) for watch in some))
        watches += some
    return watches


async def _idle(server: Server, idle_s: float) -> float:
    """The share of one core that the server takes while nothing happens."""
    before_s = server.cpu_s()
    await asyncio.sleep(idle_s)
    return (server.cpu_s() - before_s) / idle_s


async def _delay(server: Server, task: str, watch: sockets.Socket) -> float:
    """From the request that changes a task to the frame that says so."""
    began = time.perf_counter()
    await asyncio.gather(asyncio.to_thread(_cancel, server, [task]), watch.closed.wait())
    return watch.came[-1] - began


def _submit(server: Server, many: int) -> list[str]:
    wire = load.request("POST", PATH, key=server.key, body=BODY)
    tally = load.run(server.port, lambda _: wire, many, 32, keep_bodies=True)
    assert set(tally.statuses) == {200}, tally.statuses
    return [json.loads(body)["data"]["task_id"] for body in tally.bodies]


def _cancel(server: Server, tasks: list[str]) -> None:
    tally = load.run(
        server.port, lambda n: load.request("POST", f"{PATH}/{tasks[n]}/cancel", key=server.key), len(tasks), 32
    )
    assert set(tally.statuses) == {200}, tally.statuses
