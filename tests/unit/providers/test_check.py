"""What is made of odd answers to a question that costs nothing."""

from typing import Any

import pytest

from limner.ports.provider import ChecksUpstreams, UpstreamCheck, VendorAccount
from limner.providers.gemini import GeminiProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.openai import OpenAiProvider
from unit.providers.fake_vendor import HANG_UP, FakeVendor, Reply, fake_vendor

PAGE = Reply(b"<html>Welcome</html>", headers={"Content-Type": "text/html"})
ELSEWHERE = "HTTP {}, which is not {}'s API: is the base URL right?"


async def checked(adapter: Any, server: FakeVendor, *upstreams: str) -> UpstreamCheck:
    provider = adapter(VendorAccount(server.url, "k-secret-key"))
    assert isinstance(provider, ChecksUpstreams)
    try:
        return await provider.check(upstreams)
    finally:
        await provider.close()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (PAGE, ELSEWHERE.format(200, "OpenAI")),
        (Reply({"data": "none"}), ELSEWHERE.format(200, "OpenAI")),
        (Reply(status=302, headers={"Location": "/login"}), ELSEWHERE.format(302, "OpenAI")),
        (Reply({"detail": "closed"}, 503), "HTTP 503: closed"),
        (Reply({"error": {"message": "Slow down"}}, 429), "HTTP 429: Slow down"),
        (Reply(status=500), "HTTP 500: no message"),
        (HANG_UP, "no answer: it closed the connection"),
        (Reply(b"x" * (1 << 20) + b"y"), "the answer holds more than 1048576 bytes"),
        (
            Reply({"error": {"message": "Incorrect API key provided: k-secret-key."}}, 401),
            "the key is refused: Incorrect API key provided: […].",
        ),
        (
            Reply({"error": {"message": "Missing scopes: api.model.read"}}, 403),
            "the key is refused: Missing scopes: api.model.read",
        ),
    ],
)
async def test_openai_is_not_well_with_an_answer_of_another_kind(answer: Reply, says: str) -> None:
    async with fake_vendor() as server:
        server.reply("/models", answer)

        said = await checked(OpenAiProvider, server, "gpt-image-2")

    assert said == UpstreamCheck(well=False, says=says)


async def test_what_is_no_model_in_a_list_is_passed_over() -> None:
    async with fake_vendor() as server:
        server.reply("/models", Reply({"data": ["a", None, {"id": 7}, {"id": "m", "shutdown_date": 7}]}))

        said = await checked(OpenAiProvider, server, "m")

    assert said == UpstreamCheck(well=True, says="the key is valid; m, and m is among them")


async def test_what_may_be_on_google_s_next_page_is_not_missing() -> None:
    async with fake_vendor() as server:
        server.reply("/v1beta/models", Reply({"models": [{"name": "models/a"}], "nextPageToken": "t"}))

        said = await checked(GeminiProvider, server, "a", "b")

    assert said == UpstreamCheck(well=True, says="the key is valid; a, and a is among them")


async def test_google_refuses_a_key_with_a_bad_request() -> None:
    error = {"message": "API key not valid.", "details": [{"reason": "API_KEY_INVALID"}]}
    async with fake_vendor() as server:
        server.reply("/v1beta/models", Reply({"error": error}, 400))

        said = await checked(GeminiProvider, server)

    assert said == UpstreamCheck(well=False, says="the key is refused: API key not valid.")


@pytest.mark.parametrize(
    "answer",
    [Reply(), Reply(status=204), Reply({"code": 4, "description": "task_no_found"}, 400), Reply({"code": 3}, 404)],
)
async def test_a_relay_may_say_in_many_ways_that_there_is_no_such_job(answer: Reply) -> None:
    async with fake_vendor() as server:
        server.reply("/mj/task/0/fetch", answer)

        said = await checked(MidjourneyProvider, server)

    assert said == UpstreamCheck(well=True, says="the relay answers and accepts the key")


@pytest.mark.parametrize("answer", [PAGE, Reply(b"Not Found", 404)])
async def test_a_page_is_no_relay(answer: Reply) -> None:
    async with fake_vendor() as server:
        server.reply("/mj/task/0/fetch", answer)

        said = await checked(MidjourneyProvider, server)

    assert said == UpstreamCheck(well=False, says=ELSEWHERE.format(answer.status, "Midjourney"))
