"""Several routes to one model: who is asked next, and what is never bought twice."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import ManualClock, ScriptedProvider, ScriptLine, never_answers, picture
from generating import generator
from limner.application.generation.generation import Generation, SiblingFailure
from limner.application.generation.interrupt import Interrupt
from limner.application.generation.journal import IntendedAttempt, KeptImage, SpendJournal
from limner.application.generation.route_limits import RouteLimits
from limner.application.generation.routing import Routing
from limner.domain.ids import TaskId
from limner.domain.routing.breaker import CONFIRMING_TASKS, TRIP_AT, UNCERTAIN_FAILURES
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.provider_limits import ProviderLimits
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import Accepted, GenerationRequest, Pending, Provider, UpstreamCheck
from stores import ServiceHarness, intend_attempt

MODEL = "flux.1_kontext_pro"
FIRST, SECOND = (
    Route(f"{name}/kontext", name, "kontext", 120.0, UnknownOutcome.RESEND_ONCE, price_usd=0.05)
    for name in ("first", "second")
)
DOWN = Failure(FailureKind.TRANSIENT, "down")
REFUSED = Failure(FailureKind.AUTH, "the key is not known")
LATER = Failure(FailureKind.RATE_LIMITED, "later", retry_after_s=120)


@dataclass
class CheckedProvider(ScriptedProvider):
    """A provider whose vendor has a free check; it fails unless `check_succeeds`."""

    check_succeeds: bool = False
    checks: list[list[str]] = field(default_factory=list)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        self.checks.append(list(upstreams))
        return UpstreamCheck(well=self.check_succeeds, says="the key is not known")


@dataclass
class Town:
    """Two vendors, and tasks whose images are generated one after the other."""

    service: ServiceHarness
    scripts: dict[str, CheckedProvider] = field(default_factory=dict)
    limits: Mapping[str, ProviderLimits] = field(default_factory=dict)
    routes: tuple[Route, ...] = (FIRST, SECOND)
    others: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    policy: UnknownOutcome = UnknownOutcome.RESEND_ONCE
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def clock(self) -> ManualClock:
        return self.service.clock

    @property
    def journal(self) -> SpendJournal:
        return SpendJournal(self.service.store, self.clock, RouteLimits(self.limits))

    def tells(self, first: list[ScriptLine], second: list[ScriptLine]) -> "Town":
        self.scripts = {"first": CheckedProvider(first, "first"), "second": CheckedProvider(second, "second")}
        return self

    async def task(self) -> TaskId:
        task = await self.service.submit_task(await self.service.open_account(f"account-{next(self.numbers)}"))
        await self.service.claim_tasks()
        return task

    async def runs(self, task: TaskId | None = None, interrupt: Interrupt | None = None) -> KeptImage | Failure:
        task = task or await self.task()
        providers: dict[str, Provider] = {**self.scripts}
        routing = Routing(providers, "first", 900.0, self.policy, routes={MODEL: self.routes, **self.others})
        generate = generator(self.journal, routing, self.service.blobs)
        order = GenerationRequest(task, "", "", "a red fox", TaskSpec("a red fox"), (), None, 7, self.service.scratch)
        interrupt = interrupt or Interrupt()
        deadline_ms = self.clock.ms + 900_000
        return await generate(
            Generation(
                task=task,
                part="",
                compose=lambda _route: order,
                routes=routing.routes_for(MODEL),
                interrupt=interrupt,
                submit_until_ms=deadline_ms,
                deadline_ms=deadline_ms,
                report=lambda _: None,
                owner="worker",
                siblings=SiblingFailure(),
            )
        )

    async def book(self, task: TaskId) -> list[tuple[str, str | None]]:
        return [(attempt.route, attempt.outcome) for attempt in await self.service.attempts(task)]


@pytest.fixture
def town(service: ServiceHarness) -> Town:
    return Town(service)


async def test_a_route_that_fails_for_good_is_left_for_the_next(town: Town) -> None:
    task = await town.task()

    kept = await town.tells([REFUSED], [picture]).runs(task)

    assert isinstance(kept, KeptImage)
    assert kept.served_by["provider"] == "second"
    assert await town.book(task) == [("first/kontext", "auth"), ("second/kontext", None)]
    assert town.clock.slept == []


async def test_vendor_trouble_is_logged_with_provider_kind_and_cost(town: Town) -> None:
    limited = replace(DOWN, kind=FailureKind.RATE_LIMITED, retry_after_s=600)
    with capture_logs() as logged:
        town.tells([REFUSED, limited, picture], [picture, picture])
        await town.runs()
        town.clock.pass_time(61)
        await town.runs()
        town.clock.pass_time(601)
        await town.runs()

    events = [(each["event"], each.get("provider") or each.get("route")) for each in logged]
    assert events == [
        ("attempt failed", "first"),
        ("circuit breaker opened", "first"),
        ("fallback to another route", "second/kontext"),
        ("image delivered", "second"),
        ("attempt failed", "first"),
        ("provider paused", "first"),
        ("fallback to another route", "second/kontext"),
        ("image delivered", "second"),
        ("circuit breaker closed", "first"),
        ("image delivered", "first"),
    ]
    assert (logged[0]["kind"], logged[0]["reason"], logged[0]["charged"]) == ("auth", REFUSED.reason, False)


async def test_what_passes_is_waited_for_before_the_next_route_is_tried(town: Town) -> None:
    task = await town.task()

    await town.tells([DOWN, DOWN, DOWN], [picture]).runs(task)

    assert [route for route, _ in await town.book(task)] == ["first/kontext"] * 3 + ["second/kontext"]
    assert len(town.clock.slept) == 2


async def test_a_vendor_that_is_down_for_long_by_its_own_word_is_left_for_the_next_route(town: Town) -> None:
    short, long = (replace(DOWN, retry_after_s=seconds) for seconds in (20, 600))
    first, second = await town.task(), await town.task()

    await town.tells([short, picture], []).runs(first)
    slept = list(town.clock.slept)
    await town.tells([long], [picture]).runs(second)

    assert [route for route, _ in await town.book(first)] == ["first/kontext"] * 2
    assert [route for route, _ in await town.book(second)] == ["first/kontext", "second/kontext"]
    assert town.clock.slept == slept == [20]


async def test_the_last_failure_is_told_when_all_routes_have_failed(town: Town) -> None:
    outcome = await town.tells([REFUSED], [DOWN, DOWN, DOWN]).runs()

    assert outcome == DOWN


async def test_a_picture_that_is_refused_for_what_it_shows_is_asked_of_nobody_else(town: Town) -> None:
    banned = Failure(FailureKind.CONTENT_POLICY, "not this")

    assert await town.tells([banned], []).runs() == banned


async def test_a_call_of_unknown_outcome_is_bought_once_more_at_most_whatever_routes_there_are(town: Town) -> None:
    town.routes = (replace(FIRST, deadline_s=0.01), replace(SECOND, deadline_s=0.01))
    task = await town.task()

    outcome = await town.tells([never_answers, never_answers], [never_answers]).runs(task)

    assert isinstance(outcome, Failure)
    assert await town.book(task) == [("first/kontext", "unknown_outcome")] * 2


async def test_a_route_that_was_found_broken_is_passed_over_by_the_tasks_that_follow(town: Town) -> None:
    town.tells([REFUSED], [picture, picture])
    await town.runs()
    task = await town.task()

    await town.runs(task)

    assert await town.book(task) == [("second/kontext", None)]


async def test_a_route_at_rest_is_tried_again_by_one_task_when_its_time_has_come(town: Town) -> None:
    town.tells([REFUSED, picture, picture], [picture])
    await town.runs()
    town.clock.pass_time(61)

    probe, after = await town.task(), await town.task()
    await town.runs(probe)
    await town.runs(after)

    assert await town.book(probe) == [("first/kontext", None)]
    assert await town.book(after) == [("first/kontext", None)]


async def test_while_one_tries_a_route_at_rest_the_others_go_another_way(town: Town) -> None:
    answered = asyncio.Event()

    async def slowly(order: GenerationRequest) -> Failure:
        await answered.wait()
        return REFUSED

    town.tells([REFUSED, slowly], [picture, picture, picture])
    await town.runs()
    town.clock.pass_time(61)
    probing = asyncio.create_task(town.runs(await town.task()))
    await town.scripts["first"].wait_for_calls(2)
    task = await town.task()

    await town.runs(task)
    answered.set()
    await probing

    assert await town.book(task) == [("second/kontext", None)]


async def test_while_one_tries_a_broken_route_without_another_the_others_wait_for_its_answer(town: Town) -> None:
    answered = asyncio.Event()

    async def slowly(order: GenerationRequest) -> Any:
        await answered.wait()
        return picture(order)

    town.routes = (FIRST,)
    town.tells([REFUSED, slowly, picture], [])
    await town.runs()
    town.clock.pass_time(61)
    probing = asyncio.create_task(town.runs(await town.task()))
    await town.scripts["first"].wait_for_calls(2)
    task = await town.task()

    outcome = await town.runs(task)
    answered.set()
    await probing

    assert isinstance(outcome, KeptImage)


async def test_a_broken_route_without_another_fails_its_tasks_at_once_and_says_why(town: Town) -> None:
    town.routes = (FIRST,)
    await town.tells([REFUSED], []).runs()
    task = await town.task()

    outcome = await town.runs(task)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.reason) == (FailureKind.AUTH, "the key is not known")
    assert await town.book(task) == []


@pytest.mark.parametrize("kind", sorted(UNCERTAIN_FAILURES))
async def test_a_hard_failure_of_one_request_does_not_open_the_route_for_others_while_the_check_succeeds(
    town: Town, kind: FailureKind
) -> None:
    town.tells([Failure(kind, "a firewall's page"), picture], [picture])
    town.scripts["first"].check_succeeds = True
    first, second = await town.task(), await town.task()

    await town.runs(first)
    await town.runs(second)

    assert town.scripts["first"].checks == [["kontext"]]
    assert await town.book(first) == [("first/kontext", kind), ("second/kontext", None)]
    assert await town.book(second) == [("first/kontext", None)]


async def test_a_hard_failure_that_the_vendor_s_check_confirms_opens_the_route_at_once(town: Town) -> None:
    town.tells([REFUSED], [picture, picture])
    await town.runs()
    task = await town.task()

    await town.runs(task)

    assert town.scripts["first"].checks == [["kontext"]]
    assert await town.book(task) == [("second/kontext", None)]


async def test_a_hard_failure_that_three_tasks_meet_within_ten_minutes_opens_the_route_without_the_check(
    town: Town,
) -> None:
    town.tells([REFUSED] * CONFIRMING_TASKS, [picture] * (CONFIRMING_TASKS + 1))
    town.scripts["first"].check_succeeds = True
    for _ in range(CONFIRMING_TASKS):
        await town.runs()
    task = await town.task()

    await town.runs(task)

    assert len(town.scripts["first"].checks) == CONFIRMING_TASKS - 1
    assert await town.book(task) == [("second/kontext", None)]


@pytest.mark.parametrize("between", ["a success", "ten minutes"])
async def test_hard_failures_before_a_success_or_ten_minutes_ago_confirm_nothing(town: Town, between: str) -> None:
    others = [REFUSED] * (CONFIRMING_TASKS - 1)
    town.tells([*others, *([picture] if between == "a success" else []), REFUSED, picture], [picture] * 3)
    town.scripts["first"].check_succeeds = True
    for _ in others:
        await town.runs()
    if between == "a success":
        done = await town.task()
        await town.runs(done)
        await town.service.settle_task(done)
    town.clock.pass_time(1 if between == "a success" else 601)

    await town.runs()
    task = await town.task()
    await town.runs(task)

    assert await town.book(task) == [("first/kontext", None)]


async def test_the_requests_of_one_task_are_one_task_however_many_there_are(town: Town) -> None:
    town.routes = (FIRST,)
    task = await town.task()
    for number in range(1, CONFIRMING_TASKS + 1):
        await town.journal.failed(await intend_attempt(town.journal, task, number, FIRST), REFUSED, FIRST)

    turn = await town.journal.intend(await town.task(), 1, [FIRST])

    assert isinstance(turn, IntendedAttempt)


async def test_a_vendor_that_is_down_is_waited_for_where_there_is_no_other(town: Town) -> None:
    town.routes = (FIRST,)
    for _ in range(2):
        await town.tells([DOWN] * 3, []).runs()
    assert TRIP_AT < 6

    kept = await town.tells([picture], []).runs()

    assert isinstance(kept, KeptImage)
    assert max(town.clock.slept) > 5


async def test_a_short_pause_is_waited_out_and_a_long_one_is_not(town: Town) -> None:
    short = replace(LATER, retry_after_s=5)
    first, second = await town.task(), await town.task()

    await town.tells([short, picture], []).runs(first)
    await town.tells([LATER], [picture]).runs(second)

    assert await town.book(first) == [("first/kontext", "rate_limited"), ("first/kontext", None)]
    assert await town.book(second) == [("first/kontext", "rate_limited"), ("second/kontext", None)]


async def test_a_pause_holds_for_every_task(town: Town) -> None:
    town.routes = (FIRST,)
    await town.tells([LATER, picture], []).runs()
    town.clock.slept.clear()
    await town.tells([replace(LATER, retry_after_s=20), picture], []).runs()
    task = await town.task()
    await town.service.store.run(lambda records: records.provider_state.pause("first", town.clock.ms + 20_000))
    town.clock.slept.clear()

    await town.tells([picture], []).runs(task)

    assert await town.book(task) == [("first/kontext", None)]
    [waited] = town.clock.slept
    assert 20 <= waited < 21


# --- going on where another left off ------------------------------------------------------------------------------


async def test_a_job_is_asked_after_over_the_route_it_was_ordered_by(town: Town) -> None:
    task = await town.task()
    attempt = await intend_attempt(town.journal, task, 1, SECOND)
    await town.journal.submitted(attempt, {"id": "job-1"})

    kept = await town.tells([], [Pending(50), picture]).runs(task)

    assert isinstance(kept, KeptImage)
    assert kept.served_by["provider"] == "second"
    assert town.scripts["second"].polls == [{"id": "job-1"}] * 2


async def test_a_job_is_asked_after_with_the_options_of_its_own_model(town: Town) -> None:
    """Two models may lead to one name at a vendor, each with options of its own."""
    task = await town.task()
    attempt = await intend_attempt(town.journal, task, 1, FIRST)
    await town.journal.submitted(attempt, {"id": "job-1"})
    asked: list[Mapping[str, Any]] = []
    town.routes = (replace(FIRST, options={"pick": "crop"}),)
    town.others = {"midjourney": (replace(FIRST, options={"pick": "upscale"}),)}

    def looks(order: GenerationRequest) -> Any:
        asked.append(order.options)
        return picture(order)

    await town.tells([looks], []).runs(task)

    assert asked == [{"pick": "crop"}]


async def test_a_job_is_brought_home_although_its_route_was_taken_away(town: Town) -> None:
    task = await town.task()
    attempt = await intend_attempt(town.journal, task, 1, SECOND)
    await town.journal.submitted(attempt, {"id": "job-1"})
    town.routes = (FIRST,)

    kept = await town.tells([], [picture]).runs(task)

    assert isinstance(kept, KeptImage)
    assert kept.served_by["model"] == "kontext"


async def test_a_job_at_a_vendor_that_is_no_longer_configured_follows_the_policy(town: Town) -> None:
    task = await town.task()
    attempt = await intend_attempt(town.journal, task, 1, SECOND)
    await town.journal.submitted(attempt, {"id": "job-1"})
    town.policy = UnknownOutcome.FAIL_AND_REFUND
    town.tells([], [])
    del town.scripts["second"]

    outcome = await town.runs(task)

    assert isinstance(outcome, Failure)
    assert outcome.reason == "second is no longer configured; whether it did the work is unknown"
    assert await town.book(task) == [("second/kontext", "unknown_outcome")]


async def test_a_handle_that_changes_is_the_one_that_is_asked_by_and_found_again(town: Town) -> None:
    task = await town.task()
    grid, quarter = {"id": "grid"}, {"id": "quarter"}

    kept = await town.tells([Accepted(grid), Pending(handle=quarter), Pending(80), picture], []).runs(task)

    assert isinstance(kept, KeptImage)
    assert town.scripts["first"].polls == [grid, quarter, quarter]
    [attempt] = await town.service.attempts(task)
    assert attempt.handle == quarter


# --- limits -------------------------------------------------------------------------------------------------------


async def test_no_more_orders_are_in_hand_than_the_vendor_takes(town: Town) -> None:
    town.limits = {"first": ProviderLimits(concurrency=2)}
    tasks = [await town.task() for _ in range(3)]
    attempts = [await intend_attempt(town.journal, task, 1, FIRST) for task in tasks[:2]]

    full = await town.journal.intend(tasks[2], 1, [FIRST])
    await town.journal.failed(attempts[0], DOWN, None)
    free = await town.journal.intend(tasks[2], 1, [FIRST])

    assert "2 jobs under way" in str(full)
    assert "attempt=" in str(free)


async def test_a_vendor_that_is_full_is_waited_for_and_costs_no_fallback(town: Town) -> None:
    town.limits = {"first": ProviderLimits(concurrency=1)}
    town.tells([picture], [])
    attempt = await intend_attempt(town.journal, await town.task(), 1, FIRST)
    task = await town.task()

    waiting = asyncio.create_task(town.runs(task))
    await town.clock.wait_for_sleeps(2)
    await town.journal.failed(attempt, DOWN, None)
    await waiting

    assert await town.book(task) == [("first/kontext", None)]


async def test_orders_begin_at_the_pace_that_the_operator_set(town: Town) -> None:
    town.limits = {"first": ProviderLimits(per_minute=6)}
    town.tells([picture] * 3, [])
    began = town.clock.ms

    for _ in range(3):
        await town.runs()

    assert 20_000 <= town.clock.ms - began < 22_000


async def test_what_an_attempt_should_cost_is_written_down_before_it_is_known(town: Town) -> None:
    task = await town.task()
    await town.tells([REFUSED], [picture]).runs(task)

    attempts = await town.service.attempts(task)

    assert [(each.price_usd, each.cost_usd, each.charged) for each in attempts] == [
        (0.05, None, False),
        (0.05, 0.04, True),
    ]
