"""A webhook receiver that verifies and stores each message, and answers 503 to some."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(slots=True)
class WebhookReceiver:
    """`messages` maps each message id to the task and status of every request that was accepted."""

    chance: random.Random
    secret: str = ""
    address: str = ""
    messages: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    refused: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Host and port for `LIMNER_FETCH_ALLOW`."""
        return self.address.split("/")[2]

    async def take(self, request: web.Request) -> web.Response:
        name = request.headers.get("webhook-id", "")
        try:
            said: Any = Webhook(self.secret).verify(await request.read(), dict(request.headers))
        except WebhookVerificationError as error:
            self.violations.append(f"message {name!r} has a bad signature: {error}")
            return web.Response(status=400)
        if name not in self.refused and self.chance.random() < 0.1:
            self.refused.add(name)
            return web.Response(status=503)
        self.messages[name].append((said["data"]["task_id"], said["data"]["status"]))
        return web.Response(status=204)


@asynccontextmanager
async def webhook_receiver(seed: int, host: str = "127.0.0.1") -> AsyncIterator[WebhookReceiver]:
    receiver = WebhookReceiver(random.Random(seed))
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0)
        await site.start()
        receiver.address = "http://{}:{}/hook".format(*runner.addresses[0])
        yield receiver
    finally:
        await runner.cleanup()
