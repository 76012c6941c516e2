"""What each upstream is said to obey of a task's fields, asked of the strict emulators one by one."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from integration.providers.order_runner import OrderResult, image_files, order, run_order
from limner.domain.picture_size import PIXELS_OF_CLASS
from limner.domain.routing.abilities import NO_ABILITIES, Abilities
from limner.domain.routing.obeyed import obeyed
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.spec import TaskSpec
from limner.models import shipped_models
from limner.ports.provider import Provider, ReferenceImage, VendorAccount, abilities_of
from limner.providers import bfl, fal, replicate
from limner.providers.bfl import BflProvider
from limner.providers.fal import FalProvider
from limner.providers.gemini import GeminiProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.midjourney import models as midjourney
from limner.providers.openai import OpenAiProvider
from limner.providers.ray import RayProvider
from limner.providers.replicate import ReplicateProvider
from limner.routes import routes_of
from limner.settings import Settings
from limner_vendors import Vendors
from limner_vendors import bfl as bfl_vendor
from limner_vendors import gemini as gemini_vendor
from limner_vendors import openai as openai_vendor
from limner_vendors import ray as ray_vendor

NOWHERE = VendorAccount("http://127.0.0.1:1", "a-key-of-some-length")
PROMPT = "a red fox in the snow"
KINDS: dict[str, Any] = {
    "bfl": BflProvider,
    "fal": FalProvider,
    "gemini": GeminiProvider,
    "midjourney": MidjourneyProvider,
    "openai": OpenAiProvider,
    "ray": RayProvider,
    "replicate": ReplicateProvider,
}
UPSTREAMS = {
    "bfl": [name for name in bfl_vendor.MODELS if bfl.facts_of(name)],
    "fal": list(fal.MODELS),
    "gemini": list(gemini_vendor.MODELS),
    "midjourney": list(midjourney.MODELS),
    "openai": list(openai_vendor.MODELS),
    "ray": list(ray_vendor.MODELS),
    "replicate": list(replicate.MODELS),
}
CASES = [(vendor, upstream) for vendor, upstreams in UPSTREAMS.items() for upstream in upstreams]
SHIPPED = [
    (model, route)
    for model, routes in routes_of(Settings(), frozenset({*KINDS, "diffusers"})).items()
    for route in routes
    if route.provider in KINDS
]
CASES_WITHOUT_ROW = [case for case in CASES if case not in {(route.provider, route.upstream) for _, route in SHIPPED}]
ENGINES = [("sglang", "sglang"), ("vllm", "vllm-omni")]


@pytest.fixture(scope="module")
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors.running([*KINDS, *(name for name, _ in ENGINES)]) as running:
        yield running
        assert running.violations() == []


def of(vendors: Vendors, vendor: str) -> Provider:
    options = {"polling_hosts": [vendors.environment()["BFL_POLLING_HOSTS"]]} if vendor == "bfl" else {}
    provider: Provider = KINDS[vendor](VendorAccount(vendors.base_url(vendor), vendors.key(vendor), options))
    return provider


@asynccontextmanager
async def opened(provider: Provider) -> AsyncIterator[Provider]:
    try:
        yield provider
    finally:
        await provider.close()


def specs_for(able: Abilities) -> Iterator[TaskSpec]:
    """One spec for each value of each field that is said to be obeyed."""
    if able.mask:
        yield TaskSpec(PROMPT, mask=True)
    for size in sorted(able.size_classes):
        yield TaskSpec(PROMPT, size=size, aspect_ratio="16:9")
    if able.exact_size:
        for width, height in ((1184, 800), (500, 2000), (64, 64)):
            made = able.exact_size.nearest(width, height)
            yield TaskSpec(PROMPT, size=f"{made[0]}x{made[1]}")
    for quality in sorted(able.qualities):
        yield TaskSpec(PROMPT, quality=quality)
    for output_format in sorted(able.formats):
        yield TaskSpec(PROMPT, output_format=output_format)
    if able.compression:
        yield TaskSpec(PROMPT, output_format="jpeg", output_compression=40)
    if able.transparent:
        yield TaskSpec(PROMPT, background="transparent")
        yield TaskSpec(PROMPT, background="opaque")
    if able.seed:
        yield TaskSpec(PROMPT, seed=2**31 - 1)


def mask_of(folder: Path, size: tuple[int, int]) -> ReferenceImage:
    path = folder / f"mask-{size[0]}.png"
    picture = Image.new("RGBA", size, (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1] // 2))
    picture.save(path)
    return ReferenceImage(path, "image/png", *size)


def redrawn(spec: TaskSpec, able: Abilities, folder: Path) -> tuple[TaskSpec, dict[str, Any]]:
    """The spec with a picture and a mask, where it has one or the upstream needs one."""
    if not (spec.mask or able.needs_mask):
        return spec, {}
    [picture] = image_files(folder, (320, 240))
    return replace(spec, mask=True), {"references": (picture,), "mask": mask_of(folder, (320, 240))}


async def deliver(
    provider: Provider, spec: TaskSpec, able: Abilities, folder: Path, upstream: str, **facts: Any
) -> OrderResult:
    """Run a spec as the route would get it; nothing of it may be left out."""
    route = Route("a route", provider.name, upstream, 60, UnknownOutcome.RESEND_ONCE, abilities=able)
    asked = obeyed(spec, route)
    assert asked.ignored == ()
    seed = 7 if spec.seed is None else spec.seed
    result = await run_order(
        provider,
        order(folder, upstream, spec=asked.spec, aspect_ratio=asked.spec.aspect_ratio, seed=seed, **facts),
    )
    assert result.delivered
    return result


def check_picture(result: OrderResult, spec: TaskSpec) -> None:
    """The emulators draw in the size and form that a request asks for."""
    source = result.delivered.picture.source
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        width, height = picture.size
        assert spec.output_format in {None, (picture.format or "").lower()}
    if spec.size in PIXELS_OF_CLASS:
        assert 0.35 < width * height / PIXELS_OF_CLASS[spec.size or ""] < 1.6, (width, height)
    elif spec.size:
        assert f"{width}x{height}" == spec.size
    if spec.aspect_ratio:
        assert width > height


@pytest.mark.parametrize(("vendor", "upstream"), CASES_WITHOUT_ROW)
async def test_an_upstream_obeys_what_it_is_said_to(
    vendors: Vendors, tmp_path: Path, vendor: str, upstream: str
) -> None:
    async with opened(of(vendors, vendor)) as provider:
        able = abilities_of(provider, upstream, {})
        assert able.aspect_ratio
        for each in specs_for(able):
            spec, pictures = redrawn(each, able, tmp_path)
            check_picture(await deliver(provider, spec, able, tmp_path, upstream, **pictures), spec)


@pytest.mark.parametrize(("model", "route"), SHIPPED, ids=[f"{model} by {route.name}" for model, route in SHIPPED])
async def test_a_shipped_model_makes_everything_that_it_lists(
    vendors: Vendors, tmp_path: Path, model: str, route: Route
) -> None:
    async with opened(of(vendors, route.provider)) as provider:
        able = shipped_models()[model].limit(abilities_of(provider, route.upstream, route.options))
        for each in specs_for(able):
            spec, pictures = redrawn(each, able, tmp_path)
            made = await deliver(provider, spec, able, tmp_path, route.upstream, options=route.options, **pictures)
            check_picture(made, spec)


@pytest.mark.parametrize(("vendor", "dialect"), ENGINES)
async def test_a_server_of_one_s_own_obeys_what_it_is_said_to(
    vendors: Vendors, tmp_path: Path, vendor: str, dialect: str
) -> None:
    upstream = vendors.emulator(vendor).served  # type: ignore[attr-defined]
    async with opened(OpenAiProvider(VendorAccount(vendors.base_url(vendor), "", {"dialect": dialect}))) as provider:
        able = abilities_of(provider, upstream, {})
        for spec in specs_for(able):
            check_picture(await deliver(provider, spec, able, tmp_path, upstream), spec)


MASKING = [
    ("openai", "gpt-image-2"),
    ("bfl", "flux-pro-1.0-fill"),
    ("fal", "fal-ai/flux-pro/v1/fill"),
    ("fal", "fal-ai/qwen-image-edit/inpaint"),
    ("replicate", "black-forest-labs/flux-fill-pro"),
]


@pytest.mark.parametrize(("vendor", "upstream"), MASKING)
async def test_a_mask_of_another_size_is_refused_by_the_vendor(
    vendors: Vendors, tmp_path: Path, vendor: str, upstream: str
) -> None:
    [picture] = image_files(tmp_path, (320, 260))
    other = mask_of(tmp_path, (300, 260))

    async with opened(of(vendors, vendor)) as provider:
        refused = await run_order(provider, order(tmp_path, upstream, references=(picture,), mask=other))

    assert "mask" in str(refused.end)


def test_no_field_that_changes_the_meaning_is_claimed_where_it_has_none() -> None:
    providers = {vendor: KINDS[vendor](NOWHERE) for vendor in KINDS}
    claims = [(vendor, abilities_of(providers[vendor], upstream, {})) for vendor, upstream in CASES]

    assert {vendor for vendor, able in claims if able.transparent} == {"openai"}
    assert {vendor for vendor, able in claims if able.mask} == {"openai", "bfl", "fal", "replicate"}


@pytest.mark.parametrize(
    ("vendor", "upstream", "options", "left_out"),
    [
        ("openai", "gpt-image-2.6-flare", {"size": "1024x1024", "quality": "low"}, {"exact_size", "qualities"}),
        ("openai", "gpt-image-2.6-flare", {"output_format": "jpeg"}, {"formats", "transparent"}),
        ("gemini", "gemini-3-pro-image", {"image_size": "2K"}, {"size_classes"}),
        ("bfl", "flux-3-image", {"resolution": "2k"}, {"size_classes"}),
        ("fal", "fal-ai/flux-2-pro", {"image_size": "square", "seed": 5}, {"size_classes", "exact_size", "seed"}),
        ("replicate", "bytedance/seedream-4", {"size": "4K"}, {"size_classes"}),
    ],
)
def test_what_a_route_fixes_is_not_left_to_the_caller(
    vendor: str, upstream: str, options: dict[str, Any], left_out: set[str]
) -> None:
    provider = KINDS[vendor](NOWHERE)
    free, fixed = abilities_of(provider, upstream, {}), abilities_of(provider, upstream, options)
    for name in left_out:
        assert getattr(free, name)
        assert not getattr(fixed, name)


def test_every_shipped_route_declares_what_it_obeys() -> None:
    shipped = [route for routes in routes_of(Settings(), frozenset({*KINDS, "diffusers"})).values() for route in routes]
    known = {route.provider for route in shipped} & {*KINDS}
    for route in shipped:
        if route.provider in known:
            provider = KINDS[route.provider](NOWHERE)
            assert abilities_of(provider, route.upstream, route.options) != NO_ABILITIES, route.name
