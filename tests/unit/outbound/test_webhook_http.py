import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from limner.domain.refusal import Code, Refusal
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_client import ANSWER_BYTES
from limner.outbound.webhook_http import GuardedWebhookHttp
from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered
from receivers import Receiver, receiving, until

BODY = b'{"type":"webhook.test"}'


class OneName(AbstractResolver):
    """Every name leads to one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        flags = socket.AI_NUMERICHOST
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=flags)]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def posting(
    allow: str = "127.0.0.1", timeout_s: float = 30, resolver: AbstractResolver | None = None
) -> AsyncIterator[GuardedWebhookHttp]:
    post = GuardedWebhookHttp(FetchAllow.parse(allow), timeout_s, resolver)
    yield post
    await post.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_an_answer_with_a_long_header_is_taken() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=" + b"b" * 9_000 + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server, posting() as post:
        outcome = await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"{}")

    assert isinstance(outcome, WebhookAnswered)
    assert outcome.is_success


# --- what is judged by its looks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no http(s) scheme"),
        ("hooks.example.com", "no http(s) scheme"),
        ("ftp://hooks.example.com/", "scheme 'ftp'"),
        ("http://hooks.example.com/", "not https"),
        ("https://user:word@hooks.example.com/", "user name or password"),
        ("https://hooks.example.com/a b", "blanks"),
        ("https://127.0.0.1/", "'127.0.0.1' is not on the public internet"),
        ("https://localhost/", "not on the public internet"),
        ("https://[::1]/", "not on the public internet"),
        ("https://169.254.169.254/latest/meta-data", "not on the public internet"),
        ("https://0x7f000001/", "not on the public internet"),
        ("https://10.0.0.1/", "not on the public internet"),
        (f"https://hooks.example.com/{'a' * 3000}", "more than 2048"),
    ],
)
def test_an_address_that_may_not_be_is_refused_and_says_why(url: str, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        GuardedWebhookHttp().check(url)

    assert caught.value.code is Code.INVALID
    assert caught.value.field == "url"
    assert words in caught.value.reason


@pytest.mark.parametrize("url", ["https://hooks.example.com/a?b=c", "https://8.8.8.8/", "https://例え.jp/"])
def test_a_public_https_address_is_taken(url: str) -> None:
    GuardedWebhookHttp().check(url)


def test_a_listed_host_needs_no_https() -> None:
    post = GuardedWebhookHttp(FetchAllow.parse("127.0.0.1:8080, intranet.example"))

    post.check("http://127.0.0.1:8080/hook")
    post.check("http://intranet.example/hook")
    with pytest.raises(Refusal):
        post.check("http://127.0.0.1:8081/hook")


# --- what is sent --------------------------------------------------------------------------------------------------


async def test_a_message_arrives_as_it_was_given(receiver: Receiver) -> None:
    async with posting() as post:
        outcome = await post(receiver.url("/a?b=%2Fc"), {"webhook-id": "msg_1"}, BODY)

    (message,) = receiver.messages
    assert outcome == WebhookAnswered(204)
    assert (message.path, message.body, message.id) == ("/a", BODY, "msg_1")
    assert message.headers["user-agent"].startswith("Limner/")
    assert "cookie" not in message.headers


async def test_a_name_that_leads_to_a_private_address_is_not_dialled(receiver: Receiver) -> None:
    port = receiver.address.rpartition(":")[2]
    async with posting(allow="", resolver=OneName("127.0.0.1")) as post:
        outcome = await post(f"https://hooks.example.com:{port}/", {}, BODY)

    assert isinstance(outcome, WebhookUnanswered)
    assert "does not resolve to a public address" in outcome.error
    assert "127.0.0.1" not in outcome.error
    assert receiver.messages == []


async def test_an_address_that_is_allowed_no_more_gets_nothing(receiver: Receiver) -> None:
    async with posting(allow="") as post:
        outcome = await post(receiver.url(), {}, BODY)

    assert outcome == WebhookUnanswered("the address is not allowed: it is not https, or not public")
    assert receiver.messages == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answers["/hook"] = [web.Response(status=status, headers={"Location": "/elsewhere"})]

    async with posting() as post:
        outcome = await post(receiver.url(), {}, BODY)

    assert isinstance(outcome, WebhookAnswered)
    assert (outcome.status, outcome.is_success) == (status, False)
    assert receiver.at("/elsewhere") == []


async def test_of_an_answer_that_is_no_success_the_beginning_is_kept_as_text(receiver: Receiver) -> None:
    receiver.answers["/hook"] = [web.Response(status=500, body=b"no\0\xff " + b"a" * 1_000_000)]

    async with posting() as post:
        outcome = await post(receiver.url(), {}, BODY)

    assert isinstance(outcome, WebhookAnswered)
    assert outcome.text.startswith("no?\N{REPLACEMENT CHARACTER} aaa")
    assert outcome.text.isprintable()
    assert len(outcome.text) <= ANSWER_BYTES


@pytest.mark.parametrize("size", [9_000, 60_000])
async def test_an_answer_with_a_long_header_is_an_answer(receiver: Receiver, size: int) -> None:
    receiver.answers["/hook"] = [web.Response(headers={"Content-Security-Policy": "x" * size})]

    async with posting() as post:
        outcome = await post(receiver.url(), {}, BODY)

    assert isinstance(outcome, WebhookAnswered)
    assert outcome.is_success


async def test_an_answer_without_end_does_not_hold_us() -> None:
    never = asyncio.Event()
    server = await asyncio.start_server(lambda reader, writer: _drip(reader, writer, never), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async with server, posting() as post:
        outcome = await post(f"http://127.0.0.1:{port}/", {}, BODY)
        never.set()

    assert outcome == WebhookAnswered(503, "busy")


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, never: asyncio.Event) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nbusy")
    await writer.drain()
    await never.wait()
    writer.close()


async def test_a_late_response_is_a_timeout(receiver: Receiver) -> None:
    answer = asyncio.Event()
    receiver.answers["/hook"] = [until(answer)]

    async with posting(timeout_s=0.2) as post:
        outcome = await post(receiver.url(), {}, BODY)
    answer.set()

    assert outcome == WebhookUnanswered("no answer within 0.2 seconds", timed_out=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), (" 7 ", 7), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("²", None)],
)
async def test_retry_after_is_read_where_it_is_a_number(receiver: Receiver, header: str, seconds: int | None) -> None:
    receiver.answers["/hook"] = [web.Response(status=429, headers={"Retry-After": header})]

    async with posting() as post:
        outcome = await post(receiver.url(), {}, BODY)

    assert isinstance(outcome, WebhookAnswered)
    assert outcome.retry_after_s == seconds


async def test_a_refused_connection_has_a_reason() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with posting() as post:
            outcome = await post(f"http://127.0.0.1:{closed.getsockname()[1]}/", {}, BODY)

    assert outcome == WebhookUnanswered("no connection could be made")


async def test_the_systems_own_names_are_looked_up(receiver: Receiver) -> None:
    async with posting(allow="localhost") as post:
        outcome = await post(receiver.url().replace("127.0.0.1", "localhost"), {}, BODY)
        unknown = await post("https://nobody.invalid/", {}, BODY)

    assert outcome == WebhookAnswered(204)
    assert unknown == WebhookUnanswered("its host name does not resolve")
