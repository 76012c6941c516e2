"""`/mcp`: MCP over streamable HTTP, in front of the API's application."""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from limner.agents.in_process import InProcessTransport
from limner.agents.json_request import plain_request
from limner.agents.references import HOW
from limner.agents.server import agent_server
from limner.agents.tools import AgentContext, AgentSession
from limner.domain.refusal import Refusal, UnsupportedMedia
from limner_client import AsyncLimnerClient

PATH = "/mcp"
MOST_BODY = 28 * 1024 * 1024
"""Bytes of a request, as for JSON of the API: pictures may stand in it."""
REMEMBERED_S, MOST_REMEMBERED = 30.0, 1000
"""How long a key that was good is let in without being asked for again, and how many such keys."""


class AgentEndpoint:
    """The middleware of `/mcp`, stateless: any process answers any request, also after a restart.

    Calls carry the request's key and go through the application behind, with its limits and checks. Add it with
    `add_middleware(endpoint.middleware)` and run it while the application runs.
    """

    def __init__(self, public_path: str) -> None:
        self._paths = {PATH, f"{PATH}/", f"{public_path}{PATH}", f"{public_path}{PATH}/"}
        self._app: ASGIApp | None = None
        self._good_until_s: dict[bytes, float] = {}
        server = agent_server(self._session)
        # Of the application that this makes only the session manager is used: the routes and the checks are ours.
        server.streamable_http_app(
            stateless_http=True,
            max_request_body_size=MOST_BODY,
            session_idle_timeout=None,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._manager = server.session_manager

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self._manager.run():
            yield

    def middleware(self, app: ASGIApp) -> ASGIApp:
        self._app = app

        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] in self._paths:
                await self._serve(scope, receive, send)
            else:
                await app(scope, receive, send)

        return route

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if refused := await self._refused_key(scope):
            await refused(scope, receive, send)
            return
        try:
            plain, receive = await plain_request(scope, receive, MOST_BODY)
        except Refusal as refusal:
            status = 415 if isinstance(refusal, UnsupportedMedia) else 400
            answer = JSONResponse({"error": f"{refusal.reason}. {refusal.suggestion}"}, status)
            await answer(scope, receive, send)
            return
        await self._manager.handle_request(plain, receive, send)

    async def _refused_key(self, scope: Scope) -> JSONResponse | None:
        """The answer to a request without a good key, before anything of it is read.

        Which keys were good is remembered for a while: what tools call is authenticated each time anyway.
        """
        header, now_s = _key_header(scope), time.monotonic()
        digest = hashlib.sha256(header.get("Authorization", "").encode()).digest()
        if self._good_until_s.get(digest, 0) > now_s:
            return None
        seen = await self._transport(scope).send("GET", "/v2/openapi/user/balance", header, None)
        if seen.status == 200:
            self._good_until_s[digest] = now_s + REMEMBERED_S
            if len(self._good_until_s) > MOST_REMEMBERED:
                del self._good_until_s[next(iter(self._good_until_s))]
            return None
        headers = {name: seen.headers[name] for name in ("retry-after",) if name in seen.headers}
        if seen.status == 401:
            headers["www-authenticate"] = "Bearer"
        return JSONResponse({"error": _told(seen.body)}, seen.status, headers)

    def _session(self, ctx: AgentContext) -> AgentSession:
        request = ctx.request_context.request
        assert request is not None  # noqa: S101 - calls come over HTTP here
        scope: Scope = request.scope
        key = _key_header(scope).get("Authorization", "").partition(" ")[2].strip()
        return AgentSession(AsyncLimnerClient(key=key, transport=self._transport(scope), retries=1), _no_files)

    def _transport(self, scope: Scope) -> InProcessTransport:
        assert self._app is not None  # noqa: S101 - requests come through the middleware
        return InProcessTransport(self._app, scope)


def _key_header(scope: Scope) -> dict[str, str]:
    found = Headers(scope=scope).get("authorization")
    return {"Authorization": found} if found else {}


def _told(body: bytes) -> str:
    return body.decode("utf-8", "replace")[:1000]


async def _no_files(name: str) -> NoReturn:
    raise ToolError(f"{name!r} is no picture that this server can read: paths are for `limner mcp`. {HOW}.")
