"""An HTTP listener of its own for the metrics, apart from the API. Who can reach it needs no key."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from limner.telemetry.metrics import CONTENT_TYPE

GRACE_S = 1.0


class MetricsListener:
    """`GET /metrics` on an address of its own."""

    def __init__(self, host: str, port: int, page: Callable[[], Awaitable[bytes]]) -> None:
        self._host, self._port, self._page = host, port, page
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S)

    async def start(self) -> None:
        """Listen. Raises `OSError` for an address that cannot be listened on."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    @property
    def port(self) -> int:
        """The port that is listened on, which differs from a given 0."""
        port: int = self._runner.addresses[0][1]
        return port

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._page(), headers={"Content-Type": CONTENT_TYPE})
