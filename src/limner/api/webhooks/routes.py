"""The routes of webhooks. Errors come in the envelope of v2."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.json_body import parse
from limner.api.http.bodies.success import success
from limner.api.http.operation import Endpoint, Operation
from limner.api.http.rate_limits import RequestRate
from limner.api.service_container import Services
from limner.api.webhooks import openapi
from limner.api.webhooks.shape import created_body, delivery_body, history_body, webhook_body
from limner.api.webhooks.wire import read_new, read_query, read_rotation
from limner.domain.ids import DeliveryId, WebhookId

PREFIX = "/v1/webhooks"

SENDS_PER_SECOND = 5
"""Test messages and replays per account."""

Row = Callable[[str, str, Endpoint, str, Mapping[str, Any]], Operation]


def operations(services: Services) -> list[Operation]:
    """All webhook routes."""
    handle = WebhookHandlers(services)

    def row(scope: str, rate: RequestRate | None = None) -> Row:
        def operation(
            method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]
        ) -> Operation:
            return Operation(method, PREFIX + path, endpoint, "webhooks", summary, described, scope, rate)

        return operation

    reads, changes, sends = (
        row("read"),
        row("webhooks"),
        row("webhooks", RequestRate(SENDS_PER_SECOND, "webhook-sends")),
    )
    one, delivery = "/{webhook_id}", "/deliveries/{delivery_id}"
    return [
        reads("GET", "", handle.list, "List webhooks", openapi.LIST),
        changes("POST", "", handle.add, "Add a webhook and get its secret", openapi.ADD),
        reads("GET", delivery, handle.delivery, "Read a delivery", openapi.DELIVERY),
        sends("POST", f"{delivery}/replay", handle.replay, "Send a delivery again", openapi.REPLAY),
        reads("GET", one, handle.read, "Read a webhook", openapi.READ),
        changes("DELETE", one, handle.remove, "Remove a webhook", openapi.REMOVE),
        changes("POST", f"{one}/rotate", handle.rotate, "Replace a webhook's secret", openapi.ROTATE),
        changes("POST", f"{one}/enable", handle.enable, "Enable a webhook", openapi.ENABLE),
        sends("POST", f"{one}/test", handle.test, "Send a test message to a webhook", openapi.TEST),
        reads("GET", f"{one}/deliveries", handle.deliveries, "List deliveries to a webhook", openapi.DELIVERIES),
    ]


@dataclass(frozen=True, slots=True)
class WebhookHandlers:
    """One method a call of the wire."""

    services: Services

    async def list(self, request: Request) -> Response:
        found = await self.services.webhooks.of(caller(request).account)
        return success({"webhooks": [webhook_body(each) for each in found]})

    async def add(self, request: Request) -> Response:
        new, _ = await parse(request, read_new)
        account = caller(request).account
        created = await self.services.webhooks.add(account, new.url, new.events, new.description)
        return success(created_body(created), {"Cache-Control": "no-store"})

    async def read(self, request: Request) -> Response:
        return success(webhook_body(await self.services.webhooks.get(caller(request).account, _webhook(request))))

    async def remove(self, request: Request) -> Response:
        return success(webhook_body(await self.services.webhooks.remove(caller(request).account, _webhook(request))))

    async def enable(self, request: Request) -> Response:
        return success(webhook_body(await self.services.webhooks.enable(caller(request).account, _webhook(request))))

    async def rotate(self, request: Request) -> Response:
        rotation, _ = await parse(request, read_rotation)
        created = await self.services.webhooks.rotate(
            caller(request).account, _webhook(request), rotation.overlap_hours
        )
        return success(created_body(created), {"Cache-Control": "no-store"})

    async def test(self, request: Request) -> Response:
        return success(delivery_body(await self.services.webhooks.test(caller(request).account, _webhook(request))))

    async def deliveries(self, request: Request) -> Response:
        query = read_query(request)
        found = await self.services.webhooks.deliveries(
            caller(request).account, _webhook(request), state=query.state, limit=query.limit
        )
        return success({"deliveries": [history_body(each) for each in found]})

    async def delivery(self, request: Request) -> Response:
        return success(history_body(await self.services.webhooks.delivery(caller(request).account, _delivery(request))))

    async def replay(self, request: Request) -> Response:
        return success(delivery_body(await self.services.webhooks.replay(caller(request).account, _delivery(request))))


def _webhook(request: Request) -> WebhookId:
    return WebhookId(request.path_params["webhook_id"])


def _delivery(request: Request) -> DeliveryId:
    return DeliveryId(request.path_params["delivery_id"])
