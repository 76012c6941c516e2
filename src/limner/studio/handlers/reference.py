"""The API reference: for everybody at `/docs`, and in the Studio with a form that tries a call out."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.studio.page import Pages
from limner.studio.reference.outline import CallGroup
from limner.studio.reference.try_out import TryOut
from limner.studio.session import form_of, session_of


@dataclass(frozen=True, slots=True)
class ReferencePages:
    groups: Sequence[CallGroup]
    try_out: TryOut
    pages: Pages

    async def public(self, request: Request) -> Response:
        return self.pages.bare(request, "reference", 200, groups=self.groups, tries=False)

    async def page(self, request: Request) -> Response:
        return await self.pages.page(request, "reference", groups=self.groups, tries=True)

    async def run(self, request: Request) -> Response:
        """Run one call with the session's key; the answer as JSON: status, headers, text."""
        form, session = await form_of(request), session_of(request)
        method, target = str(form.get("method", "GET")), str(form.get("target", ""))
        tried = await self.try_out(request, session, method, target, str(form.get("body", "")).encode())
        return Response(orjson.dumps(tried), media_type="application/json")
