"""What each adapter says of its vendor when nothing is bought: with the right key, a wrong one, and nobody there."""

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from limner.ports.provider import ChecksUpstreams, Provider, UpstreamCheck, VendorAccount
from limner.providers.bfl import BflProvider
from limner.providers.fal import FalProvider
from limner.providers.gemini import GeminiProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.openai import OpenAiProvider
from limner.providers.ray import RayProvider
from limner.providers.replicate import ReplicateProvider
from limner_vendors import Vendors

FLUX = "black-forest-labs/FLUX.1-dev"
KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"


@dataclass(frozen=True)
class Member:
    """An adapter before the emulator that it speaks to; `root` is what its base URL ends in there."""

    adapter: Callable[[VendorAccount], Provider]
    emulator: str
    says: str
    upstreams: tuple[str, ...] = ()
    root: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


FAMILY = {
    "bfl": Member(BflProvider, "bfl", "the key is valid; 1,000,000.0 credits are left, worth 10,000.00 US dollars"),
    "openai": Member(
        OpenAiProvider, "openai", "the key is valid; 10 models, and gpt-image-2 is among them", ("gpt-image-2",)
    ),
    "azure": Member(
        OpenAiProvider, "openai", "the key is valid; 10 models", ("my-deployment",), "/openai/v1", {"dialect": "azure"}
    ),
    "azure-deployments": Member(
        OpenAiProvider,
        "openai",
        "the key is valid; 10 models",
        ("my-deployment",),
        "",
        {"dialect": "azure-deployments"},
    ),
    "gemini": Member(
        GeminiProvider,
        "gemini",
        "the key is valid; 5 models, and gemini-3-pro-image and gemini-3.1-flash-image are among them",
        ("gemini-3-pro-image", "models/gemini-3.1-flash-image"),
    ),
    "fal": Member(
        FalProvider, "fal", "answers, and did not refuse the key; that it takes one, only a paid request would show"
    ),
    "replicate": Member(ReplicateProvider, "replicate", "the key is valid; it belongs to the organization 'emulated'"),
    "midjourney": Member(MidjourneyProvider, "midjourney", "the relay answers and accepts the key"),
    "ray": Member(RayProvider, "ray", "5 models, and FLUX.1-dev is among them", ("FLUX.1-dev",)),
    "sglang": Member(OpenAiProvider, "sglang", FLUX, ("any name",), options={"dialect": "sglang"}),
    "vllm": Member(
        OpenAiProvider, "vllm", f"{KONTEXT}, and {KONTEXT} is among them", (KONTEXT,), options={"dialect": "vllm-omni"}
    ),
}
KEYLESS = {"sglang", "vllm"}

members = pytest.mark.parametrize("member", FAMILY.values(), ids=FAMILY)
keyed = pytest.mark.parametrize(
    "member",
    [each for name, each in FAMILY.items() if name not in KEYLESS],
    ids=[n for n in FAMILY if n not in KEYLESS],
)


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors.running() as running:
        yield running
        assert running.violations() == []
        assert running.purchases() == []


def base_of(vendors: Vendors, member: Member) -> str:
    base = vendors.base_url(member.emulator)
    return base if member.root is None else base.removesuffix("/v1") + member.root


async def checked(member: Member, base: str, key: str, upstreams: Sequence[str] | None = None) -> UpstreamCheck:
    provider = member.adapter(VendorAccount(base, key, member.options))
    assert isinstance(provider, ChecksUpstreams)
    try:
        return await provider.check(member.upstreams if upstreams is None else upstreams)
    finally:
        await provider.close()


def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@members
async def test_a_vendor_that_knows_us_is_well(vendors: Vendors, member: Member) -> None:
    said = await checked(member, base_of(vendors, member), vendors.key(member.emulator))

    assert said == UpstreamCheck(well=True, says=member.says)


@keyed
async def test_a_wrong_key_is_refused(vendors: Vendors, member: Member) -> None:
    said = await checked(member, base_of(vendors, member), "a-wrong-key-of-mine")

    assert not said.well
    assert said.says.startswith("the key is refused")
    assert "wrong-key" not in said.says


@members
async def test_a_vendor_that_is_away_is_not_well(member: Member) -> None:
    said = await checked(member, nobody(), "k-secret")

    assert said == UpstreamCheck(well=False, says="no answer: no connection could be made")


@members
async def test_a_wrong_base_url_is_reported(vendors: Vendors, member: Member) -> None:
    said = await checked(member, f"{base_of(vendors, member)}/elsewhere", vendors.key(member.emulator))

    assert not said.well
    assert said.says.endswith("is the base URL right?")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("openai", "the key is valid; 10 models, and dall-e-9 is not among them"),
        ("gemini", "the key is valid; 5 models, and dall-e-9 is not among them"),
        ("vllm", f"{KONTEXT}, and dall-e-9 is not among them"),
    ],
)
async def test_a_route_to_a_model_that_the_vendor_does_not_have_is_reported(
    vendors: Vendors, name: str, says: str
) -> None:
    member = FAMILY[name]

    said = await checked(member, base_of(vendors, member), vendors.key(name), ["dall-e-9"])

    assert said == UpstreamCheck(well=False, says=says)


async def test_the_shutdown_date_of_a_model_is_reported(vendors: Vendors) -> None:
    member = FAMILY["openai"]

    said = await checked(member, base_of(vendors, member), vendors.key("openai"), ["gpt-image-1.5", "gpt-image-2"])

    assert said.well
    assert said.says.endswith("are among them; gpt-image-1.5 has the shutdown date 2026-12-01")


async def test_without_credits_a_vendor_is_not_well(vendors: Vendors) -> None:
    vendors.emulator("bfl").credits = 0.0  # type: ignore[attr-defined] - BFL's alone

    said = await checked(FAMILY["bfl"], vendors.base_url("bfl"), vendors.key("bfl"))

    assert said == UpstreamCheck(well=False, says="the key is valid; 0.0 credits are left, worth 0.00 US dollars")


async def test_a_missing_key_for_a_relay_is_reported(vendors: Vendors) -> None:
    said = await checked(FAMILY["midjourney"], vendors.base_url("midjourney"), "")

    assert said == UpstreamCheck(well=False, says="a key is asked for, and none is set: Unauthorized")
