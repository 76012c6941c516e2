"""Serving under a path, such as `https://example.org/images`, behind a reverse proxy."""

from starlette.types import ASGIApp, Receive, Scope, Send

PUBLIC_PATH = "public_path"
"""The path of the public URL in the scope of a request; clients of the S3 API include it in what they sign."""


class PublicPath:
    """Removes the path of the public URL from requests. A proxy may remove it already; both work."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path
        self._raw = path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._path and scope["type"] in {"http", "websocket"}:
            scope = {**scope, PUBLIC_PATH: self._path}
            if f"{scope['path']}/".startswith(f"{self._path}/"):
                scope["path"] = scope["path"].removeprefix(self._path) or "/"
                scope["raw_path"] = scope.get("raw_path", b"").removeprefix(self._raw) or b"/"
        await self._app(scope, receive, send)
