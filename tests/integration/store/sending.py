"""A house with webhooks: a receiver, verbs for the owner, and senders that take the steps a test wants."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from limner.application.read import TaskView
from limner.application.webhooks.deliver import Deliver, DeliveryLimits
from limner.application.webhooks.manage import CreatedWebhook, DeliveryHistory, ManageWebhooks
from limner.application.webhooks.signing import SigningSecret
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId, WebhookId
from limner.domain.tasks.task import Ending
from limner.domain.webhook import DeliveryState
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_http import GuardedWebhookHttp
from limner.worker.running_tasks import RunningTasks
from limner.worker.signals import LocalSignals
from limner.worker.webhook_sender import WebhookSender
from receivers import Receiver, receiving
from stores import DRAWN, REQUEST, House

SECRET = SigningSecret(b"the server's own secret")


@dataclass
class Post:
    """A house whose tasks are told. It is today there, for the published library looks at the clock."""

    house: House
    key: Key
    receiver: Receiver
    post: GuardedWebhookHttp
    dead: set[str] = field(default_factory=set)
    limits: DeliveryLimits = field(default_factory=DeliveryLimits)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def webhooks(self) -> ManageWebhooks:
        return ManageWebhooks(self.house.store, self.post, SECRET, self.house.clock)

    def sender(self, name: str | None = None) -> WebhookSender:
        """A worker's sender, each of another process."""
        owner = name or f"sender-{next(self._numbers)}"
        house = self.house
        deliver = Deliver(house.store, self.post, SECRET, described, house.clock, owner, self.limits)
        return WebhookSender(house.store, deliver, LocalSignals(RunningTasks()), house.clock, self.dead.__contains__)

    async def adds(self, path: str = "/hook", *events: str, key: Key | None = None) -> CreatedWebhook:
        return await self.webhooks.add((key or self.key).account, self.receiver.url(path), events)

    async def ends(self, ending: Ending = DRAWN, key: Key | None = None, **wishes: Any) -> TaskId:
        """A task from its creation to its end."""
        task = await self.house.sends(key or self.key, **wishes)
        await self.house.claims()
        assert await self.house.settles(task, ending)
        return task

    async def asks(self, url: str) -> TaskId:
        """Submit a task that brings its own address."""
        submit = replace(self.house.submit, check_webhook=self.post.check)
        return (await submit(self.key, replace(REQUEST, webhook_url=url))).task

    async def sends(self, sender: WebhookSender | None = None) -> None:
        """Send all that is due now, and wait for what comes of it."""
        sender = sender or self.sender()
        while await sender.beat():
            await sender.settled()

    async def stories(self, webhook: WebhookId) -> list[DeliveryHistory]:
        return list(await self.webhooks.deliveries(None, webhook, limit=1000))

    async def story(self, webhook: WebhookId) -> DeliveryHistory:
        (story,) = await self.stories(webhook)
        return story

    async def states(self, webhook: WebhookId) -> list[DeliveryState]:
        return [story.delivery.state for story in await self.stories(webhook)]


async def dies(sender: WebhookSender) -> None:
    """Leave everything as it lies, as a process does that is killed."""
    works = [work for _, work in sender._sending.values()]
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


def described(seen: TaskView, tag: str, _now_ms: int) -> Mapping[str, Any]:
    return {"task_id": seen.task.id, "status": seen.task.status, "tag": tag}


@asynccontextmanager
async def posting(house: House, allow: str = "127.0.0.1", timeout_s: float = 30) -> AsyncIterator[Post]:
    house.clock.ms = time.time_ns() // 1_000_000
    async with receiving() as receiver:
        post = GuardedWebhookHttp(FetchAllow.parse(allow), timeout_s)
        yield Post(house, await house.opens(limit=1000), receiver, post)
        await post.close()
