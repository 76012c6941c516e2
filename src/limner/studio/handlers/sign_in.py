"""Signing in by a one-time link or by a key, and signing out."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.http.authentication import Authentication
from limner.application.accounts.sign_in import SignIn
from limner.domain.refusal import Refusal
from limner.studio.page import Pages
from limner.studio.session import forget, remember, root_of, same_origin, session_of

MAX_KEY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class SignInHandlers:
    sign_in: SignIn
    authentication: Authentication
    pages: Pages

    async def show(self, request: Request) -> Response:
        return await self._form(request)

    async def by_key(self, request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=5)
        key, to = str(form.get("key", ""))[:MAX_KEY_LENGTH].strip(), str(form.get("to", ""))
        if not same_origin(request):  # a form of another site must not sign this browser in to another account
            return await self._form(request, status=403, problem="this form came from another page", to=to)
        try:
            found = await self.authentication.find_key(request, f"Bearer {key}", "read")
        except Refusal as refusal:
            return await self._form(request, status=403, problem=refusal.reason, to=to, wait_s=refusal.retry_after_s)
        response = RedirectResponse(root_of(request) + _inside(to), 303)
        remember(response, request, await self.sign_in.by_key(found), stay="stay" in form)
        return response

    async def by_link(self, request: Request) -> Response:
        if request.method == "HEAD":  # previews of links must not use one up
            return Response()
        try:
            signed = await self.sign_in.by_link(request.path_params["token"], _browser(request))
        except Refusal as refusal:
            return await self._form(request, status=403, link_problem=refusal.reason)
        response = RedirectResponse(root_of(request), 303)
        remember(response, request, signed)
        return response

    async def sign_out(self, request: Request) -> Response:
        await self.sign_in.end(session_of(request).token)
        response = RedirectResponse(f"{root_of(request)}/sign-in", 303)
        forget(response, request)
        return response

    async def _form(self, request: Request, status: int = 200, **shown: Any) -> Response:
        """The page, with `problem` or `link_problem` where one is to be shown."""
        values = {"problem": "", "link_problem": "", "wait_s": None, "to": request.query_params.get("to", "")}
        host = request.headers.get("host", "")
        return await self.pages.page(request, "sign_in", status, **(values | {"host": host} | shown))


def _inside(to: str) -> str:
    """A path of the Studio to go on to; anything else leads to its first page."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and "\n" not in to else ""


def _browser(request: Request) -> str:
    """A name for the key of a session: which browser it is, as far as it says so."""
    agent = request.headers.get("user-agent", "")
    known = ("Firefox", "Edg", "OPR", "Chrome", "Safari")
    name = next((each for each in known if each in agent), "")
    titles = {"Edg": "Edge", "OPR": "Opera"}
    return f"Studio, {titles.get(name, name)}" if name else "Studio"
