"""Vendors behind the operator's proxy: a real CONNECT proxy and a real TLS server on loopback."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from limner.cli.serving.local_tls import local_tls
from limner.ports.provider import VendorAccount
from limner.providers._http import BadResponse, NoResponse
from limner.providers._http.client import VendorHttp

CLIENT = """
import asyncio, sys
from pathlib import Path
from limner.outbound.proxy import OutboundProxy
from limner.ports.provider import VendorAccount
from limner.providers._http.client import VendorHttp

async def main():
    base, proxy, target = sys.argv[1:]
    http = VendorHttp(VendorAccount(base, "k", proxy_for=OutboundProxy(proxy).for_request), {"X-Key": "k"})
    answer = await http.call("POST", "/jobs", json={"prompt": "a cat"}, timeout_s=20)
    delivered = await http.download(base + "/cat.png", Path(target), timeout_s=20)
    await http.close()
    print(answer.status, answer.body["ok"], delivered.status, Path(target).read_bytes().decode())

asyncio.run(main())
"""


@dataclass
class Proxy:
    """A proxy that tunnels CONNECT requests to `port`, or refuses them all."""

    port: int | None
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.splitlines()[0].rpartition(" ")[0])
        if self.port is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def _vendor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if head.startswith("post"):
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        await reader.readexactly(length)
        kind, body = b"application/json", b'{"ok": true}'
    else:
        kind, body = b"image/png", b"pixels"
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\n" % kind)
    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


@asynccontextmanager
async def listening(serve: object, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)  # type: ignore[arg-type]
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_requests_and_downloads_go_through_the_proxy(tmp_path: Path) -> None:
    made = await asyncio.to_thread(local_tls, tmp_path, "127.0.0.1", "https://localhost", datetime.now(UTC))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.cert, made.key)
    async with listening(_vendor, tls) as vendor:
        proxy = Proxy(vendor)
        async with listening(proxy.serve) as port:
            arguments = ["https://localhost:443", f"http://127.0.0.1:{port}", str(tmp_path / "cat.png")]
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", CLIENT, *arguments],
                env={**os.environ, "SSL_CERT_FILE": str(made.authority)},
                capture_output=True,
                text=True,
                check=False,
            )

    assert done.stdout == "200 True 200 pixels\n", done.stderr
    assert proxy.asked == ["CONNECT localhost:443"] * 2


async def test_a_proxy_that_refuses_is_no_purchase(tmp_path: Path) -> None:
    proxy = Proxy(None)
    async with listening(proxy.serve) as port:
        account = VendorAccount("https://api.vendor.example", "k", proxy_for=lambda _url: f"http://127.0.0.1:{port}")
        http = VendorHttp(account, {})
        with pytest.raises(NoResponse, match="proxy refused the connection") as caught:
            await http.call("POST", "/jobs", json={}, timeout_s=20)
        await http.close()

    assert caught.value.sent is False
    assert proxy.asked == ["CONNECT api.vendor.example:443"]


async def test_a_proxy_is_not_asked_for_a_delivery_from_an_inner_address(tmp_path: Path) -> None:
    proxy = Proxy(None)
    async with listening(proxy.serve) as port:
        account = VendorAccount("https://api.vendor.example", "k", proxy_for=lambda _url: f"http://127.0.0.1:{port}")
        http = VendorHttp(account, {})
        with pytest.raises(BadResponse, match="not public"):
            await http.download("https://10.0.0.5/x.png", tmp_path / "x", timeout_s=20)
        await http.close()

    assert proxy.asked == []
