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
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.routing.breaker import CONFIRMING_TASKS, TRIP_AT, UNCERTAIN_FAILURES
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.provider_limits import ProviderLimits
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.spec import TaskSpec
from limner.models import shipped_models
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
class FallbackHarness:
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

    def script_vendors(self, first: list[ScriptLine], second: list[ScriptLine]) -> "FallbackHarness":
        self.scripts = {"first": CheckedProvider(first, "first"), "second": CheckedProvider(second, "second")}
        return self

    async def task(self, key: Key | None = None) -> TaskId:
        """A running task, of an account of its own unless one is given."""
        task = await self.service.submit_task(key or await self.account())
        await self.service.claim_tasks()
        return task

    async def succeed(self) -> None:
        """A task of an account of its own that ends with a picture."""
        task = await self.task()
        await self.generate(task)
        await self.service.settle_task(task)
        self.clock.pass_time(1)

    async def account(self) -> Key:
        return await self.service.open_account(f"account-{next(self.numbers)}", limit=100)

    async def generate(self, task: TaskId | None = None, interrupt: Interrupt | None = None) -> KeptImage | Failure:
        task = task or await self.task()
        providers: dict[str, Provider] = {**self.scripts}
        routing = Routing(
            providers, "first", 900.0, self.policy, routes={MODEL: self.routes, **self.others}, models=shipped_models()
        )
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
                attempts=await self.journal.of(task),
                record=self.journal.delivered,
            )
        )

    async def outcomes(self, task: TaskId) -> list[tuple[str, str | None]]:
        return [(attempt.route, attempt.outcome) for attempt in await self.service.attempts(task)]


@pytest.fixture
def harness(service: ServiceHarness) -> FallbackHarness:
    return FallbackHarness(service)


async def test_a_route_that_fails_for_good_is_left_for_the_next(harness: FallbackHarness) -> None:
    task = await harness.task()

    kept = await harness.script_vendors([REFUSED], [picture]).generate(task)

    assert isinstance(kept, KeptImage)
    assert kept.served_by["provider"] == "second"
    assert await harness.outcomes(task) == [("first/kontext", "auth"), ("second/kontext", None)]
    assert harness.clock.slept == []


async def test_vendor_trouble_is_logged_with_provider_kind_and_cost(harness: FallbackHarness) -> None:
    limited = replace(DOWN, kind=FailureKind.RATE_LIMITED, retry_after_s=600)
    with capture_logs() as logged:
        harness.script_vendors([REFUSED, limited, picture], [picture, picture])
        await harness.generate()
        harness.clock.pass_time(61)
        await harness.generate()
        harness.clock.pass_time(601)
        await harness.generate()

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


async def test_what_passes_is_waited_for_before_the_next_route_is_tried(harness: FallbackHarness) -> None:
    task = await harness.task()

    await harness.script_vendors([DOWN, DOWN, DOWN], [picture]).generate(task)

    assert [route for route, _ in await harness.outcomes(task)] == ["first/kontext"] * 3 + ["second/kontext"]
    assert len(harness.clock.slept) == 2


async def test_a_vendor_that_is_down_for_long_by_its_own_word_is_left_for_the_next_route(
    harness: FallbackHarness,
) -> None:
    short, long = (replace(DOWN, retry_after_s=seconds) for seconds in (20, 600))
    first, second = await harness.task(), await harness.task()

    await harness.script_vendors([short, picture], []).generate(first)
    slept = list(harness.clock.slept)
    await harness.script_vendors([long], [picture]).generate(second)

    assert [route for route, _ in await harness.outcomes(first)] == ["first/kontext"] * 2
    assert [route for route, _ in await harness.outcomes(second)] == ["first/kontext", "second/kontext"]
    assert harness.clock.slept == slept == [20]


async def test_the_last_failure_is_reported_when_all_routes_failed(harness: FallbackHarness) -> None:
    outcome = await harness.script_vendors([REFUSED], [DOWN, DOWN, DOWN]).generate()

    assert outcome == DOWN


async def test_a_content_policy_failure_does_not_fall_back(harness: FallbackHarness) -> None:
    banned = Failure(FailureKind.CONTENT_POLICY, "not this")

    assert await harness.script_vendors([banned], []).generate() == banned


async def test_a_call_of_unknown_outcome_is_bought_once_more_at_most_whatever_routes_there_are(
    harness: FallbackHarness,
) -> None:
    harness.routes = (replace(FIRST, deadline_s=0.01), replace(SECOND, deadline_s=0.01))
    task = await harness.task()

    outcome = await harness.script_vendors([never_answers, never_answers], [never_answers]).generate(task)

    assert isinstance(outcome, Failure)
    assert await harness.outcomes(task) == [("first/kontext", "unknown_outcome")] * 2


async def test_a_route_that_was_found_broken_is_passed_over_by_the_tasks_that_follow(harness: FallbackHarness) -> None:
    harness.script_vendors([REFUSED], [picture, picture])
    await harness.generate()
    task = await harness.task()

    await harness.generate(task)

    assert await harness.outcomes(task) == [("second/kontext", None)]


async def test_a_half_open_route_is_probed_by_one_task(harness: FallbackHarness) -> None:
    harness.script_vendors([REFUSED, picture, picture], [picture])
    await harness.generate()
    harness.clock.pass_time(61)

    probe, after = await harness.task(), await harness.task()
    await harness.generate(probe)
    await harness.generate(after)

    assert await harness.outcomes(probe) == [("first/kontext", None)]
    assert await harness.outcomes(after) == [("first/kontext", None)]


async def test_while_one_task_probes_a_route_the_others_take_another(harness: FallbackHarness) -> None:
    answered = asyncio.Event()

    async def slowly(order: GenerationRequest) -> Failure:
        await answered.wait()
        return REFUSED

    harness.script_vendors([REFUSED, slowly], [picture, picture, picture])
    await harness.generate()
    harness.clock.pass_time(61)
    probing = asyncio.create_task(harness.generate(await harness.task()))
    await harness.scripts["first"].wait_for_calls(2)
    task = await harness.task()

    await harness.generate(task)
    answered.set()
    await probing

    assert await harness.outcomes(task) == [("second/kontext", None)]


async def test_while_one_task_probes_the_only_route_the_others_wait(
    harness: FallbackHarness,
) -> None:
    answered = asyncio.Event()

    async def slowly(order: GenerationRequest) -> Any:
        await answered.wait()
        return picture(order)

    harness.routes = (FIRST,)
    harness.script_vendors([REFUSED, slowly, picture], [])
    await harness.generate()
    harness.clock.pass_time(61)
    probing = asyncio.create_task(harness.generate(await harness.task()))
    await harness.scripts["first"].wait_for_calls(2)
    task = await harness.task()

    outcome = await harness.generate(task)
    answered.set()
    await probing

    assert isinstance(outcome, KeptImage)


async def test_a_broken_route_without_another_fails_its_tasks_at_once_and_says_why(harness: FallbackHarness) -> None:
    harness.routes = (FIRST,)
    await harness.script_vendors([REFUSED], []).generate()
    task = await harness.task()

    outcome = await harness.generate(task)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.reason) == (FailureKind.AUTH, "the key is not known")
    assert await harness.outcomes(task) == []


@pytest.mark.parametrize("kind", sorted(UNCERTAIN_FAILURES))
async def test_a_hard_failure_of_one_request_does_not_open_the_route_for_others_while_the_check_succeeds(
    harness: FallbackHarness, kind: FailureKind
) -> None:
    harness.script_vendors([Failure(kind, "a firewall's page"), picture], [picture])
    harness.scripts["first"].check_succeeds = True
    first, second = await harness.task(), await harness.task()

    await harness.generate(first)
    await harness.generate(second)

    assert harness.scripts["first"].checks == [["kontext"]]
    assert await harness.outcomes(first) == [("first/kontext", kind), ("second/kontext", None)]
    assert await harness.outcomes(second) == [("first/kontext", None)]


async def test_a_hard_failure_that_the_vendor_s_check_confirms_opens_the_route_at_once(
    harness: FallbackHarness,
) -> None:
    harness.script_vendors([REFUSED], [picture, picture])
    await harness.generate()
    task = await harness.task()

    await harness.generate(task)

    assert harness.scripts["first"].checks == [["kontext"]]
    assert await harness.outcomes(task) == [("second/kontext", None)]


async def test_a_hard_failure_that_three_tasks_meet_within_ten_minutes_opens_the_route_without_the_check(
    harness: FallbackHarness,
) -> None:
    harness.script_vendors([REFUSED] * CONFIRMING_TASKS, [picture] * (CONFIRMING_TASKS + 1))
    harness.scripts["first"].check_succeeds = True
    for _ in range(CONFIRMING_TASKS):
        await harness.generate()
    task = await harness.task()

    await harness.generate(task)

    assert len(harness.scripts["first"].checks) == CONFIRMING_TASKS - 1
    assert await harness.outcomes(task) == [("second/kontext", None)]


@pytest.mark.parametrize("failure", [REFUSED, DOWN])
async def test_failures_of_one_account_alone_do_not_stop_the_others(harness: FallbackHarness, failure: Failure) -> None:
    failures = 3 * TRIP_AT
    harness.script_vendors([picture, *[failure] * failures, picture], [picture] * failures)
    harness.scripts["first"].check_succeeds = True
    await harness.succeed()
    one = await harness.account()
    while harness.scripts["first"].script[1:]:
        await harness.generate(await harness.task(one))
    task = await harness.task()

    await harness.generate(task)

    assert await harness.outcomes(task) == [("first/kontext", None)]


@pytest.mark.parametrize("failure", [REFUSED, DOWN])
async def test_failures_of_the_only_account_that_uses_a_route_open_it(
    harness: FallbackHarness, failure: Failure
) -> None:
    failures = 2 * TRIP_AT
    harness.script_vendors([failure] * failures, [picture] * failures)
    harness.scripts["first"].check_succeeds = True
    one = await harness.account()
    for _ in range(TRIP_AT):
        await harness.generate(await harness.task(one))
    task = await harness.task(one)

    await harness.generate(task)

    assert await harness.outcomes(task) == [("second/kontext", None)]


@pytest.mark.parametrize("failure", [REFUSED, DOWN])
async def test_a_failure_of_a_second_account_opens_a_route_that_fails_for_the_first(
    harness: FallbackHarness, failure: Failure
) -> None:
    failures = 3 * TRIP_AT
    harness.script_vendors([picture, *[failure] * failures], [picture] * failures)
    harness.scripts["first"].check_succeeds = True
    await harness.succeed()
    one = await harness.account()
    for _ in range(TRIP_AT):
        await harness.generate(await harness.task(one))
    second = await harness.task()
    await harness.journal.failed(await intend_attempt(harness.journal, second, 1, FIRST), failure, FIRST)

    turn = await harness.journal.intend(await harness.task(one), 1, [FIRST])

    assert not isinstance(turn, IntendedAttempt)


@pytest.mark.parametrize("between", ["a success", "ten minutes"])
async def test_hard_failures_before_a_success_or_ten_minutes_ago_confirm_nothing(
    harness: FallbackHarness, between: str
) -> None:
    others = [REFUSED] * (CONFIRMING_TASKS - 1)
    harness.script_vendors([*others, *([picture] if between == "a success" else []), REFUSED, picture], [picture] * 3)
    harness.scripts["first"].check_succeeds = True
    for _ in others:
        await harness.generate()
    if between == "a success":
        done = await harness.task()
        await harness.generate(done)
        await harness.service.settle_task(done)
    harness.clock.pass_time(1 if between == "a success" else 601)

    await harness.generate()
    task = await harness.task()
    await harness.generate(task)

    assert await harness.outcomes(task) == [("first/kontext", None)]


async def test_the_requests_of_one_task_are_one_task_however_many_there_are(harness: FallbackHarness) -> None:
    harness.routes = (FIRST,)
    task = await harness.task()
    for number in range(1, CONFIRMING_TASKS + 1):
        await harness.journal.failed(await intend_attempt(harness.journal, task, number, FIRST), REFUSED, FIRST)

    turn = await harness.journal.intend(await harness.task(), 1, [FIRST])

    assert isinstance(turn, IntendedAttempt)


async def test_a_vendor_that_is_down_is_waited_for_where_there_is_no_other(harness: FallbackHarness) -> None:
    harness.routes = (FIRST,)
    for _ in range(2):
        await harness.script_vendors([DOWN] * 3, []).generate()
    assert TRIP_AT < 6

    kept = await harness.script_vendors([picture], []).generate()

    assert isinstance(kept, KeptImage)
    assert max(harness.clock.slept) > 5


async def test_a_short_pause_is_waited_out_and_a_long_one_is_not(harness: FallbackHarness) -> None:
    short = replace(LATER, retry_after_s=5)
    first, second = await harness.task(), await harness.task()

    await harness.script_vendors([short, picture], []).generate(first)
    await harness.script_vendors([LATER], [picture]).generate(second)

    assert await harness.outcomes(first) == [("first/kontext", "rate_limited"), ("first/kontext", None)]
    assert await harness.outcomes(second) == [("first/kontext", "rate_limited"), ("second/kontext", None)]


async def test_a_pause_holds_for_every_task(harness: FallbackHarness) -> None:
    harness.routes = (FIRST,)
    await harness.script_vendors([LATER, picture], []).generate()
    harness.clock.slept.clear()
    await harness.script_vendors([replace(LATER, retry_after_s=20), picture], []).generate()
    task = await harness.task()
    await harness.service.store.run(lambda records: records.provider_state.pause("first", harness.clock.ms + 20_000))
    harness.clock.slept.clear()

    await harness.script_vendors([picture], []).generate(task)

    assert await harness.outcomes(task) == [("first/kontext", None)]
    [waited] = harness.clock.slept
    assert 20 <= waited < 21


# --- going on where another left off ------------------------------------------------------------------------------


async def test_a_job_is_asked_after_over_the_route_it_was_ordered_by(harness: FallbackHarness) -> None:
    task = await harness.task()
    attempt = await intend_attempt(harness.journal, task, 1, SECOND)
    await harness.journal.submitted(attempt, {"id": "job-1"})

    kept = await harness.script_vendors([], [Pending(50), picture]).generate(task)

    assert isinstance(kept, KeptImage)
    assert kept.served_by["provider"] == "second"
    assert harness.scripts["second"].polls == [{"id": "job-1"}] * 2


async def test_a_job_is_asked_after_with_the_options_of_its_own_model(harness: FallbackHarness) -> None:
    """Two models may lead to one name at a vendor, each with options of its own."""
    task = await harness.task()
    attempt = await intend_attempt(harness.journal, task, 1, FIRST)
    await harness.journal.submitted(attempt, {"id": "job-1"})
    asked: list[Mapping[str, Any]] = []
    harness.routes = (replace(FIRST, options={"pick": "crop"}),)
    harness.others = {"midjourney": (replace(FIRST, options={"pick": "upscale"}),)}

    def looks(order: GenerationRequest) -> Any:
        asked.append(order.options)
        return picture(order)

    await harness.script_vendors([looks], []).generate(task)

    assert asked == [{"pick": "crop"}]


async def test_a_job_is_completed_although_its_route_was_removed(harness: FallbackHarness) -> None:
    task = await harness.task()
    attempt = await intend_attempt(harness.journal, task, 1, SECOND)
    await harness.journal.submitted(attempt, {"id": "job-1"})
    harness.routes = (FIRST,)

    kept = await harness.script_vendors([], [picture]).generate(task)

    assert isinstance(kept, KeptImage)
    assert kept.served_by["model"] == "kontext"


async def test_a_job_at_a_vendor_that_is_no_longer_configured_follows_the_policy(harness: FallbackHarness) -> None:
    task = await harness.task()
    attempt = await intend_attempt(harness.journal, task, 1, SECOND)
    await harness.journal.submitted(attempt, {"id": "job-1"})
    harness.policy = UnknownOutcome.FAIL_AND_REFUND
    harness.script_vendors([], [])
    del harness.scripts["second"]

    outcome = await harness.generate(task)

    assert isinstance(outcome, Failure)
    assert outcome.reason == "second is no longer configured; whether it did the work is unknown"
    assert await harness.outcomes(task) == [("second/kontext", "unknown_outcome")]


async def test_a_handle_that_changes_is_the_one_that_is_asked_by_and_found_again(harness: FallbackHarness) -> None:
    task = await harness.task()
    grid, quarter = {"id": "grid"}, {"id": "quarter"}

    kept = await harness.script_vendors([Accepted(grid), Pending(handle=quarter), Pending(80), picture], []).generate(
        task
    )

    assert isinstance(kept, KeptImage)
    assert harness.scripts["first"].polls == [grid, quarter, quarter]
    [attempt] = await harness.service.attempts(task)
    assert attempt.handle == quarter


# --- limits -------------------------------------------------------------------------------------------------------


async def test_the_concurrency_limit_of_a_provider_holds(harness: FallbackHarness) -> None:
    harness.limits = {"first": ProviderLimits(concurrency=2)}
    tasks = [await harness.task() for _ in range(3)]
    attempts = [await intend_attempt(harness.journal, task, 1, FIRST) for task in tasks[:2]]

    full = await harness.journal.intend(tasks[2], 1, [FIRST])
    await harness.journal.failed(attempts[0], DOWN, None)
    free = await harness.journal.intend(tasks[2], 1, [FIRST])

    assert "2 jobs under way" in str(full)
    assert "attempt=" in str(free)


async def test_a_vendor_that_is_full_is_waited_for_and_costs_no_fallback(harness: FallbackHarness) -> None:
    harness.limits = {"first": ProviderLimits(concurrency=1)}
    harness.script_vendors([picture], [])
    attempt = await intend_attempt(harness.journal, await harness.task(), 1, FIRST)
    task = await harness.task()

    waiting = asyncio.create_task(harness.generate(task))
    await harness.clock.wait_for_sleeps(2)
    await harness.journal.failed(attempt, DOWN, None)
    await waiting

    assert await harness.outcomes(task) == [("first/kontext", None)]


async def test_the_rate_limit_of_a_provider_holds(harness: FallbackHarness) -> None:
    harness.limits = {"first": ProviderLimits(per_minute=6)}
    harness.script_vendors([picture] * 3, [])
    began = harness.clock.ms

    for _ in range(3):
        await harness.generate()

    assert 20_000 <= harness.clock.ms - began < 22_000


async def test_what_an_attempt_should_cost_is_written_down_before_it_is_known(harness: FallbackHarness) -> None:
    task = await harness.task()
    await harness.script_vendors([REFUSED], [picture]).generate(task)

    attempts = await harness.service.attempts(task)

    assert [(each.price_usd, each.cost_usd, each.charged) for each in attempts] == [
        (0.05, None, False),
        (0.05, 0.04, True),
    ]
