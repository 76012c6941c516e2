"""A client that submits tasks with idempotency keys, retries, polls to the end, and downloads the pictures."""

import asyncio
import base64
import io
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from PIL import Image

from crash.chaos.plan import MODELS, WITH_PICTURES, Plan
from limner.providers.sandbox import card
from limner_vendors import read_bands

FINAL = frozenset({"success", "failed", "banned", "expired", "cancelled"})
SEVERAL = 0.15
"""The share of tasks that are to make three pictures."""

RETRIED = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(slots=True)
class ClientRecord:
    """What a client saw of one task. `prompt_sha12` is read from the colour bands of the picture it downloaded.

    `links` is how many pictures it was given of a task of several. The times are of a monotonic clock; 0 is never.
    """

    number: int
    prompt: str
    model: str
    task: str = ""
    status: str = ""
    consumed: int = 0
    prompt_sha12: str = ""
    links: int = 0
    sent_s: float = 0.0
    accepted_s: float = 0.0
    ended_s: float = 0.0
    violations: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Clients:
    """All clients of a run. `on_event` is called after each accepted and each ended task.

    `wanted` says whether the task of a number is to be sent: by default, so many as the plan has.
    """

    plan: Plan
    url: str
    key: str
    on_event: Callable[[], None]
    retries: Counter[str] = field(default_factory=Counter)
    client_records: list[ClientRecord] = field(default_factory=list)
    wanted: Callable[[int], bool] | None = None

    async def __call__(self) -> None:
        """Run all tasks from submit to end."""
        numbers = itertools.takewhile(self.wanted or self.plan.tasks.__gt__, itertools.count())
        timeout = aiohttp.ClientTimeout(total=20)
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector, headers=headers) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(min(self.plan.clients, self.plan.tasks)):
                group.create_task(self._run_tasks(session, numbers))

    async def _run_tasks(self, session: aiohttp.ClientSession, numbers: Any) -> None:
        for number in numbers:
            rng = random.Random(f"{self.plan.seed} {number}")
            record = ClientRecord(number, f"task {number:06d} of run {self.plan.seed}: a fox at night", _model(rng))
            self.client_records.append(record)
            await self._run_task(session, record, rng)

    async def _run_task(self, session: aiohttp.ClientSession, record: ClientRecord, rng: random.Random) -> None:
        body = _body(record, rng)
        record.sent_s = time.monotonic()
        await self._submit(session, record, body)
        record.accepted_s = time.monotonic()
        if rng.random() < 0.05:
            first, record.task = record.task, ""
            await self._submit(session, record, body)
            if record.task != first:
                record.violations.append(f"a repeated request returned {record.task} instead of {first}")
        self.on_event()
        if rng.random() < 0.04:
            await asyncio.sleep(rng.uniform(0, 1.5))
            await self._call(session, "POST", f"/v2/openapi/task/{record.task}/cancel")
        seen = await self._wait_for_end(session, record)
        record.ended_s = time.monotonic()
        record.status, record.consumed = seen["status"], seen["consumed_credit"]
        if record.status == "success":
            record.prompt_sha12 = await self._fetch(session, record, seen)
        self.on_event()

    async def _submit(self, session: aiohttp.ClientSession, record: ClientRecord, body: Mapping[str, Any]) -> None:
        once = {"Idempotency-Key": f"chaos-{self.plan.seed}-{record.number}"}
        answer = await self._call(session, "POST", "/v2/openapi/task", json=body, headers=once)
        record.task = answer["task_id"]

    async def _wait_for_end(self, session: aiohttp.ClientSession, record: ClientRecord) -> dict[str, Any]:
        while True:
            seen = await self._call(session, "GET", f"/v2/openapi/task/{record.task}")
            if seen["status"] in FINAL:
                return seen
            await asyncio.sleep(0.5)

    async def _fetch(self, session: aiohttp.ClientSession, record: ClientRecord, seen: Mapping[str, Any]) -> str:
        for link in seen["output"].get("generated_images", ()):
            record.links += 1
            await self._download(session, link)
        data = await self._download(session, seen["output"]["generated_image"])
        try:
            return await asyncio.to_thread(_prompt_hash_in, data)
        except (OSError, SyntaxError, ValueError) as error:
            record.violations.append(f"{len(data)} bytes are not a picture: {error}")
            return ""

    async def _download(self, session: aiohttp.ClientSession, link: str) -> bytes:
        for tries in itertools.count():
            try:
                async with session.get(link) as answer:
                    if answer.status == 200:
                        return await answer.read()
                    self.retries[f"HTTP {answer.status} for a picture"] += 1
                    if answer.status < 500:
                        raise RuntimeError(f"{link} answered {answer.status}: {await answer.text()}")
            except RETRIED as error:
                self.retries[type(error).__name__] += 1
            await _pause(tries)
        raise AssertionError("unreachable")

    async def _call(self, session: aiohttp.ClientSession, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Repeat a call until it is answered, and return its data."""
        for tries in itertools.count():
            try:
                async with session.request(method, self.url + path, **more) as answer:
                    # A proxy before the API has pages of its own for its errors.
                    said = {} if answer.status >= 500 else await answer.json(content_type=None)
                if answer.status == 200:
                    data: dict[str, Any] = said["data"]
                    return data
                self.retries[f"HTTP {answer.status}"] += 1
                if answer.status < 500 and answer.status not in {409, 429}:  # a twin that is still being answered
                    raise RuntimeError(f"{method} {path} answered {answer.status}: {said}")
            except RETRIED as error:
                self.retries[type(error).__name__] += 1
            await _pause(tries)
        raise AssertionError("unreachable")


async def _pause(tries: int) -> None:
    await asyncio.sleep(random.uniform(0.1, 1) * min(2, 0.1 * 2**tries))


def _model(rng: random.Random) -> str:
    return rng.choice(list(MODELS))


def _body(record: ClientRecord, rng: random.Random) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "generate_image", "prompt": record.prompt, "model_version": record.model}
    if record.model in WITH_PICTURES and rng.random() < 0.2:
        picture = card(f"reference {rng.randrange(20)}")
        body["file"] = {"type": "png", "data": base64.b64encode(picture).decode()}
    if rng.random() < SEVERAL:
        body["n"] = 3
    return body


def _prompt_hash_in(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return read_bands(picture).prompt_sha12
