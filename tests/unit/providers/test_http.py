import asyncio
import base64
import contextlib
import gzip
import json
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from limner.domain.routing.failure import FailureKind
from limner.outbound.allowlist import FetchAllow
from limner.ports.provider import VendorAccount
from limner.ports.tracing import send_on
from limner.providers._http import (
    BadResponse,
    NoResponse,
    Part,
    UntrustedHost,
    VendorHttp,
    VendorResponse,
    aiohttp_client,
    file_as_base64,
    no_response_failure,
    picture_in,
    redacted,
    retry_after_s,
)
from limner.providers._http.origin import Origin
from unit.http_servers import Handler, sending, serving

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2000


@asynccontextmanager
async def vendor(base: object, **options: Any) -> AsyncIterator[VendorHttp]:
    http = VendorHttp(VendorAccount(str(base), "k-secret"), {"Authorization": "Bearer k-secret"}, **options)
    try:
        yield http
    finally:
        await http.close()


def saying(body: Any, status: int = 200, **headers: str) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return handle


async def delivered(_: web.Request) -> web.StreamResponse:
    return web.Response(body=PICTURE, content_type="image/png")


def bytes_of(path: Path | None) -> bytes:
    assert path is not None
    return path.read_bytes()


def taken(path: Path) -> bytes:
    """The file's bytes; the file is gone."""
    data = path.read_bytes()
    path.unlink()
    return data


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/images/edits?a=b", "images/edits?a=b"])
async def test_a_path_is_joined_to_the_base_url_and_requested_with_the_key(path: str) -> None:
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.json_response({"said": await request.json()}, headers={"X-Request-Id": "r1"})

    async with serving(handle) as server, vendor(server.make_url("/v1/")) as http:
        answer = await http.call("POST", path, json={"a": ["é", 1.5, None, {}, [], True]}, timeout_s=60)

    assert seen[0].path_qs == "/v1/images/edits?a=b"
    assert seen[0].headers["Authorization"] == "Bearer k-secret"
    assert "Transfer-Encoding" not in seen[0].headers
    assert answer == VendorResponse(200, answer.headers, {"said": {"a": ["é", 1.5, None, {}, [], True]}}, answer.text)
    assert answer.headers["x-request-ID"] == "r1"
    assert answer.text.startswith('{"said"')


async def test_json_carries_pictures_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PICTURE)
    (tmp_path / "b").write_bytes(b"")
    taken: list[Any] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        taken.append(await request.json())
        return web.json_response({})

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        files = [file_as_base64(tmp_path / "a"), file_as_base64(tmp_path / "b", "data:image/png;base64,")]
        await http.call("POST", "/", json={"images": files, "n": 1}, timeout_s=60)

    assert taken == [{"images": [base64.b64encode(PICTURE).decode(), "data:image/png;base64,"], "n": 1}]


async def test_a_form_carries_text_and_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PICTURE)
    parts: list[tuple[str | None, str | None, str | None, bytes]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        parts.extend(
            [
                (part.name, part.filename, part.headers.get("Content-Type"), await part.read())
                async for part in await request.multipart()
            ]
        )
        return web.json_response({})

    form = [
        Part("prompt", "zwei Zeilen\r\nund é"),
        Part("image[]", tmp_path / "a", "1.png", "image/png"),
        Part("image[]", tmp_path / "a", 'a"b\n.png', "image/png"),
    ]
    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        await http.call("POST", "/", form=form, timeout_s=60)

    assert [part[0] for part in parts] == ["prompt", "image[]", "image[]"]
    assert parts[0][1:] == (None, None, "zwei Zeilen\r\nund é".encode())
    assert parts[1][1:] == ("1.png", "image/png", PICTURE)
    assert parts[2][1] == "a%22b%0A.png"


async def test_a_missing_reference_file_raises(tmp_path: Path) -> None:
    async with serving(saying({})) as server, vendor(server.make_url("/")) as http:
        with pytest.raises(FileNotFoundError):
            await http.call("POST", "/", json=[file_as_base64(tmp_path / "gone")], timeout_s=60)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 301, 307])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.json_response({"error": "no"}, status=status, headers={"Location": "/else"})

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        answer = await http.call("GET", "/here", timeout_s=60)

    assert (answer.status, answer.body, answer.ok) == (status, {"error": "no"}, False)
    assert asked == ["/here"]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"cut": ', b"[" * 100_000, b"\xff\xfe"])
async def test_what_is_no_json_has_no_body(body: bytes, tmp_path: Path) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        plain = await http.call("GET", "/", timeout_s=60)
        spooled = await http.call("GET", "/", workdir=tmp_path, timeout_s=60)

    assert plain.body is spooled.body is None
    assert plain.text == body.decode(errors="replace")[:2048]


async def test_pictures_of_an_answer_are_files_of_the_workdir(tmp_path: Path) -> None:
    body = {"data": [{"b64_json": base64.b64encode(PICTURE).decode()}] * 2, "usage": {"total": 3}}

    async with serving(saying(body)) as server, vendor(server.make_url("/")) as http:
        answer = await http.call("POST", "/", workdir=tmp_path, timeout_s=60)

    first, second = (picture_in(one["b64_json"]) for one in answer.body["data"])
    assert first != second
    assert bytes_of(first) == bytes_of(second) == PICTURE
    assert answer.body["usage"] == {"total": 3}


async def test_small_pictures_stay_in_memory_and_the_folder_is_made_for_a_large_one(tmp_path: Path) -> None:
    folder = tmp_path / "not made yet"
    small, large = b"s" * 9_000, b"l" * 90_000
    async with serving(saying([base64.b64encode(small).decode()])) as server, vendor(server.make_url("/")) as http:
        answer = await http.call("POST", "/", workdir=folder, timeout_s=60)
    assert picture_in(answer.body[0]) == small
    assert not folder.exists()

    both = [base64.b64encode(small).decode(), base64.b64encode(large).decode()]
    async with serving(saying(both)) as server, vendor(server.make_url("/")) as http:
        answer = await http.call("POST", "/", workdir=folder, timeout_s=60)

    assert picture_in(answer.body[0]) == small
    assert bytes_of(picture_in(answer.body[1])) == large
    assert [str(each) for each in folder.iterdir()] == [answer.body[1]["$file"]]


async def test_a_vendor_cannot_point_at_a_file_of_ours(tmp_path: Path) -> None:
    async with serving(saying({"b64_json": {"$file": "/etc/passwd"}})) as server, vendor(server.make_url("/")) as http:
        spooled = await http.call("POST", "/", workdir=tmp_path, timeout_s=60)
        plain = await http.call("POST", "/", timeout_s=60)

    assert spooled.body == plain.body == {"b64_json": None}


async def test_an_event_stream_is_the_list_of_its_events(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        await response.write(b': keep alive\r\n\r\nevent: a\r\ndata: {"type":\r\ndata: "a"}\r\n\r\n')
        await response.write(b'data: {"b64_json": "' + base64.b64encode(PICTURE) + b'"}\n\ndata: [DONE]\n\n')
        return response

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        answer = await http.call("POST", "/", workdir=tmp_path, timeout_s=60)

    assert answer.body[0] == {"type": "a"}
    assert bytes_of(picture_in(answer.body[1]["b64_json"])) == PICTURE
    assert len(answer.body) == 2


async def test_an_unrequested_compression_is_decompressed() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        assert (await http.call("GET", "/", timeout_s=60)).body == {"a": 1}


async def test_text_is_capped_and_of_an_error_the_beginning_is_kept(tmp_path: Path) -> None:
    body = ["x y"] * 400_000
    async with serving(saying(body)) as server, vendor(server.make_url("/")) as http:
        with pytest.raises(BadResponse, match="holds more than"):
            await http.call("GET", "/", timeout_s=60)
        with pytest.raises(BadResponse, match="besides pictures"):
            await http.call("GET", "/", workdir=tmp_path, timeout_s=60)

    async with serving(saying(body, 502)) as server, vendor(server.make_url("/")) as http:
        answer = await http.call("GET", "/", workdir=tmp_path, timeout_s=60)

    assert (answer.status, answer.body, len(answer.text)) == (502, None, 2048)


async def test_pictures_are_capped_at_64_mib_and_leave_nothing(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"a": "')
        for _ in range(90):
            await response.write(b"A" * 1024 * 1024)
        return response

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        with pytest.raises(BadResponse, match="more picture bytes"):
            await http.call("GET", "/", workdir=tmp_path, timeout_s=60)

    assert names_in(tmp_path) == []


async def test_bytes_stream_both_ways(tmp_path: Path) -> None:
    """A picture of 24 MB goes out and comes back: in memory there is never a sixth of it."""
    sent = tmp_path / "sent"
    sent.write_bytes(bytes(24_000_000))
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", ECHO_SERVER, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        port = int(await server.stdout.readline())
        async with vendor(f"http://127.0.0.1:{port}") as http:
            await http.call("POST", "/", json=[], workdir=tmp_path, timeout_s=60)
            tracemalloc.start()
            answer = await http.call("POST", "/", json=[file_as_base64(sent)], workdir=tmp_path, timeout_s=60)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    finally:
        server.kill()
        await server.wait()

    assert bytes_of(picture_in(answer.body[0])) == bytes(24_000_000)
    assert peak < 4_000_000


ECHO_SERVER = """
import asyncio

async def echo(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\\r\\n")[0])
    body = await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\n")
    writer.write(b"Content-Length: %d\\r\\n\\r\\n" % length)
    writer.write(body)
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0, limit=2**27)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


# --- the key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1",
        "https://api.vendor.example.evil.example/",
        "https://notpolls.example/",
        "http://polls.example/",
        "http://api.vendor.example/",
        "https://api.vendor.example:8443/",
        "https://key@polls.example/",
        "https://polls.example@evil.example/",
        "https://evil.example#@polls.example/",
        "https://evil.example\\@polls.example/",
        "HTTPS://EVIL.example/",
        "ftp://polls.example/",
        "file:///etc/passwd",
        "https://",
        "https://[",
        "https:///polls.example/",
    ],
)
async def test_the_key_is_never_sent_to_a_foreign_host(url: str) -> None:
    async with vendor("https://api.vendor.example/v1", key_hosts=("polls.example",)) as http:
        with pytest.raises(UntrustedHost):
            await http.call("GET", url, timeout_s=60)


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        ("https://api.vendor.example/other?sig=%2F%3d", "https://api.vendor.example/other?sig=%2F%3d"),
        ("https://polls.example/x", "https://polls.example/x"),
        ("https://us1.POLLS.example:444/x", "https://us1.polls.example:444/x"),
        ("//evil.example/x", "https://api.vendor.example/v1/evil.example/x"),
        ("models/a%2Fb:generateContent", "https://api.vendor.example/v1/models/a%2Fb:generateContent"),
        ("x?next=https://evil.example", "https://api.vendor.example/v1/x?next=https://evil.example"),
    ],
)
def test_the_vendors_own_hosts_may_see_the_key(url: str, sent_to: str) -> None:
    origin = Origin(URL("https://api.vendor.example/v1"), ("polls.example",))

    assert str(origin.keyed(url)) == sent_to


def test_a_plain_base_shares_the_key_with_hosts_named_exactly() -> None:
    origin = Origin(URL("http://10.0.0.5:8080/mj"), ("polls.example",))

    assert str(origin.keyed("http://10.0.0.5:9090/mj")) == "http://10.0.0.5:9090/mj"
    assert str(origin.keyed("http://polls.example/")) == "http://polls.example/"
    for url in ("http://us1.polls.example/", "http://10.0.0.6:8080/", "http://localhost:8080/"):
        with pytest.raises(UntrustedHost):
            origin.keyed(url)


async def test_nothing_of_ours_goes_along_but_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login us password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    seen: list[dict[str, str]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        answer = await delivered(request)
        answer.set_cookie("session", "tracked")
        return answer

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        await http.call("GET", "/", workdir=tmp_path, timeout_s=60)
        await http.download(str(server.make_url("/x")), tmp_path / "picture", timeout_s=60)

    assert set(seen[0]) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Authorization"}
    assert set(seen[1]) - {"Connection"} == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert "k-secret" not in str(seen[1])


def test_the_client_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, limner.providers._http; sys.exit('aiohttp' in sys.modules or 'yarl' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- no answer --------------------------------------------------------------------------------------------------------


async def test_a_refused_connection_means_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with vendor(f"http://127.0.0.1:{unused.getsockname()[1]}") as http:
            with pytest.raises(NoResponse, match="no connection") as caught:
                await http.call("POST", "/", json={}, timeout_s=60)

    assert not caught.value.sent
    assert no_response_failure("the vendor", caught.value).kind is FailureKind.TRANSIENT


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "closed the connection"),
        (b"garbage\r\n\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "ended prematurely"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n{"a": "' + b"A" * 70_000, "ended prematurely"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "ended prematurely"),
    ],
)
async def test_a_call_that_breaks_off_may_have_done_the_work(said: bytes, words: str, tmp_path: Path) -> None:
    async with sending(said) as base, vendor(base) as http:
        with pytest.raises(NoResponse, match=words) as caught:
            await http.call("POST", "/", json={}, workdir=tmp_path, timeout_s=60)

    assert caught.value.sent
    assert no_response_failure("the vendor", caught.value).kind is FailureKind.UNKNOWN_OUTCOME
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"])
async def test_a_silent_vendor_times_out(said: bytes, tmp_path: Path) -> None:
    async with sending(said, hang=True) as base, vendor(base) as http:
        with pytest.raises(NoResponse, match=r"within 0\.2 s") as caught:
            await http.call("POST", "/", json={}, workdir=tmp_path, timeout_s=0.2)

    assert caught.value.sent


async def test_a_cancelled_call_leaves_no_file(tmp_path: Path) -> None:
    said = b'HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n{"a": "' + b"A" * 700_000
    async with sending(said, hang=True) as base, vendor(base) as http:
        call = asyncio.create_task(http.call("POST", "/", json={}, workdir=tmp_path, timeout_s=30))
        while not names_in(tmp_path):  # noqa: ASYNC110 - a file is seen by looking
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert names_in(tmp_path) == []


async def peers_of(handle: Handler, methods: Sequence[str]) -> list[tuple[str, Any]]:
    """The method and the client's address of each request that arrived. Calls that fail are gone over."""
    peers: list[tuple[str, Any]] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append((request.method, request.transport.get_extra_info("peername")))
        return await handle(request)

    async with serving(noted) as server, vendor(server.make_url("/")) as http:
        for method in methods:
            with contextlib.suppress(NoResponse):
                await http.call(method, "/", timeout_s=60)
    return peers


async def test_purchases_within_a_second_share_a_connection_that_no_poll_uses() -> None:
    peers = await peers_of(saying({}), ["GET", "GET", "POST", "POST"])

    assert len({peer for method, peer in peers if method == "GET"}) == 1
    assert len({peer for method, peer in peers if method == "POST"}) == 1
    assert len({peer for _, peer in peers}) == 2


async def test_a_connection_that_is_not_new_is_not_used_for_a_purchase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_client, "_PURCHASE_KEEP_ALIVE_S", 0)

    peers = await peers_of(saying({}), ["POST", "POST"])

    assert len({peer for _, peer in peers}) == 2


async def test_each_purchase_opens_a_connection_at_a_vendor_where_a_kept_one_broke() -> None:
    seen = count()

    async def breaks_the_second(request: web.Request) -> web.StreamResponse:
        if next(seen) == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({})

    peers = await peers_of(breaks_the_second, ["POST"] * 5)

    assert len(peers) == 5, "a purchase that broke was sent again"
    assert peers[0] == peers[1]
    assert len({peer for _, peer in peers[1:]}) == 4


# --- deliveries -------------------------------------------------------------------------------------------------------


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "picture"


async def test_a_delivery_is_fetched_byte_for_byte(target: Path) -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.raw_path)
        return await delivered(request)

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        url = f"{server.make_url('/')}a%2fb?sig=A%2FB%3d"
        answer = await http.download(url, target, timeout_s=60)

    assert (answer.status, bytes_of(target)) == (200, PICTURE)
    assert asked == ["/a%2fb?sig=A%2FB%3d"]


@pytest.mark.parametrize("status", [204, 403, 404, 410, 500])
async def test_any_status_but_200_is_an_answer_without_a_file(status: int, target: Path) -> None:
    async with serving(saying({"message": "expired"}, status)) as server, vendor(server.make_url("/")) as http:
        answer = await http.download(str(server.make_url("/")), target, timeout_s=60)

    assert answer.status == status
    assert names_in(target.parent) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "nonsense",
        "",
        "https://me:secret@cdn.example/",
        "https://[",
    ],
)
async def test_a_public_vendor_delivers_over_https(url: str, target: Path) -> None:
    async with serving(delivered) as server, vendor("https://1.1.1.1/v1") as http:
        with pytest.raises(BadResponse, match="delivery address"):
            await http.download(url.format(port=server.port), target, timeout_s=60)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0"])
async def test_a_public_vendor_delivers_from_public_addresses(host: str, target: Path) -> None:
    async with serving(delivered) as server, vendor("https://1.1.1.1/v1") as http:
        with pytest.raises(BadResponse, match=r"not public|cannot be used"):
            await http.download(f"https://{host}:{server.port}/", target, timeout_s=60)


async def test_a_plain_public_vendor_is_judged_by_address_too(target: Path) -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await delivered(request)

    async with serving(handle) as server, vendor("http://1.1.1.1/v1") as http:
        with pytest.raises(BadResponse, match="not public"):
            await http.download(str(server.make_url("/")), target, timeout_s=60)

    assert asked == []


@asynccontextmanager
async def lenient(listed: str, base: str = "https://1.1.1.1/v1") -> AsyncIterator[VendorHttp]:
    """A public vendor, and the hosts that its operator lists besides."""
    account = VendorAccount(base, "k-secret", allows=FetchAllow.parse(listed).permits)
    http = VendorHttp(account, {"Authorization": "Bearer k-secret"})
    try:
        yield http
    finally:
        await http.close()


@pytest.mark.parametrize(
    ("listed", "host"),
    [
        ("127.0.0.1:{port}", "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("cdn.example, localhost", "localhost"),
        ("localhost:{port}", "LOCALHOST"),
    ],
)
async def test_a_public_vendor_delivers_from_a_host_that_is_listed(listed: str, host: str, target: Path) -> None:
    keys: list[str | None] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        keys.append(request.headers.get("Authorization"))
        return await delivered(request)

    async with serving(handle) as server, lenient(listed.format(port=server.port)) as http:
        answer = await http.download(f"http://{host}:{server.port}/", target, timeout_s=60)

    assert (answer.status, bytes_of(target)) == (200, PICTURE)
    assert keys == [None]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("listed", ["127.0.0.1:1", "10.0.0.0/8", "localhost", "127.0.0.1.example"])
async def test_what_is_not_listed_stays_closed(listed: str, scheme: str, target: Path) -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await delivered(request)

    async with serving(handle) as server, lenient(listed) as http:
        with pytest.raises(BadResponse, match="delivery address that is not"):
            await http.download(f"{scheme}://127.0.0.1:{server.port}/", target, timeout_s=60)

    assert asked == []


async def test_a_network_is_listed_for_the_names_that_lead_there_too(target: Path) -> None:
    async with serving(delivered) as server, lenient("127.0.0.0/8, ::1", "http://1.1.1.1/v1") as http:
        answer = await http.download(f"http://localhost:{server.port}/", target, timeout_s=60)

    assert (answer.status, bytes_of(target)) == (200, PICTURE)


async def test_a_listed_host_leads_no_further_than_the_list(target: Path) -> None:
    async with serving(redirecting("http://127.0.0.2:1/inside", "/end")) as server, lenient("127.0.0.1") as http:
        with pytest.raises(BadResponse, match="delivery address that is not"):
            await http.download(str(server.make_url("/0")), target, timeout_s=60)
        answer = await http.download(str(server.make_url("/1")), target, timeout_s=60)

    assert (answer.status, bytes_of(target)) == (200, PICTURE)


async def test_the_list_lets_no_key_out() -> None:
    async with serving(saying({})) as server, lenient("127.0.0.1, localhost") as http:
        with pytest.raises(UntrustedHost):
            await http.call("GET", str(server.make_url("/")), timeout_s=60)


def redirecting(*locations: str) -> Handler:
    """Each path /n leads to the n-th location; any other path is the picture."""

    async def handle(request: web.Request) -> web.StreamResponse:
        step = request.match_info["path"]
        if not step.isdigit():
            return await delivered(request)
        return web.Response(status=302, headers={"Location": locations[int(step)]})

    return handle


async def test_up_to_three_redirects_are_followed(target: Path) -> None:
    async with serving(redirecting("/1", "2", "/end", "/0")) as server, vendor(server.make_url("/")) as http:
        await http.download(str(server.make_url("/0")), target, timeout_s=60)
        assert bytes_of(target) == PICTURE

        with pytest.raises(BadResponse, match="more than 3 times"):
            await http.download(str(server.make_url("/3")), target, timeout_s=60)


@pytest.mark.parametrize(
    "location", ["ftp://example.com/", "file:///etc/passwd", "http://me:pw@127.0.0.1/", "http://["]
)
async def test_a_redirect_is_judged_like_the_first_address(location: str, target: Path) -> None:
    async with serving(redirecting(location)) as server, vendor(server.make_url("/")) as http:
        with pytest.raises(BadResponse, match="address"):
            await http.download(str(server.make_url("/0")), target, timeout_s=60)


@pytest.mark.parametrize("encoding", ["aws-chunked", "identity", "AWS-Chunked, identity", "none", "utf-8", ""])
async def test_a_delivery_with_an_encoding_that_is_no_compression_is_taken(encoding: str, target: Path) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=PICTURE, content_type="image/png", headers={"Content-Encoding": encoding})

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        answer = await http.download(str(server.make_url("/")), target, timeout_s=60)

    assert answer.status == 200
    assert taken(target) == PICTURE


@pytest.mark.parametrize("encoding", ["gzip", "X-GZIP", "br", "zstd", "deflate", "compress", "aws-chunked, gzip"])
async def test_a_compressed_delivery_is_refused(encoding: str, target: Path) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"", content_type="image/png", headers={"Content-Encoding": encoding})

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        with pytest.raises(BadResponse, match="compressed"):
            await http.download(str(server.make_url("/")), target, timeout_s=60)


@pytest.mark.parametrize("size", [9_000, 60_000])
async def test_a_long_header_is_taken(size: int, target: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": "x" * size}
        if request.path == "/picture":
            return web.Response(body=PICTURE, content_type="image/png", headers=headers)
        return web.json_response({"a": 1}, headers=headers)

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        asked = await http.call("GET", "/", timeout_s=60)
        bought = await http.call("POST", "/", json={}, timeout_s=60)
        fetched = await http.download(str(server.make_url("/picture")), target, timeout_s=60)

    assert (asked.body, bought.body, fetched.status) == ({"a": 1}, {"a": 1}, 200)
    assert taken(target) == PICTURE


@pytest.mark.parametrize("kind", ["text/html", "application/json", "video/mp4"])
async def test_what_is_no_picture_is_refused(kind: str, target: Path) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=PICTURE, content_type=kind)

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        with pytest.raises(BadResponse, match=kind):
            await http.download(str(server.make_url("/")), target, timeout_s=60)


@pytest.mark.parametrize("kind", ["image/webp", "application/octet-stream", "binary/octet-stream"])
async def test_pictures_come_under_several_names(kind: str, target: Path) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=PICTURE, content_type=kind)

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        await http.download(str(server.make_url("/")), target, timeout_s=60)

    assert bytes_of(target) == PICTURE


@pytest.mark.parametrize("declared", [True, False])
async def test_a_delivery_is_capped(target: Path, *, declared: bool) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if declared:
            return await delivered(request)
        response = web.StreamResponse(headers={"Content-Type": "image/png"})
        await response.prepare(request)
        await response.write(PICTURE)
        return response

    async with serving(handle) as server, vendor(server.make_url("/")) as http:
        await http.download(str(server.make_url("/")), target, timeout_s=5, max_bytes=len(PICTURE))
        assert taken(target) == PICTURE

        with pytest.raises(BadResponse, match="delivers more than"):
            await http.download(str(server.make_url("/")), target, timeout_s=5, max_bytes=len(PICTURE) - 1)

    assert names_in(target.parent) == []


async def test_a_delivery_that_breaks_off_leaves_nothing(target: Path) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc"
    async with sending(said) as base, vendor(base) as http:
        with pytest.raises(NoResponse, match="ended prematurely"):
            await http.download(base, target, timeout_s=60)

    assert names_in(target.parent) == []


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After-Ms": "1500", "Retry-After": "9"}, None, 1.5),
        ({"Retry-After": "9"}, {"retry_after": 3}, 9.0),
        ({"Retry-After": "-9"}, None, 0.0),
        ({"Date": "Tue, 24 Nov 2026 06:00:00 GMT", "Retry-After": "Tue, 24 Nov 2026 06:01:30 GMT"}, None, 90.0),
        ({"Retry-After": "Tue, 24 Nov 2020 06:01:30 GMT"}, None, 0.0),
        ({"Retry-After": "soon"}, {"retry_after": "2.5"}, 2.5),
        ({"Retry-After": "nan"}, {"error": {"retry_after": 4}}, 4.0),
        ({}, {"error": {"details": [{"@type": "x"}, {"retryDelay": "14.5s"}]}}, 14.5),
        ({}, {"error": {"message": "Limit 5, Used 5. Please try again in 12s."}}, 12.0),
        ({}, {"error": {"message": "Please try again in 250ms."}}, 0.25),
        ({}, {"error": {"message": "Please try again in 6m0s."}}, 360.0),
        ({}, {"error": {"message": "Please try again in 1h2m3.5s."}}, 3723.5),
        ({}, {"error": {"message": "Please retry in 2 minutes."}}, 120.0),
        ({}, {"detail": "Request was throttled. Expected available in 5 seconds."}, 5.0),
        ({}, {"error": {"message": "Please try again in a while."}}, None),
        ({}, {"error": "Retry after 7 s"}, 7.0),
        ({}, {"error": {"message": "no"}, "retry_after": True}, None),
        ({}, None, None),
    ],
)
def test_a_wait_is_found_in_every_form(headers: dict[str, str], body: Any, seconds: float | None) -> None:
    assert retry_after_s(VendorResponse(429, headers, body, json.dumps(body))) == seconds


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Incorrect API key provided: sk-proj-ab12****wxyz.", "Incorrect API key provided: […]"),
        ("your hidden key k-secret was\nrefused\x00", "your hidden key […] was refused"),
        ("See https://vendor.example/help?u=1 for more", "See […] for more"),
        ("in organization org-AbCdEf123456 on images", "in organization […] on images"),
        ("x" * 400, "x" * 299 + "…"),
        (None, ""),
        ({"a": 1}, ""),
    ],
)
def test_vendors_messages_are_passed_on_without_secrets(words: object, shown: str) -> None:
    assert redacted(words, "k-secret") == shown


async def test_the_trace_goes_on_with_a_call_and_not_with_a_download(tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.headers.get("traceparent"))
        return web.Response(body=PICTURE, content_type="image/png")

    async with serving(note) as server:
        http = VendorHttp(VendorAccount(str(server.make_url("")), "k"), {})
        await http.call("POST", "/", timeout_s=5)
        send_on({"traceparent": "00-1-2-01"})
        await http.call("POST", "/", timeout_s=5)
        await http.download(str(server.make_url("/picture")), tmp_path / "picture", timeout_s=5)
        await http.close()

    assert seen == [None, "00-1-2-01", None]
