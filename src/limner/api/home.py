"""`/`: what runs here, and where to read on."""

from collections.abc import Iterator
from html import escape

from starlette.requests import Request
from starlette.responses import Response

from limner import __version__
from limner.api.http.html_page import html_page, html_response
from limner.api.http.operation import Operation
from limner.api.service_container import Services


def operations(services: Services) -> list[Operation]:
    async def home(_request: Request) -> Response:
        return html_response(html_page("Limner", _body(services)))

    return [Operation("GET", "/", home, "documents", "What runs here, as an HTML page")]


def _body(services: Services) -> Iterator[str]:
    # Links are relative: behind a proxy the server may stand under a path.
    yield f"<h1>Limner</h1><p>An image-generation service, version {escape(__version__)}. It is running.</p>"
    yield "<p><a href=docs>API reference</a> · <a href=openapi.json>OpenAPI document</a> · "
    yield "<a href=readyz>readiness</a></p>"
    yield "<h2>Models</h2><table><tr><th>model_version</th><th>served by</th><th>credits</th></tr>"
    for name in services.routing.served_models():
        credits_ = services.routing.models[name].credits
        provider = services.routing.served_by(name)
        yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(provider)}</td><td>{credits_}</td></tr>"
    yield "</table><h2>First request</h2><p>Keys are made with <code>limner keys create</code>.</p>"
    yield '<pre>curl -s $URL/v2/openapi/task -H "Authorization: Bearer $KEY" \\\n'
    yield '     -d \'{"type":"generate_image","prompt":"a lighthouse on a cliff at night"}\'</pre>'
