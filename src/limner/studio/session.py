"""The session of a request: a cookie that no script can read, and a token that every change must carry."""

import functools
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from limner.api.http.bodies.whole_form import read_whole_form
from limner.api.http.public_path import PUBLIC_PATH
from limner.application.accounts.sign_in import SESSION_LIFE_MS, SignedIn, SignIn
from limner.db.tables.keys import Key
from limner.domain.refusal import Code, Refusal
from limner.ports.acting_account import act_for

COOKIE = "limner_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"

MAX_FILES, MAX_FIELDS = 10, 1000
MAX_TEXT = 64 * 1024
"""Bytes of one field of a form."""

FOR_OPERATORS, OLD_TOKEN = "this is for operators", "the page's token is missing or old"

_SESSION = "limner.studio.session"


@dataclass(frozen=True, slots=True)
class StudioSession:
    """The session of one request. `csrf` is derived from the token, so that nothing more is stored."""

    key: Key
    token: str

    @property
    def csrf(self) -> str:
        return hmac.digest(self.token.encode(), b"csrf", "sha256").hex()

    def may(self, scope: str) -> bool:
        return scope in self.key.scopes


Endpoint = Callable[[Request], Awaitable[Response]]


def root_of(connection: HTTPConnection) -> str:
    """The path of the Studio as the browser sees it."""
    return f"{connection.scope.get(PUBLIC_PATH, '')}/studio"


def session_of(request: Request) -> StudioSession:
    """The session of a request that passed `signed_in`."""
    session: StudioSession = request.scope[_SESSION]
    return session


def has_session(request: Request) -> bool:
    """Whether the request passed `signed_in`."""
    return _SESSION in request.scope


async def find_session(connection: HTTPConnection, sign_in: SignIn) -> StudioSession | None:
    token = connection.cookies.get(COOKIE, "")
    key = await sign_in.key_of(token) if token else None
    if key is None:
        return None
    act_for(key.account)
    return StudioSession(key, token)


def signed_in(sign_in: SignIn, scope: str, endpoint: Endpoint) -> Endpoint:
    """`endpoint` for signed-in browsers whose key has `scope`. Others are sent to the sign-in page."""

    @functools.wraps(endpoint)
    async def guarded(request: Request) -> Response:
        session = await find_session(request, sign_in)
        if session is None:
            return _to_sign_in(request)
        if not session.may(scope):
            raise Refusal(
                Code.FORBIDDEN,
                FOR_OPERATORS if scope == "admin" else f"this is for keys with the scope {scope!r}",
                suggestion="Sign in with such a key.",
            )
        request.scope[_SESSION] = session
        if request.method == "POST":
            await _check_csrf(request, session)
        return await endpoint(request)

    return guarded


def same_origin(connection: HTTPConnection) -> bool:
    """Whether the page that opened this connection is ours: browsers always send Origin with a WebSocket."""
    origin = connection.headers.get("origin", "")
    return origin.partition("://")[2] == connection.headers.get("host", "")


def remember(response: Response, request: Request, signed: SignedIn, *, stay: bool = True) -> None:
    """Set the cookie: for the session's life, or until the browser closes."""
    response.set_cookie(
        COOKIE,
        signed.token,
        max_age=SESSION_LIFE_MS // 1000 if stay else None,
        path=root_of(request),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https",
    )


def forget(response: Response, request: Request) -> None:
    response.delete_cookie(COOKIE, path=root_of(request), httponly=True, samesite="strict")


async def _check_csrf(request: Request, session: StudioSession) -> None:
    """The token comes in a header from scripts, and in a field from plain forms."""
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        given = str((await form_of(request)).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise Refusal(Code.FORBIDDEN, OLD_TOKEN, suggestion="Reload the page and send it again.")


async def form_of(request: Request) -> FormData:
    """The form of a page. Whoever reads it first sets its limits, and that is the check of its token."""
    return await read_whole_form(request, max_files=MAX_FILES, max_fields=MAX_FIELDS, max_text=MAX_TEXT)


def _to_sign_in(request: Request) -> Response:
    """Pages lead to the sign-in page and back; scripts get a 401 that says where it is."""
    where = f"{root_of(request)}/sign-in"
    if request.method == "GET" and "hx-request" not in request.headers:
        path = request.url.path.removeprefix("/studio")
        return RedirectResponse(f"{where}?to={quote(path)}" if path else where, 303)
    return Response("Signed out.", 401, {"HX-Redirect": where}, "text/plain")
