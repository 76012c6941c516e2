"""A thousand tasks in flight on one worker, against a provider that takes two seconds."""

import json
import time
from dataclasses import dataclass

from bench import load
from bench.report import Figure
from bench.server import limner

PATH = "/v2/openapi/task"
BODY = json.dumps({"type": "generate_image", "prompt": "a lighthouse on a cliff at dusk"}).encode()


@dataclass(frozen=True, slots=True)
class Size:
    tasks: int
    delay_s: float


FULL = Size(tasks=1000, delay_s=2)
SHORT = Size(tasks=20, delay_s=0.2)


def figures(size: Size) -> list[Figure]:
    settings = {"engine": "sandbox", "sandbox_delay_s": str(size.delay_s), "account_tasks": "1000000"}
    with limner(settings) as server:
        wire = load.request("POST", PATH, key=server.key, body=BODY)
        cpu_s = server.cpu_s()
        submitted = load.run(server.port, lambda _: wire, size.tasks, 32, keep_bodies=True)
        last_submit = time.perf_counter()
        assert set(submitted.statuses) == {200}, submitted.statuses
        tasks = [json.loads(body)["data"]["task_id"] for body in submitted.bodies]
        _wait_until_done(server.port, server.key, tasks)
        done_s = time.perf_counter() - last_submit
        return [
            Figure("flight_done_after_last_submit", done_s, "s"),
            Figure("flight_peak_memory", server.peak_mib(), "MiB"),
            Figure("flight_cpu", (server.cpu_s() - cpu_s) * 1000 / size.tasks, "ms/task"),
        ]


def _wait_until_done(port: int, key: str, tasks: list[str]) -> None:
    pages = [tasks[at : at + 100] for at in range(0, len(tasks), 100)]
    wires = [
        load.request("POST", f"{PATH}/batch", key=key, body=json.dumps({"task_ids": page}).encode()) for page in pages
    ]
    while wires:
        answers = load.run(port, wires.__getitem__, len(wires), 1, keep_bodies=True).bodies
        wires = [wire for wire, answer in zip(wires, answers, strict=True) if not _all_done(answer)]
        time.sleep(0.05)  # so that the polls of a slow run do not weigh more


def _all_done(answer: bytes) -> bool:
    states = {task["status"] for task in json.loads(answer)["data"]["tasks"].values()}
    assert states <= {"queued", "running", "success"}, states
    return states == {"success"}
