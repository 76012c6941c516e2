"""How many reference pictures an upstream takes, as planning asks and as requests are refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import CapsReferences, Provider, VendorAccount
from limner.providers.bfl import BflProvider
from limner.providers.diffusers import DiffusersProvider
from limner.providers.fal import FalProvider
from limner.providers.gemini import GeminiProvider
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.openai import OpenAiProvider
from limner.providers.ray import RayProvider
from limner.providers.replicate import ReplicateProvider
from limner.providers.sandbox import SandboxProvider
from limner_builtin.provider import BuiltinProvider
from unit.providers.fake_vendor import order, references

pytestmark = pytest.mark.anyio

NOWHERE = VendorAccount("http://127.0.0.1:1", "a-key-of-some-length")
VLLM = VendorAccount("http://127.0.0.1:1", "", {"dialect": "vllm-omni"})

CAPS: tuple[tuple[Provider, str, Mapping[str, Any], int], ...] = (
    (BflProvider(NOWHERE), "flux-kontext-pro", {}, 4),
    (BflProvider(NOWHERE), "flux-dev", {}, 0),
    (FalProvider(NOWHERE), "fal-ai/flux-pro/kontext", {}, 4),
    (FalProvider(NOWHERE), "fal-ai/flux/dev", {}, 0),
    (ReplicateProvider(NOWHERE), "black-forest-labs/flux-kontext-pro", {}, 1),
    (ReplicateProvider(NOWHERE), "black-forest-labs/flux-dev", {}, 0),
    (MidjourneyProvider(NOWHERE), "midjourney", {}, 5),
    (RayProvider(NOWHERE), "FLUX.2-klein-4B", {}, 4),
    (RayProvider(NOWHERE), "FLUX.1-dev", {}, 0),
    (RayProvider(NOWHERE), "a model of mine", {"facts": {"pictures": 2}}, 2),
    (OpenAiProvider(NOWHERE), "gpt-image-2", {}, 16),
    (OpenAiProvider(VLLM), "flux", {}, 1),
    (GeminiProvider(NOWHERE), "gemini-3.1-flash-image", {}, 14),
    (GeminiProvider(NOWHERE), "gemini-3.1-flash-image", {"facts": {"references": 3}}, 3),
)


def _named(value: object) -> str:
    return str(getattr(value, "name", value))


@pytest.mark.parametrize(("provider", "upstream", "options", "cap"), CAPS, ids=_named)
async def test_the_cap_is_the_number_above_which_a_request_is_refused(
    provider: Provider, upstream: str, options: Mapping[str, Any], cap: int
) -> None:
    assert isinstance(provider, CapsReferences)
    too_many = order(upstream=upstream, options=options, references=references(cap + 1))

    outcome = await provider.submit(too_many, lambda _percent: None)

    assert provider.reference_cap(upstream, options) == cap
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.BAD_INPUT
    await provider.close()


@pytest.mark.parametrize(
    "provider", [BflProvider(NOWHERE), FalProvider(NOWHERE), ReplicateProvider(NOWHERE)], ids=_named
)
def test_an_upstream_that_is_not_known_has_no_cap(provider: Provider) -> None:
    assert isinstance(provider, CapsReferences)

    assert provider.reference_cap("no/such-model", {}) is None


@pytest.mark.parametrize("provider", [SandboxProvider(), BuiltinProvider()], ids=_named)
def test_an_engine_of_ours_refuses_no_number_of_pictures(provider: Provider) -> None:
    assert not isinstance(provider, CapsReferences)


def test_a_folder_of_ones_own_has_the_cap_of_its_pipeline(tmp_path: Path) -> None:
    folder = tmp_path / "kontext"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    provider = DiffusersProvider(VendorAccount(str(tmp_path), ""))

    assert provider.reference_cap("kontext", {}) == 0
    assert provider.reference_cap("elsewhere", {}) is None
