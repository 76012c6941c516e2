"""What all workers know together of the ways to the vendors, on both databases."""

import asyncio

import pytest

from limner.application.generation.journal import IntendedAttempt, SpendJournal
from limner.application.generation.route_limits import RouteLimits, RouteWait
from limner.db.open_store import open_store
from limner.db.tables.attempts import MarginRow, RouteSpend
from limner.db.tables.tasks import ClaimLimit
from limner.domain.ids import AttemptId, TaskId
from limner.domain.routing.breaker import CLOSED, Breaker
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.provider_limits import ProviderLimits, ProviderMeter
from limner.domain.routing.route import Route, UnknownOutcome
from stores import SUCCEEDED, ServiceHarness, intend_attempt

KONTEXT, DEV, GPT = "flux.1_kontext_pro", "flux.1_dev", "gpt_image_2"
NOBODYS = AttemptId("00000000-0000-7000-8000-000000000000")
"""An attempt of no row."""

FLUX = Route("bfl/flux", "bfl", "flux", 120.0, UnknownOutcome.RESEND_ONCE, price_usd=0.05)
OPENAI = Route("openai/gpt", "openai", "gpt", 120.0, UnknownOutcome.RESEND_ONCE)
ROUTES = {KONTEXT: (FLUX,), DEV: (FLUX,), GPT: (OPENAI,)}
DOWN = Failure(FailureKind.TRANSIENT, "down")


def journal(service: ServiceHarness, **limits: ProviderLimits) -> SpendJournal:
    return SpendJournal(service.store, service.clock, RouteLimits(limits))


async def claim_limits(service: ServiceHarness, **limits: ProviderLimits) -> list[ClaimLimit]:
    route_limits = RouteLimits(limits)
    return list(
        await service.store.read(lambda records: route_limits.claim_limits(records, ROUTES, service.clock.now_ms()))
    )


async def sends(service: ServiceHarness, *models: str) -> list[TaskId]:
    key = await service.open_account(limit=100)
    return [await service.submit_task(key, model=model) for model in models]


async def claims(service: ServiceHarness, given: list[ClaimLimit], limit: int = 100) -> list[TaskId]:
    now_ms = service.clock.now_ms()
    claimed = await service.store.run(lambda records: records.tasks.claim("worker", now_ms, 15_000, limit, given))
    return [each.task.id for each in claimed]


async def test_what_is_known_of_a_route_and_a_provider_is_kept(service: ServiceHarness) -> None:
    broken = Breaker(3, 1, 99, FailureKind.AUTH, "no such key", 1)

    await service.store.run(lambda records: records.provider_state.save_breaker("bfl/flux", broken))
    await service.store.run(lambda records: records.provider_state.pause("bfl", 50))
    await service.store.run(lambda records: records.provider_state.pause("bfl", 20))

    assert await service.store.read(lambda records: records.provider_state.breakers()) == {"bfl/flux": broken}
    assert await service.store.read(lambda records: records.provider_state.meters()) == {"bfl": ProviderMeter(50, 0)}


async def test_a_route_that_works_again_is_forgiven(service: ServiceHarness) -> None:
    route_limits = RouteLimits()
    failure = Failure(FailureKind.AUTH, "no such key")
    await service.store.run(lambda records: route_limits.record_failure(records, NOBODYS, FLUX, failure, 1, 1))

    await service.store.run(lambda records: route_limits.record_success(records, FLUX))

    assert await service.store.read(lambda records: records.provider_state.breakers()) == {"bfl/flux": CLOSED}


async def test_a_service_that_starts_probes_a_route_that_its_operator_may_have_mended(service: ServiceHarness) -> None:
    before, now_ms = RouteLimits(), service.clock.ms
    failure = Failure(FailureKind.AUTH, "no such key")
    await service.store.run(lambda records: before.confirm_failure(records, FLUX, failure, now_ms))

    after = RouteLimits(start_ms=now_ms + 1)
    refused = await service.store.run(lambda records: before.acquire(records, [FLUX], now_ms + 2))
    probes = await service.store.run(lambda records: after.acquire(records, [FLUX], now_ms + 2))
    waits = await service.store.run(lambda records: after.acquire(records, [FLUX], now_ms + 3))
    await service.store.run(lambda records: after.confirm_failure(records, FLUX, failure, now_ms + 4))
    refused_again = await service.store.run(lambda records: after.acquire(records, [FLUX], now_ms + 5))

    assert probes == FLUX
    assert isinstance(refused, Failure)
    assert isinstance(refused_again, Failure)
    assert isinstance(waits, RouteWait)


async def test_many_failures_at_once_open_the_breaker_once(
    service: ServiceHarness,
) -> None:
    book = journal(service)
    tasks = await sends(service, *[KONTEXT] * 24)
    await service.claim_tasks()
    attempts = [await intend_attempt(book, task, 1, FLUX) for task in tasks]
    service.clock.pass_time(2)

    for attempt in attempts:
        await book.failed(attempt, DOWN, FLUX)
        service.clock.pass_time(0.01)

    [breaker] = (await service.store.read(lambda records: records.provider_state.breakers())).values()
    assert breaker.openings == 1
    assert breaker.open_until_ms - service.clock.ms < 10_000


async def test_of_two_workers_one_probes_a_half_open_route(service: ServiceHarness, url: str) -> None:
    tasks = await sends(service, *[KONTEXT] * 8)
    await service.claim_tasks()
    rested = Breaker(1, 1, service.clock.ms, FailureKind.AUTH, "no such key", service.clock.ms - 60_000)
    await service.store.run(lambda records: records.provider_state.save_breaker(FLUX.name, rested))
    other = open_store(url, local_clock=True)
    journals = [journal(service), SpendJournal(other, service.clock)]
    try:
        turns = await asyncio.gather(
            *(journals[number % 2].intend(task, 1, [FLUX]) for number, task in enumerate(tasks))
        )
    finally:
        await other.close()

    assert sum(isinstance(turn, IntendedAttempt) for turn in turns) == 1


async def test_nonsense_for_a_pause_is_a_day(service: ServiceHarness) -> None:
    for_ever = Failure(FailureKind.RATE_LIMITED, "later", retry_after_s=1e300)

    await service.store.run(lambda records: RouteLimits().record_failure(records, NOBODYS, FLUX, for_ever, 1, 1))

    assert await service.store.read(lambda records: records.provider_state.meters()) == {
        "bfl": ProviderMeter(1 + 86_400_000, 0)
    }


async def test_two_workers_share_a_provider_s_concurrency_limit(service: ServiceHarness, url: str) -> None:
    tasks = await sends(service, *[KONTEXT] * 12)
    await service.claim_tasks()
    other = open_store(url, local_clock=True)
    journals = [
        journal(service, bfl=ProviderLimits(concurrency=5)),
        SpendJournal(other, service.clock, RouteLimits({"bfl": ProviderLimits(5)})),
    ]
    try:
        turns = await asyncio.gather(
            *(journals[number % 2].intend(task, 1, [FLUX]) for number, task in enumerate(tasks))
        )
    finally:
        await other.close()

    assert sum(isinstance(turn, IntendedAttempt) for turn in turns) == 5
    assert sum(isinstance(turn, RouteWait) for turn in turns) == 7


async def test_two_workers_share_a_provider_s_rate_limit(service: ServiceHarness, url: str) -> None:
    tasks = await sends(service, *[KONTEXT] * 8)
    await service.claim_tasks()
    limits = ProviderLimits(per_minute=6, burst=3)
    other = open_store(url, local_clock=True)
    journals = [journal(service, bfl=limits), SpendJournal(other, service.clock, RouteLimits({"bfl": limits}))]
    try:
        turns = await asyncio.gather(
            *(journals[number % 2].intend(task, 1, [FLUX]) for number, task in enumerate(tasks))
        )
    finally:
        await other.close()

    assert sum(isinstance(turn, IntendedAttempt) for turn in turns) == 3


# --- what stays in the queue --------------------------------------------------------------------------------------


async def test_without_limits_every_task_may_start(service: ServiceHarness) -> None:
    assert await claim_limits(service) == []


async def test_models_of_one_provider_share_its_room(service: ServiceHarness) -> None:
    await sends(service, KONTEXT, DEV, GPT)
    await service.claim_tasks()

    assert await claim_limits(service, bfl=ProviderLimits(concurrency=3)) == [ClaimLimit((KONTEXT, DEV), 1)]


async def test_no_more_tasks_are_claimed_than_the_rate_limit_lets_submit_soon(
    service: ServiceHarness,
) -> None:
    """Those that wait in a worker wait in no order, and use up the time that they may run."""
    limits = ProviderLimits(per_minute=60, burst=5)
    first, *_ = await sends(service, *[KONTEXT] * 20)
    before = await claim_limits(service, bfl=limits)

    await claims(service, before)
    after = await claim_limits(service, bfl=limits)
    await intend_attempt(journal(service), first, 1, FLUX)

    assert before == [ClaimLimit((KONTEXT, DEV), 15)]
    assert after == [ClaimLimit((KONTEXT, DEV), 0)]
    assert await claim_limits(service, bfl=limits) == [ClaimLimit((KONTEXT, DEV), 1)]


async def test_a_task_that_has_its_order_out_takes_no_room_from_those_that_wait(service: ServiceHarness) -> None:
    slow = ProviderLimits(per_minute=6)
    tasks = await sends(service, *[KONTEXT] * 6)
    await service.claim_tasks()
    for task in tasks:
        await intend_attempt(journal(service), task, 1, FLUX)

    assert await claim_limits(service, bfl=slow) == [ClaimLimit((KONTEXT, DEV), 2)]
    assert await claim_limits(service, bfl=ProviderLimits(7, per_minute=6)) == [ClaimLimit((KONTEXT, DEV), 1)]


async def test_a_half_open_route_is_probed_by_one_task_while_the_others_stay_queued(
    service: ServiceHarness,
) -> None:
    first, second, *_ = await sends(service, *[KONTEXT] * 5, GPT)
    rested = Breaker(5, 1, service.clock.ms, FailureKind.TRANSIENT, "down", service.clock.ms - 10_000)
    await service.store.run(lambda records: records.provider_state.save_breaker(FLUX.name, rested))

    given = await claim_limits(service)
    claimed = await claims(service, given)
    while_it_prepares = await claim_limits(service)
    await intend_attempt(journal(service), first, 1, FLUX)
    while_it_tries = await claim_limits(service)

    assert given == [ClaimLimit((KONTEXT, DEV), 1)]
    assert first in claimed
    assert second not in claimed
    assert while_it_prepares == while_it_tries == [ClaimLimit((KONTEXT, DEV), 0)]


async def test_with_another_route_no_task_waits_for_a_probe(
    service: ServiceHarness,
) -> None:
    rested = Breaker(5, 1, service.clock.ms, FailureKind.TRANSIENT, "down", service.clock.ms - 10_000)
    await service.store.run(lambda records: records.provider_state.save_breaker(FLUX.name, rested))
    ways = {KONTEXT: (FLUX, OPENAI), DEV: (FLUX,)}

    given = await service.store.read(lambda records: RouteLimits().claim_limits(records, ways, service.clock.ms))

    assert given == [ClaimLimit((DEV,), 1)]


async def test_a_provider_that_pauses_has_no_room_until_it_is_over(service: ServiceHarness) -> None:
    await service.store.run(lambda records: records.provider_state.pause("bfl", service.clock.now_ms() + 5000))
    paused = await claim_limits(service)
    service.clock.pass_time(5)

    assert paused == [ClaimLimit((KONTEXT, DEV), 0)]
    assert await claim_limits(service) == []


async def test_a_route_that_is_down_keeps_its_tasks_waiting_and_a_broken_one_lets_them_fail(
    service: ServiceHarness,
) -> None:
    later = service.clock.now_ms() + 5000
    down, broken = Breaker(5, 1, later, FailureKind.TRANSIENT, "down"), Breaker(1, 1, later, FailureKind.AUTH, "no")
    await service.store.run(lambda records: records.provider_state.save_breaker(FLUX.name, down))
    await service.store.run(lambda records: records.provider_state.save_breaker(OPENAI.name, broken))

    assert await claim_limits(service) == [ClaimLimit((KONTEXT, DEV), 0)]


async def test_no_more_tasks_start_than_there_is_room_for_and_the_others_pass_them_by(service: ServiceHarness) -> None:
    k1, k2, g1, d1, g2 = await sends(service, KONTEXT, KONTEXT, GPT, DEV, GPT)

    assert await claims(service, [ClaimLimit((KONTEXT, DEV), 1)]) == [k1, g1, g2]
    assert await claims(service, [ClaimLimit((KONTEXT, DEV), 0)]) == []
    assert await claims(service, [ClaimLimit((KONTEXT, DEV), 5)]) == [k2, d1]


async def test_a_worker_without_place_for_all_takes_them_in_fair_order_whatever_their_rooms(
    service: ServiceHarness,
) -> None:
    g1, k1, k2, g2, k3 = await sends(service, GPT, KONTEXT, KONTEXT, GPT, KONTEXT)

    assert await claims(service, [ClaimLimit((KONTEXT, DEV), 24)], limit=2) == [g1, k1]
    assert await claims(service, [ClaimLimit((KONTEXT, DEV), 24), ClaimLimit((GPT,), 24)], limit=2) == [k2, g2]
    assert await claims(service, [ClaimLimit((KONTEXT, DEV), 24)], limit=2) == [k3]


async def test_a_claim_takes_no_more_than_the_worker_can_hold_whatever_the_rooms(service: ServiceHarness) -> None:
    await sends(service, KONTEXT, KONTEXT, GPT, GPT)

    assert len(await claims(service, [ClaimLimit((KONTEXT,), 9)], limit=3)) == 3
    assert len(await claims(service, [ClaimLimit((KONTEXT,), 9)], limit=3)) == 1


# --- money --------------------------------------------------------------------------------------------------------


async def test_spend_is_reported_by_route_beside_the_credits(service: ServiceHarness) -> None:
    book = journal(service)
    good, wasted, doubtful = await sends(service, KONTEXT, KONTEXT, KONTEXT)
    await service.claim_tasks()
    await book.failed(
        await intend_attempt(book, wasted, 1, FLUX), Failure(FailureKind.BAD_OUTPUT, "x", charged=True), FLUX
    )
    await book.failed(await intend_attempt(book, doubtful, 1, FLUX), Failure(FailureKind.UNKNOWN_OUTCOME, "cut"), FLUX)
    await service.write_intent(good, route="elsewhere")
    attempt = await intend_attempt(book, good, 2, FLUX)
    await service.execute_sql(
        "UPDATE attempts SET state = 'delivered', charged = 1, cost_usd = 0.04 WHERE id = :id", id=attempt
    )
    await service.settle_task(good)

    reported = await service.store.read(lambda records: records.attempts.spend(0, service.clock.now_ms() + 1))

    flux = next(each for each in reported if each.route == FLUX.name)
    assert flux == RouteSpend(
        "bfl", FLUX.name, 3, 1, 1, 1, pytest.approx(0.09), pytest.approx(0.05), 0, SUCCEEDED.consumed
    )


async def delivered(service: ServiceHarness, task: TaskId, number: int, provider: str, cost_usd: float | None) -> None:
    """A picture of the task, delivered and charged."""
    attempt = await service.write_intent(task, number, route=f"{provider}/x")
    await service.execute_sql(
        "UPDATE attempts SET state = 'delivered', charged = 1, cost_usd = :cost, provider = :provider, part = :part "
        "WHERE id = :id",
        id=attempt,
        cost=cost_usd,
        provider=provider,
        part=str(number),
    )


async def test_margins_are_told_by_day_model_and_provider(service: ServiceHarness) -> None:
    since_ms = service.clock.now_ms()
    first, second, third = await sends(service, KONTEXT, KONTEXT, GPT)
    await service.claim_tasks()
    await delivered(service, first, 1, "bfl", 0.04)
    await delivered(service, first, 2, "fal", 0.05)
    await service.settle_task(first)
    await delivered(service, second, 1, "bfl", None)
    await service.settle_task(second)
    service.clock.ms += 86_400_000
    await delivered(service, third, 1, "openai", 0.25)
    await service.settle_task(third)
    until_ms = service.clock.now_ms() + 1

    margins = await service.store.read(lambda records: records.attempts.margins(since_ms, until_ms))
    spent = await service.store.read(lambda records: records.attempts.spend(since_ms, until_ms))

    share = SUCCEEDED.consumed
    assert margins == [
        MarginRow(0, KONTEXT, "bfl", 2, 1.5 * share, pytest.approx(0.04), 0.0, 1),
        MarginRow(0, KONTEXT, "fal", 1, 0.5 * share, pytest.approx(0.05), 0.0, 0),
        MarginRow(1, GPT, "openai", 1, share, pytest.approx(0.25), 0.0, 0),
    ]
    assert sum(each.credits for each in margins) == sum(each.credits for each in spent)


async def test_only_orders_begun_in_the_time_count(service: ServiceHarness) -> None:
    book = journal(service)
    [task] = await sends(service, KONTEXT)
    await service.claim_tasks()
    await intend_attempt(book, task, 1, FLUX)
    now_ms = service.clock.now_ms()

    counted = [
        await service.store.read(lambda records, at=at: records.attempts.spend(*at))
        for at in ((0, now_ms), (now_ms, now_ms + 1), (now_ms + 1, now_ms + 2))
    ]

    assert [len(rows) for rows in counted] == [0, 1, 0]
