"""Failures of vendors as clients and operators see them: a real server, and the emulators in place of the vendors."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from limner.bootstrap import opened
from limner.db.tables.attempts import Attempt
from limner.domain.routing.failure import RETRIES, FailureKind
from limner.providers.declarations import declarations
from limner.routes import routes_of
from limner.settings import Settings
from limner_vendors import Vendors
from limner_vendors.failures import FAILURES, FailureCase
from serving import Served, serving
from task_client import run_task

VENDORS = ["bfl", "openai", "gemini", "midjourney"]
FIRST_ROUTES = [
    {"model": model, "provider": first.provider, "upstream": first.upstream, "deadline_s": first.deadline_s}
    for model, routes in routes_of(Settings(), frozenset(declarations())).items()
    for first in [next((route for route in routes if route.provider in VENDORS), None)]
    if first
]
"""One route for each model, so that nothing falls back."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table of failures by its vendor and its words, and the model whose route meets it.

    A route is left alone after a failure that only its operator can mend, so each of those has a route of its own.
    """

    vendor: str
    says: str
    model: str


CASES = [
    Case("bfl", "`Request Moderated`", "flux.1_kontext_pro"),
    Case("bfl", "`Content Moderated`", "flux.1_kontext_pro"),
    Case("openai", "400 `moderation_blocked`, stage `input`", "gpt_image_2"),
    Case("midjourney", "code 24: a banned word", "midjourney"),
    Case("bfl", "HTTP 422, with the field", "flux.1_dev"),
    Case("openai", "400 `invalid_image_file`", "gpt_image_1.5"),
    Case("openai", "500 `server_error`", "gpt_4o"),
    Case("openai", "200 with `data: []`", "gpt_image_2"),
    Case("openai", "200 with a page of HTML", "gpt_image_2"),
    Case("openai", "200 with a picture in a form that is not known", "gpt_image_2"),
    Case("openai", "HTTP 524 with a gateway's page", "gpt_image_2"),
    Case("bfl", "a picture of a single colour", "flux.1_kontext_pro"),
    Case("bfl", "a picture that cannot be opened", "flux.1_kontext_pro"),
    Case("bfl", "the work is done, and the connection cut before the answer", "flux.1_kontext_pro"),
    Case("midjourney", "`CANCEL`", "midjourney"),
    Case("gemini", "429 with a quota `PerDay`", "gemini_2.5_flash_image_preview"),
    Case("gemini", "400 `API_KEY_INVALID`", "gemini_3_pro_image_preview"),
    Case("gemini", "404 `NOT_FOUND`", "gemini_3.1_flash_image_preview"),
]


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(VENDORS) as emulators:
        yield emulators
        assert emulators.violations() == []


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    data = tmp_path_factory.mktemp("failures") / "data"
    running = serving(data, vendors=emulators.environment(), account_tasks="100", route=json.dumps(FIRST_ROUTES))
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


@dataclass(frozen=True, slots=True)
class Seen:
    """How a task ended for its caller, and each attempt as its operator sees it."""

    task: dict[str, Any]
    attempts: Sequence[Attempt]


@pytest.fixture(scope="module")
async def ended(served: Served) -> dict[Case, Seen]:
    """A task for each case; they run side by side."""
    tasks = await asyncio.gather(*(run_task(served, case.model, prompt=prompt(case)) for case in CASES))
    async with opened(Settings(data=served.data, engine="sandbox")) as limner:
        reported = [(await limner.explain(None, task["task_id"])).attempts for task in tasks]
    return dict(zip(CASES, map(Seen, tasks, reported), strict=True))


def row_of(case: Case) -> FailureCase:
    return next(row for row in FAILURES if (row.vendor, row.says) == (case.vendor, case.says))


def prompt(case: Case) -> str:
    fault = row_of(case).fault
    assert fault
    return f"a red bicycle {fault.word(case.vendor)}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.vendor}: {case.says}")
async def test_a_failure_is_tried_again_as_often_as_it_may_be_and_costs_its_caller_nothing(
    ended: dict[Case, Seen], case: Case
) -> None:
    row, seen, attempts = row_of(case), ended[case].task, ended[case].attempts

    banned = row.kind is FailureKind.CONTENT_POLICY
    assert (seen["status"], seen["error_code"]) == (("banned", 2008) if banned else ("failed", 1001))
    assert seen["consumed_credit"] == 0
    assert seen["error_msg"]
    assert "output" not in seen or not seen["output"]
    assert [each.outcome for each in attempts] == [row.kind] * (1 + RETRIES[row.kind])
    assert {each.charged for each in attempts} == {row.charged is True}
    assert all(row.detail in str(each.detail) for each in attempts)


async def test_every_cent_is_accounted_for(served: Served, ended: dict[Case, Seen]) -> None:
    proof = await asyncio.to_thread(served.cli, "credits", "prove")

    assert ended
    assert proof == {"proved": True, "faults": []}


async def test_a_vendor_that_is_busy_once_is_waited_for(served: Served, emulators: Vendors) -> None:
    words = "a red bicycle #fault:rate_limited=1:header*1"

    seen = await run_task(served, "flux.1_kontext_pro", prompt=words)
    reported = await asyncio.to_thread(served.cli, "tasks", "explain", seen["task_id"])

    assert seen["status"] == "success"
    assert [each["outcome"] for each in reported["attempts"]] == ["rate_limited", "picture"]
    assert len([each for each in emulators.purchases("bfl") if each.prompt == words]) == 1
