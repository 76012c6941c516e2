"""`/` leads to the Studio."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.http.operation import Operation
from limner.api.http.public_path import PUBLIC_PATH


def operations(pages: str) -> list[Operation]:
    """`pages` is the path of the web pages."""

    async def home(request: Request) -> Response:
        return RedirectResponse(request.scope.get(PUBLIC_PATH, "") + pages, 307)

    described = {"responses": {"307": {"description": "To the Studio"}}}
    return [Operation("GET", "/", home, "documents", "Go to the Studio", described)]
