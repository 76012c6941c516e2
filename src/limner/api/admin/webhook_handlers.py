"""Webhooks and deliveries of all accounts."""

from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from limner.api.admin.handlers import account_id, actor, note, success
from limner.api.http.bodies.json_body import parse
from limner.api.service_container import OperatorServices
from limner.api.webhooks.shape import created_body, delivery_body, history_body, webhook_body
from limner.api.webhooks.wire import read_new, read_query, read_rotation
from limner.application.webhooks.manage import ManageWebhooks
from limner.domain.ids import DeliveryId, WebhookId


@dataclass(frozen=True, slots=True)
class WebhookAdmin:
    """The calls of `/v1/webhooks`, for the webhook of any account."""

    services: OperatorServices

    async def list(self, request: Request) -> Response:
        owner = await account_id(self.services, request.path_params["name"])
        found = await self.services.webhooks.of(owner)
        return success({"rows": [webhook_body(each) for each in found], "next": None})

    async def add(self, request: Request) -> Response:
        new, _ = await parse(request, read_new)
        owner = await account_id(self.services, request.path_params["name"])
        return success(created_body(await self._manage(request).add(owner, new.url, new.events, new.description)))

    async def remove(self, request: Request) -> Response:
        return success(webhook_body(await self._manage(request).remove(None, _webhook(request))))

    async def enable(self, request: Request) -> Response:
        return success(webhook_body(await self._manage(request).enable(None, _webhook(request))))

    async def rotate(self, request: Request) -> Response:
        rotation, _ = await parse(request, read_rotation)
        return success(
            created_body(await self._manage(request).rotate(None, _webhook(request), rotation.overlap_hours))
        )

    async def test(self, request: Request) -> Response:
        delivery = await self._manage(request).test(None, _webhook(request))
        await note(self.services, request, "webhook.test", delivery.webhook, {"delivery": delivery.id})
        return success(delivery_body(delivery))

    async def deliveries(self, request: Request) -> Response:
        asked = read_query(request)
        found = await self.services.webhooks.deliveries(None, _webhook(request), state=asked.state, limit=asked.limit)
        return success({"rows": [history_body(each) for each in found], "next": None})

    async def replay(self, request: Request) -> Response:
        delivery = await self._manage(request).replay(None, DeliveryId(request.path_params["delivery_id"]))
        await note(self.services, request, "webhook.replay", delivery.webhook, {"delivery": delivery.id})
        return success(delivery_body(delivery))

    def _manage(self, request: Request) -> ManageWebhooks:
        return replace(self.services.webhooks, actor=actor(request))


def _webhook(request: Request) -> WebhookId:
    return WebhookId(request.path_params["webhook_id"])
