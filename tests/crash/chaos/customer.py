"""A good client: it asks once and insists, follows what it was promised, and fetches its pictures."""

import asyncio
import base64
import io
import itertools
import random
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
TROUBLE = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(slots=True)
class Story:
    """What a client lived through with one task. `drawn_for` are the digits that the picture's colours spell."""

    number: int
    prompt: str
    model: str
    task: str = ""
    status: str = ""
    consumed: int = 0
    drawn_for: str = ""
    wrongs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Customers:
    """All clients of a run. `told` is called at everything that comes to pass."""

    plan: Plan
    url: str
    key: str
    told: Callable[[], None]
    retries: Counter[str] = field(default_factory=Counter)
    stories: list[Story] = field(default_factory=list)

    async def __call__(self) -> None:
        """All tasks, from their acceptance to their end."""
        numbers = iter(range(self.plan.tasks))
        timeout = aiohttp.ClientTimeout(total=20)
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector, headers=headers) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(min(self.plan.clients, self.plan.tasks)):
                group.create_task(self._one_after_another(session, numbers))

    async def _one_after_another(self, session: aiohttp.ClientSession, numbers: Any) -> None:
        for number in numbers:
            chance = random.Random(f"{self.plan.seed} {number}")
            story = Story(number, f"task {number:06d} of run {self.plan.seed}: a fox at night", _model(chance))
            self.stories.append(story)
            await self._live(session, story, chance)

    async def _live(self, session: aiohttp.ClientSession, story: Story, chance: random.Random) -> None:
        body = _body(story, chance)
        await self._submit(session, story, body)
        if chance.random() < 0.05:
            first, story.task = story.task, ""
            await self._submit(session, story, body)
            if story.task != first:
                story.wrongs.append(f"asked again, and was promised {story.task} instead of {first}")
        self.told()
        if chance.random() < 0.04:
            await asyncio.sleep(chance.uniform(0, 1.5))
            await self._call(session, "POST", f"/v2/openapi/task/{story.task}/cancel")
        seen = await self._end(session, story)
        story.status, story.consumed = seen["status"], seen["consumed_credit"]
        if story.status == "success":
            story.drawn_for = await self._fetch(session, story, seen)
        self.told()

    async def _submit(self, session: aiohttp.ClientSession, story: Story, body: Mapping[str, Any]) -> None:
        once = {"Idempotency-Key": f"chaos-{self.plan.seed}-{story.number}"}
        answer = await self._call(session, "POST", "/v2/openapi/task", json=body, headers=once)
        story.task = answer["task_id"]

    async def _end(self, session: aiohttp.ClientSession, story: Story) -> dict[str, Any]:
        while True:
            seen = await self._call(session, "GET", f"/v2/openapi/task/{story.task}")
            if seen["status"] in FINAL:
                return seen
            await asyncio.sleep(0.5)

    async def _fetch(self, session: aiohttp.ClientSession, story: Story, seen: Mapping[str, Any]) -> str:
        data = await self._download(session, seen["output"]["generated_image"])
        try:
            return await asyncio.to_thread(_spelled, data)
        except (OSError, SyntaxError, ValueError) as error:
            story.wrongs.append(f"{len(data)} bytes are no picture: {error}")
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
            except TROUBLE as error:
                self.retries[type(error).__name__] += 1
            await _pause(tries)
        raise AssertionError("unreachable: it tries for ever")

    async def _call(self, session: aiohttp.ClientSession, method: str, path: str, **more: Any) -> dict[str, Any]:
        """What comes of a call that is repeated until it is answered."""
        for tries in itertools.count():
            try:
                async with session.request(method, self.url + path, **more) as answer:
                    said = await answer.json(content_type=None)
                if answer.status == 200:
                    data: dict[str, Any] = said["data"]
                    return data
                self.retries[f"HTTP {answer.status}"] += 1
                if answer.status < 500 and answer.status != 429:
                    raise RuntimeError(f"{method} {path} answered {answer.status}: {said}")
            except TROUBLE as error:
                self.retries[type(error).__name__] += 1
            await _pause(tries)
        raise AssertionError("unreachable: it tries for ever")


async def _pause(tries: int) -> None:
    await asyncio.sleep(random.uniform(0.1, 1) * min(2, 0.1 * 2**tries))


def _model(chance: random.Random) -> str:
    return chance.choice(list(MODELS))


def _body(story: Story, chance: random.Random) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "generate_image", "prompt": story.prompt, "model_version": story.model}
    if story.model in WITH_PICTURES and chance.random() < 0.2:
        picture = card(f"reference {chance.randrange(20)}")
        body["file"] = {"type": "png", "data": base64.b64encode(picture).decode()}
    return body


def _spelled(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return read_bands(picture).prompt_sha12
