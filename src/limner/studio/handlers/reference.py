"""The API reference, a page for each call: for everybody at `/docs`; in the Studio with a form that tries it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.public_path import PUBLIC_PATH
from limner.domain.refusal import Code, Refusal
from limner.studio.page import Pages
from limner.studio.reference.outline import ApiCall, CallGroup
from limner.studio.reference.try_out import TryOut
from limner.studio.session import form_of, root_of, session_of


@dataclass(frozen=True, slots=True)
class ReferencePages:
    groups: Sequence[CallGroup]
    try_out: TryOut
    pages: Pages

    async def public(self, request: Request) -> Response:
        """The list of all calls, or the page of one."""
        shown = self._shown(request, f"{request.scope.get(PUBLIC_PATH, '')}/docs")
        return self.pages.bare(request, "reference", 200, tries=False, **shown)

    async def page(self, request: Request) -> Response:
        """The same for a session."""
        return await self.pages.page(
            request, "reference", tries=True, **self._shown(request, f"{root_of(request)}/docs")
        )

    async def run(self, request: Request) -> Response:
        """Run one call with the session's key; the answer as JSON: status, headers, text."""
        form, session = await form_of(request), session_of(request)
        method, target = str(form.get("method", "GET")), str(form.get("target", ""))
        tried = await self.try_out(request, session, method, target, str(form.get("body", "")).encode())
        return Response(orjson.dumps(tried), media_type="application/json")

    def _shown(self, request: Request, base: str) -> dict[str, Any]:
        wanted = request.path_params.get("call")
        return {"groups": self.groups, "base": base, "call": self._call(wanted) if wanted else None}

    def _call(self, wanted: str) -> ApiCall:
        found = next((call for group in self.groups for call in group.calls if call.id == wanted), None)
        if found is None:
            raise Refusal(Code.ROUTE_NOT_FOUND, "the API has no such call", suggestion="Choose one in its reference.")
        return found
