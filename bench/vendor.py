"""A vendor that does nothing but wait: it speaks OpenAI's wire and always answers with the same picture.

Run as a program it prints its port. The emulators that ship with Limner check every request and draw every picture;
here only what Limner adds shall be measured.
"""

import asyncio
import base64
import io
import os
import sys

import orjson
import uvloop
from aiohttp import web
from PIL import Image


class Vendor:
    """Answers after `delay_s` with a picture of about `megabytes`, and remembers how many waited at once."""

    def __init__(self, delay_s: float, megabytes: float) -> None:
        self._delay_s = delay_s
        picture = {"b64_json": base64.b64encode(_picture(megabytes)).decode()}
        self._answer = orjson.dumps({"created": 1, "data": [picture], "output_format": "png"})
        self._waiting = self._most = 0

    async def generate(self, request: web.Request) -> web.Response:
        await request.read()
        self._waiting += 1
        self._most = max(self._most, self._waiting)
        await asyncio.sleep(self._delay_s)
        self._waiting -= 1
        return web.Response(body=self._answer, content_type="application/json")

    async def most(self, _: web.Request) -> web.Response:
        return web.json_response({"most": self._most})


def _picture(megabytes: float) -> bytes:
    """Noise of a size that no compression makes smaller."""
    side = max(16, int((megabytes * 1_000_000 / 3) ** 0.5))
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG", compress_level=0)
    return file.getvalue()


async def main(delay_s: float, megabytes: float) -> None:
    vendor = Vendor(delay_s, megabytes)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/v1/images/generations", vendor.generate), web.get("/most", vendor.most)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]), float(sys.argv[2])))
