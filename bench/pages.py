"""Two thousand pages of the Studio open on one process, each of an account of its own, while tasks change."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import load, sockets
from bench.report import Figure
from bench.server import Server, limner
from limner.application.accounts.manage import HashKey, ManageAccounts
from limner.application.accounts.sign_in import SignIn
from limner.db.open_store import SQLITE, open_store
from limner.worker.clock import SystemClock

SETTINGS = {"engine": "sandbox", "account_tasks": "1000000", "account_watches": "1000000"}
TASK = "/v2/openapi/task"
BODY = json.dumps({"type": "generate_image", "prompt": "a lighthouse on a cliff at dusk, soft light"}).encode()
CHANGES_PER_SECOND = 20
CHANGES_OF_A_TASK = 2
"""It is queued, and it is cancelled: there is no worker whose time would be counted, too."""


@dataclass(frozen=True, slots=True)
class Size:
    pages: int
    idle_s: float
    changing_s: float


FULL = Size(pages=2000, idle_s=10, changing_s=20)
SHORT = Size(pages=20, idle_s=0.5, changing_s=1)


@dataclass(frozen=True, slots=True)
class Person:
    key: str
    cookie: str


def figures(size: Size) -> list[Figure]:
    with limner(SETTINGS, "--api-only") as server:
        people = asyncio.run(_people(server.data, size.pages))
        return uvloop.run(_measure(server, people, size))


async def _people(data: Path, many: int) -> Sequence[Person]:
    """Accounts with a key and a session each."""
    store, clock = open_store(f"{SQLITE}{data / 'limner.db'}"), SystemClock()
    digest = HashKey((data / "secret").read_bytes())
    accounts, sign_in, people = ManageAccounts(store, clock, digest), SignIn(store, clock, digest), []
    try:
        for number in range(many):
            name = f"person-{number}"
            await accounts.create(name, 100_000, None)
            made = await accounts.create_key(name, "bench", ("generate", "read"))
            signed = await sign_in.by_key(made.key)
            people.append(Person(made.secret, f"limner_session={signed.token}"))
    finally:
        await store.close()
    return people


async def _measure(server: Server, people: Sequence[Person], size: Size) -> list[Figure]:
    before_mib = server.now_mib()
    pages = [await sockets.connect(server.port, "/studio/live", each.cookie) for each in people]
    await asyncio.gather(*(page.opened.wait() for page in pages))
    memory_mib = server.now_mib() - before_mib
    before_s = server.cpu_s()
    await asyncio.sleep(size.idle_s)
    idle = (server.cpu_s() - before_s) / size.idle_s
    before_s, loop = server.cpu_s(), asyncio.get_running_loop()
    began, turns = loop.time(), round(size.changing_s * CHANGES_PER_SECOND / CHANGES_OF_A_TASK)
    running = []
    for turn in range(turns):
        at = turn * 7 % len(people)
        running.append(asyncio.create_task(_one_task(server, people[at], pages[at])))
        await asyncio.sleep(max(0.0, began + (turn + 1) * CHANGES_OF_A_TASK / CHANGES_PER_SECOND - loop.time()))
    await asyncio.gather(*running)
    took_s = loop.time() - began
    busy = (server.cpu_s() - before_s) / took_s
    for page in pages:
        page.transport.close()
    return [
        Figure("pages_memory", memory_mib * 1024 / size.pages, "KiB/page"),
        Figure("pages_idle_cpu", idle * 100, "%"),
        Figure("pages_changes", turns * CHANGES_OF_A_TASK / took_s, "changes/s"),
        Figure("pages_changing_cpu", busy * 100, "%"),
    ]


async def _one_task(server: Server, person: Person, page: sockets.Socket) -> None:
    """A program makes a task and cancels it; the page of its account draws the card at each change."""
    seen = len(page.came)
    task = (await _asked(server, load.request("POST", TASK, key=person.key, body=BODY)))["data"]["task_id"]
    await page.frames(seen + 1)
    await _drawn(server, person, task)
    await _asked(server, load.request("POST", f"{TASK}/{task}/cancel", key=person.key))
    await page.frames(seen + 2)
    await _drawn(server, person, task)


async def _drawn(server: Server, person: Person, task: str) -> None:
    """What a page asks for when a task has changed: its card, and the balance."""
    headers = f"Cookie: {person.cookie}\r\nhx-request: true\r\n"
    for path in (f"/studio/tasks/cards?ids={task}", "/studio/now"):
        status, _ = await load.ask(server.port, load.request("GET", path, headers=headers))
        assert status == 200, status


async def _asked(server: Server, wire: bytes) -> dict[str, dict[str, str]]:
    status, body = await load.ask(server.port, wire)
    assert status == 200, body
    answer: dict[str, dict[str, str]] = json.loads(body)
    return answer
