"""The yardstick for held calls: an aiohttp server that passes a request on to the vendor and its answer back.

Run as a program, with the vendor's port, it prints its own.
"""

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web

_HOP_BY_HOP = {"transfer-encoding", "connection", "date", "server"}


async def main(port: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=600)) as session:

        async def relay(request: web.Request) -> web.StreamResponse:
            url, headers = f"http://127.0.0.1:{port}{request.path}", {"Content-Type": request.content_type}
            async with session.post(url, data=await request.read(), headers=headers) as answer:
                passed = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
                response = web.StreamResponse(status=answer.status, headers=passed)
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                return response

        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([web.post("/v1/images/generations", relay)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
