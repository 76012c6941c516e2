"""What Limner adds to a vendor's call: latency, CPU and memory, with 32 and with a thousand calls under way."""

import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median

from bench import load
from bench.report import Figure
from bench.server import Server, command, limner, vendor

PATH = "/v2/openapi/task"
BODY = json.dumps(
    {"type": "generate_image", "model_version": "gpt_image_2", "prompt": "a lighthouse on a cliff at dusk"}
).encode()
DIRECT = json.dumps({"model": "gpt-image-2", "prompt": "a lighthouse on a cliff at dusk"}).encode()
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Size:
    """`tasks` calls of `delay_s` in a stream, whose first `warm` are not counted; `many` of `long_s` at once."""

    delay_s: float
    warm: int
    tasks: int
    many: int
    long_s: float


FULL = Size(delay_s=4.0, warm=8, tasks=160, many=1000, long_s=10.0)
SHORT = Size(delay_s=0.1, warm=1, tasks=8, many=40, long_s=0.5)


def figures(size: Size) -> list[Figure]:
    return [*_heavy(size), *_many(size)]


def _heavy(size: Size) -> list[Figure]:
    """32 calls under way all the time, one begun as another ends, whose answers are pictures of two megabytes."""
    with vendor(delay_s=size.delay_s, megabytes=2.0) as at, _beside(at) as server:
        _wait(server, _stream(server, size.warm, size.delay_s))  # the first calls open connections and warm up
        cpu_s = server.cpu_s()
        tasks = _stream(server, size.tasks, size.delay_s)
        _wait(server, tasks)
        cpu_ms = (server.cpu_s() - cpu_s) * 1000 / len(tasks)
        return [
            Figure("vendor_added_latency_p50", median(_took_ms(server, tasks)) - _own_ms(at), "ms"),
            Figure("vendor_cpu_2mb", cpu_ms, "ms/task"),
            Figure("vendor_peak_memory_32x2mb", server.peak_mib(), "MiB"),
        ]


def _stream(server: Server, many: int, delay_s: float) -> list[str]:
    """Submit tasks one by one, as fast as keeps 32 of them under way."""
    begun = time.perf_counter()
    tasks = []
    for number in range(many):
        time.sleep(max(0.0, begun + number * delay_s / AT_ONCE - time.perf_counter()))
        tasks += _submit(server, 1)
    return tasks


def _own_ms(at: Server) -> float:
    """What the vendor itself takes: the median of calls made directly, under no load."""
    wire = load.request("POST", "/v1/images/generations", body=DIRECT)
    return median(load.run(at.port, lambda _: wire, 3, 1).latencies) * 1000


def _many(size: Size) -> list[Figure]:
    """A thousand calls at once on one worker."""
    with vendor(delay_s=size.long_s, megabytes=0.01) as at, _beside(at) as server:
        _wait(server, _submit(server, size.many))
        most = json.loads(load.run(at.port, lambda _: load.request("GET", "/most"), 1, 1, keep_bodies=True).bodies[0])
        return [
            Figure("vendor_calls_at_once", most["most"], "calls"),
            Figure("vendor_calls_peak_memory", server.peak_mib(), "MiB"),
        ]


def _beside(at: Server) -> AbstractContextManager[Server]:
    keys = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"http://127.0.0.1:{at.port}/v1"}
    return limner({"account_tasks": "1000000"}, vendors=keys)


def _submit(server: Server, many: int) -> list[str]:
    wire = load.request("POST", PATH, key=server.key, body=BODY)
    submitted = load.run(server.port, lambda _: wire, many, min(many, AT_ONCE), keep_bodies=True)
    assert set(submitted.statuses) == {200}, submitted.statuses
    return [json.loads(body)["data"]["task_id"] for body in submitted.bodies]


def _wait(server: Server, tasks: Sequence[str]) -> None:
    """Until all have succeeded."""
    while not _all_done(server, tasks):
        time.sleep(0.2)


def _all_done(server: Server, tasks: Sequence[str]) -> bool:
    pages = [tasks[at : at + 100] for at in range(0, len(tasks), 100)]
    wires = [
        load.request("POST", f"{PATH}/batch", key=server.key, body=json.dumps({"task_ids": page}).encode())
        for page in pages
    ]
    answers = load.run(server.port, wires.__getitem__, len(wires), 1, keep_bodies=True).bodies
    found = [task for answer in answers for task in json.loads(answer)["data"]["tasks"].values()]
    states = {task["status"] for task in found}
    assert states <= {"queued", "running", "success"}, [task for task in found if task["status"] == "failed"][:1]
    return states == {"success"}


def _took_ms(server: Server, tasks: Sequence[str]) -> list[float]:
    """From accepting each task to its end."""
    listed = json.loads(command("tasks", "list", "--limit", "10000", "--data", str(server.data), "--json"))
    wanted = set(tasks)
    return [float(each["finished_ms"] - each["created_ms"]) for each in listed if each["id"] in wanted]
