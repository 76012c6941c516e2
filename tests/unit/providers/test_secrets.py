"""A vendor that repeats our key, wherever it can: none of it comes through."""

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from limner.domain.routing.failure import Failure
from limner.ports.provider import Pending, Provider, VendorAccount
from limner.providers import _http as http
from limner.providers._http.limits import DETAIL_CHARACTERS
from limner.providers._http.redaction import redacted
from limner.providers.bfl import BflProvider
from limner.providers.fal import FalProvider
from limner.providers.gemini import GeminiProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.openai import OpenAiProvider
from limner.providers.ray import RayProvider
from limner.providers.replicate import ReplicateProvider
from unit.providers.fake_vendor import order

KEYS = ["k3y-without-a-telltale-0123456789", "sk-proj-abcdefghij0123456789", "with+signs/and=signs%inside"]
ADAPTERS: Mapping[str, tuple[Callable[[VendorAccount], Provider], str]] = {
    "bfl": (BflProvider, "flux-kontext-pro"),
    "openai": (OpenAiProvider, "gpt-image-2"),
    "azure": (OpenAiProvider, "gpt-image-2"),
    "gemini": (GeminiProvider, "gemini-3-pro-image"),
    "midjourney": (MidjourneyProvider, "midjourney"),
    "fal": (FalProvider, "fal-ai/flux-pro/kontext"),
    "ray": (RayProvider, "FLUX.1-Kontext-dev"),
    "replicate": (ReplicateProvider, "black-forest-labs/flux-kontext-pro"),
}
Body = Callable[[str], Any]
ERROR: Body = lambda reported: {  # noqa: E731 - a row of the table below
    "error": {"message": reported, "type": reported, "code": reported, "status": reported},
    "detail": reported,
    "message": reported,
    "description": reported,
    "code": 4,
}
BODIES: Mapping[str, tuple[int, Body]] = {
    "refused": (401, ERROR),
    "invalid": (422, lambda reported: {"detail": [{"loc": ["body", reported], "msg": reported, "type": reported}]}),
    "busy": (429, ERROR),
    "broken": (500, ERROR),
    "a page": (502, lambda reported: f"<html>{reported}</html>"),
    "nonsense": (200, lambda reported: {"result": [reported, {reported: reported}]}),
    "cut off in the middle of the key": (400, lambda reported: " " * (DETAIL_CHARACTERS - 20) + reported),
}
STATES: Mapping[str, Body] = {
    "bfl": lambda reported: {"status": "Request Moderated", "details": {reported: [reported]}},
    "midjourney": lambda reported: {"status": "FAILURE", "failReason": f"[Invalid prompt] {reported}"},
    "fal": lambda reported: {"status": "COMPLETED", "error": reported, "error_type": reported},
    "ray": lambda reported: {"status": "failed", "error": {"kind": reported, "message": reported, "detail": reported}},
    "replicate": lambda reported: {"status": "failed", "error": reported},
}


@asynccontextmanager
async def parrot(status: int, body: Body) -> AsyncIterator[str]:
    """A vendor that answers with the headers and the address it was asked with."""

    async def answer(request: web.Request) -> web.Response:
        reported = " ".join((*request.headers.values(), str(request.url)))
        said = body(reported)
        text = said if isinstance(said, str) else json.dumps(said)
        kind = "text/html" if isinstance(said, str) else "application/json"
        return web.Response(status=status, text=text, content_type=kind, headers={"x-request-id": reported[:900]})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def provider(vendor: str, url: str, key: str) -> Provider:
    options = {"dialect": "azure-deployments"} if vendor == "azure" else {}
    return ADAPTERS[vendor][0](VendorAccount(url, key, options))


def leaks(outcome: object, key: str) -> list[str]:
    """The pieces of the key that stand in an outcome. Six characters in a row of it are no chance."""
    reported = repr(outcome)
    pieces = (each[at : at + 6] for each in (key, quote(key, safe="")) for at in range(len(each) - 5))
    return [each for each in pieces if each in reported]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("vendor", ADAPTERS)
async def test_a_key_that_a_vendor_repeats_in_a_response_is_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, vendor: str, body: str, key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with parrot(*BODIES[body]) as url:
        asked = provider(vendor, url, key)
        outcome = await asked.submit(order(tmp_path, ADAPTERS[vendor][1]), lambda _: None)
        await asked.close()

    assert isinstance(outcome, Failure)
    assert leaks(outcome, key) == []
    assert leaks(caplog.text, key) == []


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("vendor", STATES)
async def test_a_key_that_a_vendor_repeats_in_a_job_is_removed(tmp_path: Path, vendor: str, key: str) -> None:
    async with parrot(200, STATES[vendor]) as url:
        asked = provider(vendor, url, key)
        handle = {"id": "1", "since": 0.0}
        addresses = dict.fromkeys(("polling_url", "status_url", "response_url", "get"), f"{url}/jobs/1")
        outcome = await asked.poll(handle | addresses, order(tmp_path, ADAPTERS[vendor][1]))
        await asked.close()

    assert isinstance(outcome, Failure | Pending)
    assert outcome != Pending()
    assert leaks(outcome, key) == []


@pytest.mark.parametrize("key", KEYS)
def test_no_part_of_a_key_shows_in_what_a_program_prints(key: str) -> None:
    account = VendorAccount("https://vendor.example", key)

    assert leaks(account, key) == []
    assert all(leaks(provider(vendor, "https://vendor.example", key), key) == [] for vendor in ADAPTERS)


def test_a_word_of_a_few_letters_is_no_key() -> None:
    answer = http.VendorResponse(200, {}, {"status": "none"}, '{"status": "none"}')

    assert http.without_key(answer, "none") == answer


def test_what_is_no_text_stays_what_it_is() -> None:
    answer = http.VendorResponse(200, {"X-Note": "my-own-key"}, {"cost": 4.0, "list": [None, True, "my-own-key"]}, "")

    bare = http.without_key(answer, "my-own-key")

    assert bare.body == {"cost": 4.0, "list": [None, True, "[…]"]}
    assert bare.headers["x-note"] == "[…]"


def test_a_key_of_any_form_is_removed_from_a_vendor_s_message() -> None:
    assert redacted("the key 4f1cplainsecret is disabled", "4f1cplainsecret") == "the key […] is disabled"
