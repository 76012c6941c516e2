"""The receiver of the webhooks: it checks each message, forgets none, and is out of order now and then."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(slots=True)
class Hooks:
    """`heard` are the messages taken by their id: the task and its status, as often as they came."""

    chance: random.Random
    secret: str = ""
    address: str = ""
    heard: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    refused: set[str] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Host and port, as an operator allows them."""
        return self.address.split("/")[2]

    async def take(self, request: web.Request) -> web.Response:
        name = request.headers.get("webhook-id", "")
        try:
            said: Any = Webhook(self.secret).verify(await request.read(), dict(request.headers))
        except WebhookVerificationError as error:
            self.wrongs.append(f"message {name!r} is not genuine: {error}")
            return web.Response(status=400)
        if name not in self.refused and self.chance.random() < 0.1:
            self.refused.add(name)
            return web.Response(status=503)
        self.heard[name].append((said["data"]["task_id"], said["data"]["status"]))
        return web.Response(status=204)


@asynccontextmanager
async def hooks(seed: int) -> AsyncIterator[Hooks]:
    made = Hooks(random.Random(seed))
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.address = "http://{}:{}/hook".format(*runner.addresses[0])
        yield made
    finally:
        await runner.cleanup()
