"""Submitting and reading tasks over HTTP, against an echo of the same bodies."""

import json
from statistics import median

from bench import load
from bench.report import Figure
from bench.server import Server, echo, limner

CONNECTIONS = 32
COUNT = 2000
PATH = "/v2/openapi/task"
BODY = json.dumps({"type": "generate_image", "prompt": "a lighthouse on a cliff at dusk, soft light"}).encode()
NO_LIMIT = {"account_tasks": "10000000", "engine": "sandbox"}


ROUNDS = 5


def figures() -> list[Figure]:
    """Echo, submit and read in turn, several times: what the machine does meanwhile then hits all three alike."""
    with echo() as yardstick, limner("--api-only", **NO_LIMIT) as server:
        rounds = [_round(yardstick, server, number) for number in range(ROUNDS + 1)][1:]
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


def _round(yardstick: Server, server: Server, number: int) -> Round:
    echoed = _echo(yardstick)
    submitted = _submit(server, number)
    tasks = [json.loads(body)["data"]["task_id"] for body in submitted.bodies]
    return {"echo": echoed, "submit": submitted, "read": _read(server, tasks)}


def _echo(server: Server) -> load.Tally:
    wire = load.request("POST", "/echo", body=BODY)
    return _run(server, lambda _: wire)


def _submit(server: Server, round_: int) -> load.Tally:
    def build(number: int) -> bytes:
        idempotency = f"Idempotency-Key: bench-{round_}-{number}\r\n"
        return load.request("POST", PATH, key=server.key, body=BODY, headers=idempotency)

    return _run(server, build, keep_bodies=True)


def _read(server: Server, tasks: list[str]) -> load.Tally:
    return _run(server, lambda n: load.request("GET", f"{PATH}/{tasks[n % len(tasks)]}", key=server.key))


def _run(server: Server, build: load.Build, *, keep_bodies: bool = False) -> load.Tally:
    before = server.cpu_s()
    tally = load.run(server.port, build, COUNT, CONNECTIONS, keep_bodies=keep_bodies)
    tally.cpu_ms = (server.cpu_s() - before) * 1000 / COUNT
    assert set(tally.statuses) == {200}, tally.statuses
    return tally
