"""Complete durable tasks against a vendor that answers at once: submitted, bought, decoded, kept, settled and read."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from tests.postgres import Server as Postgres
from tests.postgres import find_programs, running_server

from bench import load
from bench.report import Figure
from bench.server import Server, limner, vendor

PATH = "/v2/openapi/task"
BODY = json.dumps(
    {"type": "generate_image", "model_version": "gpt_image_2", "prompt": "a lighthouse on a cliff at dusk"}
).encode()
CONNECTIONS = 16
"""As many as are admitted on the slowest machine: nothing is shed."""
PAGE = 100


@dataclass(frozen=True, slots=True)
class Size:
    """Tasks whose picture is small and that bring 2 MB, besides the `warm` ones before them; `rounds` of both."""

    small: int
    large: int
    warm: int
    rounds: int


FULL = Size(small=500, large=100, warm=50, rounds=3)
SHORT = Size(small=20, large=5, warm=1, rounds=1)


def figures(size: Size) -> Iterator[Figure]:
    yield from _figures("", size, lambda: nullcontext({}))
    if programs := find_programs():
        with running_server(programs) as postgres:
            yield from _figures("_postgres", size, partial(_database, postgres))


Database = Callable[[], AbstractContextManager[Mapping[str, str]]]
"""A fresh database, as the settings that name it."""


@contextmanager
def _database(postgres: Postgres) -> Iterator[Mapping[str, str]]:
    with postgres.database() as name:
        yield {"database_url": postgres.url(name)}


def _figures(suffix: str, size: Size, database: Database) -> Iterator[Figure]:
    for name, megabytes, tasks in (("1kb", 0.001, size.small), ("2mb", 1.5552, size.large)):
        with vendor(0, megabytes) as at, database() as settings, beside(at, settings) as server:
            complete_round(server, size.warm)
            rounds = sorted((complete_round(server, tasks) for _ in range(size.rounds)), key=lambda each: each.cpu_ms)
            yield Figure(f"complete_{name}{suffix}", max(each.per_second for each in rounds), "tasks/s")
            yield Figure(f"complete_{name}{suffix}_cpu", rounds[len(rounds) // 2].cpu_ms, "ms/task")
            yield Figure(f"complete_{name}{suffix}_peak_memory", server.peak_mib(), "MiB")


@contextmanager
def beside(at: Server, settings: Mapping[str, str]) -> Iterator[Server]:
    keys = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"http://127.0.0.1:{at.port}/v1"}
    with limner({"account_tasks": "1000000", **settings}, vendors=keys) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Round:
    per_second: float
    cpu_ms: float


def complete_round(server: Server, many: int) -> Round:
    """Submit so many tasks, wait for their end, and read each once."""
    cpu_s, began = server.cpu_s(), time.perf_counter()
    wire = load.request("POST", PATH, key=server.key, body=BODY)
    submitted = load.run(server.port, lambda _: wire, many, CONNECTIONS, keep_bodies=True)
    assert set(submitted.statuses) == {200}, submitted.statuses
    tasks = [json.loads(body)["data"]["task_id"] for body in submitted.bodies]
    for at in range(0, many, PAGE):
        _wait(server, tasks[at : at + PAGE])
    read = load.run(server.port, lambda n: load.request("GET", f"{PATH}/{tasks[n]}", key=server.key), many, CONNECTIONS)
    assert set(read.statuses) == {200}, read.statuses
    took_s = time.perf_counter() - began
    return Round(many / took_s, (server.cpu_s() - cpu_s) * 1000 / many)


def _wait(server: Server, tasks: list[str]) -> None:
    """Until all of a page have succeeded."""
    wire = load.request("POST", f"{PATH}/batch", key=server.key, body=json.dumps({"task_ids": tasks}).encode())
    while True:
        (answer,) = load.run(server.port, lambda _: wire, 1, 1, keep_bodies=True).bodies
        found = json.loads(answer)["data"]["tasks"].values()
        states = {task["status"] for task in found}
        assert states <= {"queued", "running", "success"}, [task for task in found if task["status"] == "failed"][:1]
        if states == {"success"}:
            return
        time.sleep(0.05)
