"""A service with webhooks: a receiver, the use cases of an owner, and senders that a test steps by hand."""

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
from stores import REQUEST, SUCCEEDED, ServiceHarness

SECRET = SigningSecret(b"the server's own secret")


@dataclass
class WebhookHarness:
    """A service with webhooks. Its clock shows the current time, because the published library checks timestamps."""

    service: ServiceHarness
    key: Key
    receiver: Receiver
    http: GuardedWebhookHttp
    dead: set[str] = field(default_factory=set)
    limits: DeliveryLimits = field(default_factory=DeliveryLimits)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def manage(self) -> ManageWebhooks:
        return ManageWebhooks(self.service.store, self.http, SECRET, self.service.clock)

    def sender(self, name: str | None = None) -> WebhookSender:
        """A worker's sender, each of another process."""
        owner = name or f"sender-{next(self._numbers)}"
        service = self.service
        deliver = Deliver(service.store, self.http, SECRET, describe_task, service.clock, owner, self.limits)
        return WebhookSender(
            service.store, deliver, LocalSignals(RunningTasks()), service.clock, self.dead.__contains__
        )

    async def add(self, path: str = "/hook", *events: str, key: Key | None = None) -> CreatedWebhook:
        return await self.manage.add((key or self.key).account, self.receiver.url(path), events)

    async def run_task(self, ending: Ending = SUCCEEDED, key: Key | None = None, **fields: Any) -> TaskId:
        """A task from its creation to its end."""
        task = await self.service.submit_task(key or self.key, **fields)
        await self.service.claim_tasks()
        assert await self.service.settle_task(task, ending)
        return task

    async def submit_with_url(self, url: str) -> TaskId:
        """Submit a task that brings its own address."""
        plan = replace(self.service.plan, check_webhook=self.http.check)
        submit = replace(self.service.submit, plan=plan)
        return (await submit(self.key, replace(REQUEST, webhook_url=url))).task

    async def send_due(self, sender: WebhookSender | None = None) -> None:
        """Send all that is due now, and wait for what comes of it."""
        sender = sender or self.sender()
        while await sender.send_due():
            await sender.wait_idle()

    async def histories(self, webhook: WebhookId) -> list[DeliveryHistory]:
        return list(await self.manage.deliveries(None, webhook, limit=1000))

    async def history(self, webhook: WebhookId) -> DeliveryHistory:
        (history,) = await self.histories(webhook)
        return history

    async def states(self, webhook: WebhookId) -> list[DeliveryState]:
        return [history.delivery.state for history in await self.histories(webhook)]


async def kill_sender(sender: WebhookSender) -> None:
    """Leave everything as it lies, as a process does that is killed."""
    works = [work for _, work in sender._sending.values()]
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


def describe_task(seen: TaskView, tag: str, _now_ms: int) -> Mapping[str, Any]:
    return {"task_id": seen.task.id, "status": seen.task.status, "tag": tag}


@asynccontextmanager
async def webhook_harness(
    service: ServiceHarness, allow: str = "127.0.0.1", timeout_s: float = 30
) -> AsyncIterator[WebhookHarness]:
    service.clock.ms = time.time_ns() // 1_000_000
    async with receiving() as receiver:
        http = GuardedWebhookHttp(FetchAllow.parse(allow), timeout_s)
        yield WebhookHarness(service, await service.open_account(limit=1000), receiver, http)
        await http.close()
