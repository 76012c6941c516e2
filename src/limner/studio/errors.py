"""What the Studio answers when something is refused: a sentence in the page for scripts, else a page."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Scope

from limner.api.tripo.error_table import headers_of, status_of
from limner.api.v2.errors import ERRORS
from limner.domain.refusal import Code, Refusal
from limner.studio.page import Pages
from limner.studio.session import FOR_OPERATORS, OLD_TOKEN
from limner.studio.texts import texts_for

FORBIDDEN, INTERNAL = 403, 500

Answer = Callable[[Scope, Refusal], Response]

_WITHOUT_FIELD = {Code.ROUTE_NOT_FOUND, Code.TASK_NOT_FOUND, Code.FILE_NOT_FOUND}


def refusals(pages: Pages) -> Answer:
    """Answers refused requests under /studio."""

    def answer(scope: Scope, refusal: Refusal) -> Response:
        if scope["type"] == "websocket":  # no page is shown for a handshake
            return PlainTextResponse(refusal.reason, status_of(refusal, ERRORS[refusal.code]))
        request = Request(scope)
        status = status_of(refusal, ERRORS[refusal.code])
        response = _problem(pages, request, refusal, status)
        response.headers.update(headers_of(refusal))
        return response

    return answer


def _problem(pages: Pages, request: Request, refusal: Refusal, status: int) -> HTMLResponse:
    if "hx-request" in request.headers:
        return pages.fragment(request, "problem", status, refusal=refusal)
    missing = refusal.code in _WITHOUT_FIELD
    t = texts_for(request)
    said = {
        FOR_OPERATORS: (t("This is for operators."), t("Sign in with a key that has the scope admin.")),
        OLD_TOKEN: (t("This page's token is missing or old."), t("Reload the page and send it again.")),
    }
    told = {
        "said": said.get(refusal.reason),
        "missing": missing,
        "fault": status == INTERNAL,
        "forbidden": status == FORBIDDEN,
    }
    return pages.bare(request, "error", status, refusal=refusal, **told)
