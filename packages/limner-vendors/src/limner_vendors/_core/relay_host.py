"""Images that an emulator serves by link, as relays of synchronous APIs do."""

import secrets

from aiohttp import web


class RelayHost:
    """Keeps images in memory and serves them below `root`, until the emulator ends."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._images: dict[str, tuple[bytes, str]] = {}

    def offer(self, image: bytes, media_type: str) -> str:
        """A link to the image."""
        name = secrets.token_hex(8)
        self._images[name] = (image, media_type)
        return f"{self._root}/relayed/{name}"

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/relayed/{name}", self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        image, media_type = self._images[request.match_info["name"]]
        return web.Response(body=image, content_type=media_type)
