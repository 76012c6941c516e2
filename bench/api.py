"""Submitting and reading tasks over HTTP, against an echo of the same bodies."""

import json
from dataclasses import dataclass
from statistics import median

from bench import load
from bench.report import Figure
from bench.server import Server, echo, limner

CONNECTIONS = 32
PATH = "/v2/openapi/task"
BODY = json.dumps({"type": "generate_image", "prompt": "a lighthouse on a cliff at dusk, soft light"}).encode()
NO_LIMIT = {"account_tasks": "10000000", "engine": "sandbox"}


@dataclass(frozen=True, slots=True)
class Size:
    """Rounds, the first besides them to warm up, and requests of each kind in one."""

    rounds: int
    count: int


FULL = Size(rounds=5, count=2000)
SHORT = Size(rounds=1, count=50)


def figures(size: Size) -> list[Figure]:
    """Echo, submit and read in turn, several times: what the machine does meanwhile then hits all three alike."""
    with echo() as yardstick, limner(NO_LIMIT, "--api-only") as server:
        rounds = [_round(yardstick, server, number, size.count) for number in range(size.rounds + 1)][1:]
    return [
        Figure("echo", median(each["echo"].per_second for each in rounds), "requests/s"),
        Figure("submit", median(each["submit"].per_second for each in rounds), "requests/s"),
        Figure("submit/echo", _ratio(rounds, "submit"), "ratio"),
        Figure("submit_cpu", median(each["submit"].cpu_ms for each in rounds), "ms"),
        Figure("submit_p50", median(each["submit"].percentile_ms(0.5) for each in rounds), "ms"),
        Figure("submit_p99", median(each["submit"].percentile_ms(0.99) for each in rounds), "ms"),
        Figure("read", median(each["read"].per_second for each in rounds), "requests/s"),
        Figure("read/echo", _ratio(rounds, "read"), "ratio"),
        Figure("read_cpu", median(each["read"].cpu_ms for each in rounds), "ms"),
        Figure("echo_cpu", median(each["echo"].cpu_ms for each in rounds), "ms"),
    ]


Round = dict[str, load.Tally]


def _ratio(rounds: list[Round], name: str) -> float:
    return median(each[name].per_second / each["echo"].per_second for each in rounds)


def _round(yardstick: Server, server: Server, number: int, count: int) -> Round:
    echoed = _echo(yardstick, count)
    submitted = _submit(server, number, count)
    tasks = [json.loads(body)["data"]["task_id"] for body in submitted.bodies]
    return {"echo": echoed, "submit": submitted, "read": _read(server, tasks, count)}


def _echo(server: Server, count: int) -> load.Tally:
    wire = load.request("POST", "/echo", body=BODY)
    return _run(server, lambda _: wire, count)


def _submit(server: Server, round_: int, count: int) -> load.Tally:
    def build(number: int) -> bytes:
        idempotency = f"Idempotency-Key: bench-{round_}-{number}\r\n"
        return load.request("POST", PATH, key=server.key, body=BODY, headers=idempotency)

    return _run(server, build, count, keep_bodies=True)


def _read(server: Server, tasks: list[str], count: int) -> load.Tally:
    return _run(server, lambda n: load.request("GET", f"{PATH}/{tasks[n % len(tasks)]}", key=server.key), count)


def _run(server: Server, build: load.Build, count: int, *, keep_bodies: bool = False) -> load.Tally:
    before = server.cpu_s()
    tally = load.run(server.port, build, count, CONNECTIONS, keep_bodies=keep_bodies)
    tally.cpu_ms = (server.cpu_s() - before) * 1000 / count
    assert set(tally.statuses) == {200}, tally.statuses
    return tally
