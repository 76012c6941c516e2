"""A vendor that does nothing but wait: it speaks OpenAI's wire, and its pictures differ in their comment alone.

Run as a program it prints its port. The emulators that ship with Limner check every request and draw every picture;
here only what Limner adds shall be measured.
"""

import asyncio
import base64
import io
import os
import struct
import sys
import zlib
from itertools import count

import orjson
import uvloop
from aiohttp import web
from PIL import Image


class Vendor:
    """Answers after `delay_s` with a picture of about `megabytes`, and remembers how many waited at once."""

    def __init__(self, delay_s: float, megabytes: float) -> None:
        self._delay_s = delay_s
        picture = {"b64_json": base64.b64encode(_without_end(_picture(megabytes))).decode()}
        answer = orjson.dumps({"created": 1, "data": [picture], "output_format": "png"})
        self._head, self._tail = answer[: (end := answer.index(b'"}]'))], answer[end:]
        self._numbers = count()
        self._waiting = self._most = 0

    async def generate(self, request: web.Request) -> web.Response:
        await request.read()
        self._waiting += 1
        self._most = max(self._most, self._waiting)
        await asyncio.sleep(self._delay_s)
        self._waiting -= 1
        end = base64.b64encode(_comment(next(self._numbers)) + _END)
        return web.Response(body=self._head + end + self._tail, content_type="application/json")

    async def most(self, _: web.Request) -> web.Response:
        return web.json_response({"most": self._most})


def _picture(megabytes: float) -> bytes:
    """Noise of a size that no compression makes smaller."""
    side = max(20, int((megabytes * 1_000_000 / 3) ** 0.5))
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG", compress_level=0)
    return file.getvalue()


_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


def _without_end(picture: bytes) -> bytes:
    """The PNG without its last chunk, lengthened by a comment to a size that base64 needs not pad."""
    body = picture.removesuffix(_END)
    return body + _chunk(b"tEXt", b"Comment\0" + b"." * (-(len(body) + 20) % 3))


def _comment(number: int) -> bytes:
    return _chunk(b"tEXt", b"Comment\0%d" % number)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


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
