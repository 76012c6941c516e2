import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from limner.domain.refusal import Code, Refusal
from limner.intake.image_intake import ImageIntake
from limner.intake.limits import ImageLimits
from limner.outbound.allowlist import FetchAllow
from limner.outbound.limits import FetchLimits
from unit.http_servers import Handler, sending, serving
from unit.intake.pictures import encoded, scene

PICTURE = encoded(scene((600, 400)), "PNG") + bytes(700_000)


class Names(AbstractResolver):
    """A name server of the test's own: each name has its addresses, one list for each time it is asked."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answers = self.names.get(host.partition(".")[0])
        if answers is None:
            raise OSError("no such name")
        return [self._row(host, address, port) for address in answers[min(len(self.asked), len(answers)) - 1]]

    def _row(self, host: str, address: str, port: int) -> ResolveResult:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return ResolveResult(
            hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
        )

    async def close(self) -> None:
        pass


@asynccontextmanager
async def open_intake(
    allow: str = "127.0.0.1",
    *,
    names: Names | None = None,
    limits: ImageLimits | None = None,
    fetch: FetchLimits | None = None,
) -> AsyncIterator[ImageIntake]:
    intake = ImageIntake(FetchAllow.parse(allow), limits or ImageLimits(), fetch or FetchLimits(), names)
    try:
        yield intake
    finally:
        await intake.close()


async def refused(intake: ImageIntake, url: object, target: Path) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await intake.fetch(str(url), target)
    assert not there(target)
    return caught.value


def there(path: Path) -> bool:
    return path.exists()


def taken(path: Path) -> bytes:
    """The file's bytes; the file is gone."""
    data = path.read_bytes()
    path.unlink()
    return data


async def picture(_: web.Request) -> web.StreamResponse:
    return web.Response(body=PICTURE, content_type="text/plain")


def redirecting(*targets: str) -> Handler:
    """Each path /n leads to the n-th target; any other path is the picture."""

    async def handle(request: web.Request) -> web.StreamResponse:
        step = request.match_info["path"]
        if not step.isdigit():
            return await picture(request)
        return web.Response(status=302, headers={"Location": targets[int(step)]})

    return handle


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "fetched"


async def test_a_file_arrives_whole(target: Path) -> None:
    async with serving(picture) as server, open_intake() as intake:
        await intake.fetch(str(server.make_url("/cat.png")), target)

    assert taken(target) == PICTURE


async def test_an_empty_answer_is_an_empty_file(target: Path) -> None:
    async def nothing(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"")

    async with serving(nothing) as server, open_intake() as intake:
        await intake.fetch(str(server.make_url("/")), target)

    assert taken(target) == b""


async def test_nothing_of_ours_is_sent_along(target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login us password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    seen: list[dict[str, str]] = []

    async def cookie(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        answer = await redirecting("/end")(request)
        answer.set_cookie("session", "tracked")
        return answer

    async with serving(cookie) as server, open_intake() as intake:
        await intake.fetch(str(server.make_url("/0")), target)

    assert len(seen) == 2
    assert all(set(headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"} for headers in seen)
    assert seen[1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [204, 206, 400, 401, 403, 404, 410, 500, 503])
async def test_any_answer_but_200_is_2019_and_named(status: int, target: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with serving(answer) as server, open_intake() as intake:
        refusal = await refused(intake, server.make_url("/"), target)

    assert refusal.code is Code.FILE_NOT_FOUND
    assert f"answered {status}" in refusal.reason


async def test_up_to_three_redirects_are_followed(target: Path) -> None:
    async with serving(redirecting("/1", "2", "/end", "/0")) as server, open_intake() as intake:
        await intake.fetch(str(server.make_url("/0")), target)
        assert taken(target) == PICTURE

        refusal = await refused(intake, server.make_url("/3"), target)

    assert refusal.code is Code.FILE_NOT_FOUND
    assert "redirects more than 3 times" in refusal.reason


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://169.254.169.254/latest/meta-data/", "not public"),
        ("//169.254.169.254/", "not public"),
        ("http://[::ffff:a9fe:a9fe]/", "not public"),
        ("http://2852039166/", "not public"),
        ("http://localhost:1/", "not public"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("ftp://example.com/", "scheme 'ftp'"),
        ("http://me:secret@example.com/", "user name"),
        ("http://[", "cannot be read"),
        ("http://inside.test/", "does not resolve to a public address"),
        ("http://nowhere.test/", "does not resolve"),
        ("", "is not given"),
    ],
)
async def test_a_redirect_is_judged_like_the_first_address(location: str, words: str, target: Path) -> None:
    names = Names(inside=[["10.0.0.1"]], start=[["127.0.0.1"]])
    async with serving(redirecting(location)) as server, open_intake("start.test", names=names) as intake:
        refusal = await refused(intake, f"http://start.test:{server.port}/0", target)

    assert refusal.code is Code.FILE_NOT_FOUND
    assert words in refusal.reason


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1", "10.0.0.2", "192.168.0.1"],
        ["::1"],
        ["::1", "127.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["0.0.0.0"],
        ["169.254.169.254"],
        ["100.64.0.1"],
    ],
)
async def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(
    addresses: list[str], target: Path
) -> None:
    dialled: list[str] = []

    async def recorded(request: web.Request) -> web.StreamResponse:
        dialled.append(request.path)
        return await picture(request)

    async with serving(recorded) as server, open_intake("", names=Names(evil=[addresses])) as intake:
        refusal = await refused(intake, f"http://evil.test:{server.port}/", target)

    assert refusal.code is Code.FILE_NOT_FOUND
    assert "'evil.test' does not resolve to a public address" in refusal.reason
    assert not any(address in refusal.reason for address in addresses)
    assert dialled == []


async def test_dns_rebinding_is_refused(target: Path) -> None:
    names = Names(evil=[["127.0.0.1"], ["127.0.0.1"]])
    intake_url = "http://evil.test:{}/"
    async with serving(picture) as server, open_intake("", names=names) as intake:
        url = intake_url.format(server.port)
        intake.check_url(url)  # resolves nothing, so there is no answer that could change

        assert names.asked == []
        assert (await refused(intake, url, target)).code is Code.FILE_NOT_FOUND
        assert names.asked == ["evil.test"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://2130706433/", "http://localhost/", "http://[::1]/"])
async def test_private_literals_are_2019_when_fetched_too(url: str, target: Path) -> None:
    async with open_intake("") as intake:
        assert (await refused(intake, url, target)).code is Code.FILE_NOT_FOUND


@pytest.mark.parametrize("url", ["ftp://example.com/", "nonsense", "http://user:secret@example.com/"])
async def test_bad_syntax_is_2019_at_execution(url: str, target: Path) -> None:
    async with open_intake() as intake:
        assert (await refused(intake, url, target)).code is Code.FILE_NOT_FOUND


async def test_the_list_is_exact_about_ports(target: Path) -> None:
    async with serving(picture) as server, open_intake(f"127.0.0.1:{server.port}") as intake:
        await intake.fetch(str(server.make_url("/")), target)
        assert taken(target) == PICTURE

    async with serving(picture) as server, open_intake(f"127.0.0.1:{(server.port or 0) + 1}") as intake:
        assert (await refused(intake, server.make_url("/"), target)).code is Code.FILE_NOT_FOUND


async def test_a_listed_name_may_lead_inside(target: Path) -> None:
    names = Names(intranet=[["127.0.0.1"]])
    async with serving(picture) as server, open_intake("intranet.test", names=names) as intake:
        await intake.fetch(f"http://intranet.test:{server.port}/", target)

    assert taken(target) == PICTURE


async def test_a_declared_length_over_the_limit_is_2022_at_once(target: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20971521\r\n\r\nabc"
    async with sending(answer, hang=True) as base, open_intake() as intake:
        refusal = await refused(intake, f"{base}/", target)

    assert refusal.code is Code.IMAGE_TOO_LARGE
    assert "20 MB" in refusal.suggestion


async def test_an_endless_stream_is_cut_at_the_limit(target: Path) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(64 * 1024))
            sent += 64 * 1024

    async with serving(endless) as server, open_intake() as intake:
        refusal = await refused(intake, server.make_url("/"), target)

    assert refusal.code is Code.IMAGE_TOO_LARGE
    assert sent < 40 * 1024 * 1024


async def test_exactly_the_limit_is_taken(target: Path) -> None:
    async with serving(picture) as server, open_intake(limits=ImageLimits(max_bytes=len(PICTURE))) as intake:
        await intake.fetch(str(server.make_url("/")), target)
        assert taken(target) == PICTURE

    async with serving(picture) as server, open_intake(limits=ImageLimits(max_bytes=len(PICTURE) - 1)) as intake:
        assert (await refused(intake, server.make_url("/"), target)).code is Code.IMAGE_TOO_LARGE


async def test_an_answer_shorter_than_declared_is_2019(target: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"
    async with sending(answer) as base, open_intake() as intake:
        refusal = await refused(intake, f"{base}/", target)

    assert "ended prematurely" in refusal.reason


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 200"]
)
async def test_what_is_not_http_is_2019(answer: bytes, target: Path) -> None:
    async with sending(answer) as base, open_intake() as intake:
        assert (await refused(intake, f"{base}/", target)).code is Code.FILE_NOT_FOUND


async def test_a_refused_connection_is_2019(target: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        async with open_intake() as intake:
            refusal = await refused(intake, url, target)

    assert "no connection" in refusal.reason


async def test_a_gzip_bomb_is_never_unpacked(target: Path) -> None:
    bomb = gzip.compress(bytes(50_000_000))

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with serving(answer) as server, open_intake() as intake:
        refusal = await refused(intake, server.make_url("/"), target)

    assert refusal.code is Code.FILE_NOT_FOUND
    assert "'gzip'" in refusal.reason


@pytest.mark.parametrize("encoding", ["aws-chunked", "identity", "aws-chunked, identity", "none"])
async def test_an_encoding_that_is_no_compression_is_taken(encoding: str, target: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"plain", headers={"Content-Encoding": encoding})

    async with serving(answer) as server, open_intake() as intake:
        await intake.fetch(str(server.make_url("/")), target)

    assert await asyncio.to_thread(target.read_bytes) == b"plain"


async def test_a_compression_among_several_encodings_is_refused(target: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"", headers={"Content-Encoding": "aws-chunked, gzip"})

    async with serving(answer) as server, open_intake() as intake:
        refusal = await refused(intake, server.make_url("/"), target)

    assert "'gzip'" in refusal.reason


@pytest.mark.parametrize("size", [9_000, 60_000])
async def test_a_long_header_is_taken(size: int, target: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"plain", headers={"Content-Security-Policy": "x" * size})

    async with serving(answer) as server, open_intake() as intake:
        await intake.fetch(str(server.make_url("/")), target)

    assert await asyncio.to_thread(target.read_bytes) == b"plain"


async def test_a_missing_response_is_2019(target: Path) -> None:
    async with sending(b"", hang=True) as base, open_intake(fetch=FetchLimits(idle_s=0.1)) as intake:
        refusal = await refused(intake, f"{base}/", target)

    assert "silent for 0.1 s" in refusal.reason


async def test_a_stalled_response_is_2019(target: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"
    async with sending(answer, hang=True) as base, open_intake(fetch=FetchLimits(idle_s=0.1)) as intake:
        refusal = await refused(intake, f"{base}/", target)

    assert "silent for 0.1 s" in refusal.reason


async def test_dripping_forever_is_2019(target: Path) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    async with serving(drip) as server, open_intake(fetch=FetchLimits(total_s=0.3)) as intake:
        refusal = await refused(intake, server.make_url("/"), target)

    assert "longer than 0.3 s" in refusal.reason


async def test_redirects_share_one_time_limit(target: Path) -> None:
    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return web.Response(status=307, headers={"Location": "/again"})

    async with serving(slow) as server, open_intake(fetch=FetchLimits(total_s=0.5)) as intake:
        refusal = await refused(intake, server.make_url("/"), target)

    assert "longer than 0.5 s" in refusal.reason


async def test_a_cancelled_fetch_leaves_no_file(target: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(500_000)
    async with sending(answer, hang=True) as base, open_intake() as intake:
        fetching = asyncio.create_task(intake.fetch(f"{base}/", target))
        while not there(target):  # noqa: ASYNC110 - it is a file that we wait for
            await asyncio.sleep(0.01)

        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    assert not there(target)


async def test_many_fetches_share_an_intake(tmp_path: Path) -> None:
    async with serving(picture) as server, open_intake() as intake:
        url = str(server.make_url("/"))
        await asyncio.gather(*(intake.fetch(url, tmp_path / str(number)) for number in range(20)))

    assert all(taken(tmp_path / str(number)) == PICTURE for number in range(20))


async def test_a_fetch_after_close_opens_new_connections(target: Path) -> None:
    async with serving(picture) as server, open_intake() as intake:
        await intake.fetch(str(server.make_url("/")), target)
        await intake.close()
        await intake.fetch(str(server.make_url("/")), target)

    assert taken(target) == PICTURE
