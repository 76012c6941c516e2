"""Word lists, the log of refusals, and answers to appeals."""

from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from limner.api.admin.handlers import actor, body, query, success
from limner.api.admin.wire import AdminAnswer, AdminRefusals, AdminWords
from limner.api.service_container import OperatorServices
from limner.application.moderation.appeals import ManageModeration, facts_for_operators


@dataclass(frozen=True, slots=True)
class ModerationAdmin:
    services: OperatorServices

    async def words(self, request: Request) -> Response:
        name = request.path_params["name"]
        return success({"name": name, "words": await self.services.moderation.words(name)})

    async def set_words(self, request: Request) -> Response:
        sent, name = await body(request, AdminWords), request.path_params["name"]
        return success({"name": name, "words": await self._moderation(request).set_words(name, sent.words)})

    async def log(self, request: Request) -> Response:
        asked = query(request, AdminRefusals)
        found = await self.services.moderation.log(open_appeals=asked.appeals)
        return success({"rows": [facts_for_operators(each) for each in found], "next": None})

    async def answer(self, request: Request) -> Response:
        sent, refusal = await body(request, AdminAnswer), request.path_params["refusal_id"]
        return success(facts_for_operators(await self._moderation(request).answer(refusal, sent.decision, sent.text)))

    def _moderation(self, request: Request) -> ManageModeration:
        return replace(self.services.moderation, actor=actor(request))
