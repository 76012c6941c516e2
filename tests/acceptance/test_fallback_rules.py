"""Consent to fallbacks, over the strict emulators: `never` and `same_price` in a task, told where none was taken."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from limner_vendors import Vendors
from serving import Served, serving
from task_client import call, run_task

MODEL = "flux.1_kontext_pro"
DOWN = "#fault:bfl/unavailable"
ROUTES = [
    {"model": MODEL, "provider": provider, "upstream": upstream}
    for provider, upstream in (
        ("bfl", "flux-kontext-pro"),
        ("replicate", "black-forest-labs/flux-kontext-max"),
        ("replicate", "black-forest-labs/flux-2-pro"),
        ("fal", "fal-ai/flux-pro/kontext"),
    )
]
"""The first costs $0.04; then one that costs more, one of another family, and one that is of the same price."""


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["bfl", "replicate", "fal"]) as emulators:
        yield emulators
        assert emulators.violations() == []


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    vendors = emulators.environment() | {"LIMNER_ROUTE": json.dumps(ROUTES)}
    running = serving(tmp_path_factory.mktemp("fallback") / "data", vendors=vendors)
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


async def test_a_quote_says_which_fallbacks_are_left_out(served: Served) -> None:
    """The first of this module: later on the first route is left alone for a while."""
    sent = {"type": "generate_image", "model_version": MODEL, "prompt": "a heron", "fallback": "same_price"}
    quoted = (await call(served, "/task/quote", sent))["data"]

    assert [each["model"] for each in quoted["fallbacks"]] == ["fal-ai/flux-pro/kontext"]
    assert [each["reason"] for each in quoted["skipped_routes"]] == [
        "is not known to cost at most what bfl/flux-kontext-pro does, and fallback is same_price",
        "is of another family than bfl/flux-kontext-pro, and fallback is same_price",
    ]


async def test_without_consent_the_task_fails_and_costs_nothing(served: Served, emulators: Vendors) -> None:
    """Before the tests after which the route is left alone: without another one the task would wait for it."""
    bought = len(emulators.purchases())
    task = await run_task(served, MODEL, prompt=f"a heron alone {DOWN}", fallback="never")

    assert (task["status"], task["consumed_credit"], task["output"]) == ("failed", 0, {})
    assert len(emulators.purchases()) == bought


@pytest.mark.parametrize(
    ("fallback", "served_by"),
    [
        (None, "black-forest-labs/flux-kontext-max"),
        ("any", "black-forest-labs/flux-kontext-max"),
        ("same_price", "fal-ai/flux-pro/kontext"),
    ],
)
async def test_a_fallback_is_one_that_was_consented_to(served: Served, fallback: str | None, served_by: str) -> None:
    rules = {"fallback": fallback} if fallback else {}
    task = await run_task(served, MODEL, prompt=f"a heron for {fallback} {DOWN}", **rules)

    assert (task["status"], task["consumed_credit"]) == ("success", 5)
    assert task["served_by"]["model"] == served_by
    assert task["served_by"]["instead_of"] == {"provider": "bfl", "model": "flux-kontext-pro"}
