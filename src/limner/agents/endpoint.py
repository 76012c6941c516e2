"""`/mcp`: MCP over streamable HTTP, a route of the API's application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from limner.agents.in_process import InProcessTransport
from limner.agents.in_process_client import InProcessClient
from limner.agents.inline_pictures import with_uploads
from limner.agents.json_request import body_of, with_body
from limner.agents.references import HOW
from limner.agents.server import agent_server
from limner.agents.tools import AgentContext, AgentSession
from limner.api.http.authentication import Authentication, authorization_of
from limner.api.http.bodies.json_body import LARGE_BODY
from limner.api.http.load_shedding import BODY_MEMORY, LEAVES_SLOT
from limner.api.http.middleware import LARGEST_JSON
from limner.api.tripo.error_table import headers_of, refusal_sentence, status_of
from limner.api.v2.errors import ERRORS
from limner.domain.refusal import Code, Refusal
from limner_client import AsyncLimnerClient


class AgentEndpoint:
    """The ASGI application of the route, stateless: any process answers any request, also after a restart.

    Calls carry the request's key and go through the whole of `app`, with its limits and checks. It runs while `app`
    does.
    """

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication
        self.app: ASGIApp | None = None
        server = agent_server(self._session)
        # Of the application that this makes only the session manager is used: the routes and the checks are ours.
        server.streamable_http_app(
            stateless_http=True,
            max_request_body_size=LARGEST_JSON,
            session_idle_timeout=None,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._manager = server.session_manager

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self._manager.run():
            yield

    @staticmethod
    def answer(_scope: Scope, refusal: Refusal) -> Response:
        """A request that is refused before the SDK sees it."""
        headers = headers_of(refusal)
        if refusal.code is Code.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse({"error": refusal_sentence(refusal)}, status_of(refusal, ERRORS[refusal.code]), headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises `Refusal`: without a good key before anything of the body is read."""
        request = Request(scope)
        await self._authentication.find_key(request, authorization_of(request), "read")
        body = await body_of(scope, receive)
        scope[LEAVES_SLOT]()
        if body is not None:
            body = await with_uploads(body, self._client(scope))
            if len(body) <= LARGE_BODY:
                scope[BODY_MEMORY].release()
            scope, receive = with_body(scope, receive, body)
        await self._manager.handle_request(scope, receive, send)

    def _session(self, ctx: AgentContext) -> AgentSession:
        request = ctx.request_context.request
        assert request is not None  # noqa: S101 - calls come over HTTP here
        return AgentSession(self._client(request.scope), _no_files)

    def _client(self, scope: Scope) -> AsyncLimnerClient:
        """A client of the API within this process, with the request's key."""
        assert self.app is not None  # noqa: S101 - requests come through it
        key = (authorization_of(Request(scope)) or "").partition(" ")[2].strip()
        return InProcessClient(key, InProcessTransport(self.app, scope))


async def _no_files(name: str) -> NoReturn:
    raise ToolError(f"{name!r} is no picture that this server can read: paths are for `limner mcp`. {HOW}.")
