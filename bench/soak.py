"""More than can be served, for a while: what becomes of those who come, of memory, and of the time after.

It measures what one server can do, sends it ten times as much, and watches it recover.
"""

import asyncio
import base64
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from PIL import Image

from bench import load
from bench.report import Figure
from bench.server import Server, limner

TIMES = 10
CREATE, READ, HEALTH = "/v2/openapi/task", "/v2/openapi/task", "/healthz"
REPEAT_S = 0.05
"""How often somebody looks at a task, and whether the service lives, during the overload."""

SETTINGS = {
    "engine": "sandbox",
    "account_tasks": "10000000",
    "queue_deadline_s": "86400",
}


@dataclass(frozen=True, slots=True)
class Size:
    """Duration of the calm phase and of the overload, in seconds."""

    calm_s: float
    seconds: float


FULL = Size(calm_s=60, seconds=600)
SHORT = Size(calm_s=2, seconds=3)


def body(side: int = 1400) -> bytes:
    """A task with a picture that is small to send and takes a while to verify, so that few can be served."""
    picture = io.BytesIO()
    Image.radial_gradient("L").resize((side, side)).convert("RGB").quantize(16).save(picture, "PNG")
    inline = {"type": "png", "data": base64.b64encode(picture.getvalue()).decode()}
    return json.dumps({"type": "generate_image", "prompt": "a lighthouse", "file": inline}).encode()


@dataclass(slots=True)
class Outcomes:
    """What one kind of request was answered. Times in seconds; `bare` are refusals that say not when to come back."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    bare: int = 0

    def note(self, head: bytes, said: bytes, took_s: float) -> None:
        status = int(head[9:12])
        self.statuses[status] += 1
        if status != 200:
            self.refused_s.append(took_s)
            self.bare += b"\r\nretry-after: " not in head.lower()
            return
        self.accepted_s.append(took_s)
        if b'"task_id"' in said:
            self.tasks.append(json.loads(said)["data"]["task_id"])


def figures(size: Size) -> list[Figure]:
    with limner(SETTINGS) as server:
        return uvloop.run(_soak(server, size.calm_s, size.seconds))


async def _soak(server: Server, calm_s: float, seconds: float) -> list[Figure]:
    wire = load.request("POST", CREATE, key=server.key, body=body())
    calm = await _calm(server, wire, calm_s)
    capacity = len(calm.accepted_s) / calm_s
    overload, reads, lives, memory = await _overload(server, wire, capacity * TIMES, seconds, calm.tasks[0])
    recovered_s = await _recovery(server, wire, calm)
    lost = await _unfinished(server, [*calm.tasks, *overload.tasks])
    proved = await asyncio.to_thread(_proved, server)
    offered = sum(overload.statuses.values())
    others = sum(count for status, count in overload.statuses.items() if status not in {200, 429, 503})
    return [
        Figure("soak_capacity", capacity, "requests/s"),
        Figure("soak_offered", offered / seconds, "requests/s"),
        Figure("soak_accepted", len(overload.accepted_s) / seconds, "requests/s"),
        Figure("soak_accepted_p99", _p99_ms(overload.accepted_s), "ms"),
        Figure("soak_refused", len(overload.refused_s), "requests"),
        Figure("soak_refused_p99", _p99_ms(overload.refused_s), "ms"),
        Figure("soak_refused_without_a_time", overload.bare, "requests"),
        Figure("soak_other_answers", others, "requests"),
        Figure("soak_reads", len(reads.accepted_s), "requests"),
        Figure("soak_reads_refused", len(reads.refused_s), "requests"),
        Figure("soak_read_p99", _p99_ms(reads.accepted_s), "ms"),
        Figure("soak_health_refused", len(lives.refused_s), "requests"),
        Figure("soak_health_p99", _p99_ms(lives.accepted_s), "ms"),
        Figure("soak_memory", memory[-1], "MiB"),
        Figure("soak_memory_growth", memory[-1] - memory[0], "MiB"),
        Figure("soak_recovery", recovered_s, "s"),
        Figure("soak_tasks_lost", lost, "tasks"),
        Figure("soak_book_proved", proved, "yes"),
    ]


async def _calm(server: Server, wire: bytes, seconds: float) -> Outcomes:
    """A few clients that wait for their answers: what the server can do."""
    outcomes, end = Outcomes(), time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end:
            await _ask(server.port, wire, outcomes)

    await asyncio.gather(*(client() for _ in range(8)))
    return outcomes


async def _overload(
    server: Server, wire: bytes, per_second: float, seconds: float, task: str
) -> tuple[Outcomes, Outcomes, Outcomes, list[float]]:
    """Requests at this rate whatever becomes of them, each on a connection of its own, beside somebody who reads."""
    overload, reads, lives, memory = Outcomes(), Outcomes(), Outcomes(), list[float]()
    over = asyncio.Event()
    repeating = [
        asyncio.create_task(_repeat(server.port, load.request("GET", f"{READ}/{task}", key=server.key), reads, over)),
        asyncio.create_task(_repeat(server.port, load.request("GET", HEALTH), lives, over)),
    ]
    began, asked = time.perf_counter(), set[asyncio.Task[None]]()
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(began + number / per_second - time.perf_counter())
        one = asyncio.create_task(_ask(server.port, wire, overload))
        asked.add(one)
        one.add_done_callback(asked.discard)
        if time.perf_counter() - began > seconds * (0.2 + len(memory) * 0.2):  # the first fifth is to warm up
            memory.append(_memory_mib(server))
    await asyncio.gather(*asked)
    over.set()
    await asyncio.gather(*repeating)
    return overload, reads, lives, [*memory, _memory_mib(server)]


async def _repeat(port: int, wire: bytes, outcomes: Outcomes, over: asyncio.Event) -> None:
    while not over.is_set():
        await _ask(port, wire, outcomes)
        await asyncio.sleep(REPEAT_S)


async def _ask(port: int, wire: bytes, outcomes: Outcomes) -> None:
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(wire)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        said = await reader.readexactly(length)
    finally:
        writer.close()
    outcomes.note(head, said, time.perf_counter() - began)


async def _recovery(server: Server, wire: bytes, outcomes: Outcomes) -> float:
    """How long it takes, after the overload, until five in a row are taken."""
    began, in_a_row = time.perf_counter(), 0
    while in_a_row < 5:
        before = len(outcomes.accepted_s)
        await _ask(server.port, wire, outcomes)
        in_a_row = in_a_row + 1 if len(outcomes.accepted_s) > before else 0
    return time.perf_counter() - began


async def _unfinished(server: Server, tasks: Sequence[str]) -> int:
    """How many accepted tasks do not come to a good end, once nothing more happens."""
    left, before = list(tasks), 0
    while left and len(left) != before:
        before = len(left)
        for _ in range(600):
            left = await _not_done(server, left)
            if len(left) != before:
                break
            await asyncio.sleep(0.1)
    return len(left)


async def _not_done(server: Server, tasks: Sequence[str]) -> list[str]:
    states: dict[str, str] = {}
    for at in range(0, len(tasks), 100):
        wanted = json.dumps({"task_ids": list(tasks[at : at + 100])}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(load.request("POST", f"{READ}/batch", key=server.key, body=wanted))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        found = json.loads(await reader.readexactly(length))["data"]["tasks"]
        writer.close()
        states |= {task: shown["status"] for task, shown in found.items()}
    return [task for task in tasks if states.get(task) != "success"]


def _proved(server: Server) -> bool:
    command = [sys.executable, "-m", "limner", "credits", "prove", "--data", str(server.data)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _memory_mib(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _p99_ms(times_s: Sequence[float]) -> float:
    ranked = sorted(times_s) or [0.0]
    return ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))] * 1000
