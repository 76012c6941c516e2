"""A task of several pictures of one prompt: each is bought by itself, and the task is settled by what was delivered."""

import asyncio
from dataclasses import replace

import pytest

from fakes import picture
from limner.application.generation.interrupt import Reason
from limner.application.generation.journal import DeliveredImage, KeptImage
from limner.application.tasks.execute import MAX_CLAIMS
from limner.db.tables.attempts import Attempt
from limner.domain.accounts.credits import Balance
from limner.domain.ids import TaskId
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.task import IgnoredField, Status
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending
from stores import PICTURE, ROUTE, ServiceHarness, intended_attempt
from unit.application.tasks.test_execute import HANDLE, ExecuteHarness

MODEL = "flux.1_kontext_pro"


@pytest.fixture
async def harness(service: ServiceHarness) -> ExecuteHarness:
    return ExecuteHarness(service, await service.open_account(opening=100))


async def leave_delivered(harness: ExecuteHarness, task: TaskId, part: str) -> None:
    attempt = await leave_intended(harness, task, part)
    await harness.journal.delivered(
        DeliveredImage(attempt.id, ROUTE, KeptImage(PICTURE, {"provider": "scripted"}), 10, 0.04)
    )


async def leave_intended(harness: ExecuteHarness, task: TaskId, part: str) -> Attempt:
    attempt = replace(intended_attempt(task, 1, harness.service.clock.now_ms(), ROUTE.name), part=part)
    await harness.service.store.run(lambda records: records.attempts.intend(attempt))
    return attempt


async def test_each_picture_is_bought_once_and_paid(harness: ExecuteHarness) -> None:
    await harness.script_vendor(picture, picture, picture).claim_task(n=3)

    task = await harness.run_to_end()

    assert (task.status, task.price, task.consumed, task.error_msg) == (Status.SUCCESS, 15, 15, None)
    assert task.result
    assert list(task.result.pictures()) == ["generated_image", "generated_image_2", "generated_image_3"]
    assert [(each.part, each.outcome) for each in await harness.service.attempts(task.id)] == [
        ("1", "picture"),
        ("2", "picture"),
        ("3", "picture"),
    ]
    assert await harness.service.balance(harness.key) == Balance(85, 0)
    assert task.served_by
    assert task.served_by["pictures"] == 3


async def test_each_picture_has_its_own_seed_from_the_caller_s_on(harness: ExecuteHarness) -> None:
    await harness.script_vendor(picture, picture, picture).claim_task(n=3, seed=2**31 - 2)

    await harness.run_to_end()

    assert sorted(order.seed for order in harness.vendor.submits) == [0, 2**31 - 2, 2**31 - 1]


async def test_a_picture_that_fails_does_not_stop_the_others_and_is_not_paid(harness: ExecuteHarness) -> None:
    await harness.script_vendor(picture, Failure(FailureKind.BAD_INPUT, "too wide"), picture).claim_task(n=3)

    task = await harness.run_to_end()

    assert (task.status, task.consumed, task.error_code) == (Status.SUCCESS, 10, None)
    assert task.error_msg == "2 of 3 pictures were made; then: too wide"
    assert task.result
    assert len(task.result.pictures()) == 2
    assert await harness.service.balance(harness.key) == Balance(90, 0)
    assert await harness.service.movements(task.id) == ["hold", "settle"]


async def test_one_of_several_is_told_as_one_of_so_many(harness: ExecuteHarness) -> None:
    await harness.script_vendor(Failure(FailureKind.BAD_INPUT, "too wide"), picture).claim_task(n=2)

    task = await harness.run_to_end()

    assert (task.pictures, task.consumed) == (2, 5)


async def test_a_task_none_of_whose_pictures_was_made_ends_as_the_first_failure_says(harness: ExecuteHarness) -> None:
    refused = Failure(FailureKind.CONTENT_POLICY, "not this")
    await harness.script_vendor(refused, refused).claim_task(n=2)

    task = await harness.run_to_end()

    assert (task.status, task.error_code, task.error_msg) == (Status.BANNED, 2008, "not this")
    assert await harness.service.balance(harness.key) == Balance(100, 0)


@pytest.mark.parametrize(
    ("reason", "words"),
    [(Reason.CANCEL, "cancelled by its owner"), (Reason.DEADLINE, "not done within 900 seconds")],
)
async def test_a_task_that_is_stopped_keeps_and_pays_what_was_delivered_by_then(
    harness: ExecuteHarness, reason: Reason, words: str
) -> None:
    def stops(order: GenerationRequest) -> Pending:
        harness.interrupt(reason)
        return Pending(10)

    harness.script_vendor(stops, Pending(10))
    task_id = await harness.claim_task(n=2)
    await leave_delivered(harness, task_id, "1")
    await harness.journal.submitted((await leave_intended(harness, task_id, "2")).id, HANDLE)

    task = await harness.run_to_end()

    assert (task.status, task.consumed) == (Status.SUCCESS, 5)
    assert task.error_msg == f"1 of 2 pictures were made; then: {words}"
    assert await harness.service.balance(harness.key) == Balance(95, 0)


async def test_a_cancelled_task_without_a_picture_is_cancelled_and_free(harness: ExecuteHarness) -> None:
    def stops(order: GenerationRequest) -> Pending:
        harness.interrupt(Reason.CANCEL)
        return Pending(10)

    harness.script_vendor(Accepted(HANDLE), Accepted(HANDLE), stops, stops, Pending(10), Pending(10))
    await harness.claim_task(n=2)

    task = await harness.run_to_end()

    assert (task.status, task.consumed) == (Status.CANCELLED, 0)
    assert await harness.service.balance(harness.key) == Balance(100, 0)


async def test_a_picture_that_comes_while_its_job_is_stopped_is_kept_too(harness: ExecuteHarness) -> None:
    async def delivered(order: GenerationRequest) -> Delivered:
        return await asyncio.to_thread(picture, order)

    def stops(order: GenerationRequest) -> Pending:
        harness.interrupt(Reason.CANCEL)
        return Pending(10)

    harness.script_vendor(Accepted(HANDLE), Accepted(HANDLE), stops, stops, delivered, Pending(10))
    await harness.claim_task(n=2)

    assert (await harness.run_to_end()).consumed == 5


# --- after a crash ------------------------------------------------------------------------------------------------


async def test_a_worker_that_takes_over_buys_only_what_is_missing(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor(picture).claim_task(n=3)
    await leave_delivered(harness, task, "1")
    await leave_delivered(harness, task, "3")
    await harness.take_over()

    ended = await harness.run_to_end()

    assert (ended.status, ended.consumed) == (Status.SUCCESS, 15)
    assert len(harness.vendor.submits) == 1


async def test_a_job_of_a_dead_worker_is_polled_and_the_others_are_bought(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor(picture, picture).claim_task(n=2)
    attempt = await leave_intended(harness, task, "2")
    await harness.journal.submitted(attempt.id, HANDLE)
    await harness.take_over()

    assert (await harness.run_to_end()).consumed == 10
    assert (len(harness.vendor.submits), harness.vendor.polls) == (1, [HANDLE])


async def test_what_was_delivered_counts_when_the_time_is_up(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor().claim_task(n=3)
    await leave_delivered(harness, task, "2")
    harness.service.clock.pass_time(10_000)
    await harness.take_over()

    ended = await harness.run_to_end()

    assert (ended.status, ended.consumed) == (Status.SUCCESS, 5)
    assert harness.vendor.submits == []


async def test_a_task_that_is_given_up_on_a_bug_keeps_what_was_delivered(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor().claim_task(n=3)
    await leave_delivered(harness, task, "2")
    assert harness.claimed
    claimed = replace(harness.claimed, claims=MAX_CLAIMS + 1)

    ended = await harness.execute.give_up(claimed, "worker")

    assert ended
    assert (ended.status, ended.consumed) == (Status.SUCCESS, 5)
    assert await harness.service.ledger_faults() == []


# --- what is not obeyed -------------------------------------------------------------------------------------------


def serve(harness: ExecuteHarness, *abilities: Abilities) -> None:
    """Serve the model over a route with each of these."""
    found = tuple(
        replace(ROUTE, name=f"scripted/{n}", upstream=f"model-{n}", abilities=each) for n, each in enumerate(abilities)
    )
    harness.routes = {MODEL: found}
    harness.service.routes, harness.service.providers = {MODEL: found}, {"scripted": harness.vendor}


async def test_the_vendor_gets_what_it_obeys_and_the_rest_is_told(harness: ExecuteHarness) -> None:
    serve(harness, Abilities(seed=True, size_classes=frozenset({"1K", "2K"})))
    await harness.script_vendor(picture).claim_task(seed=7, size="4K", quality="high")

    task = await harness.run_to_end()

    [order] = harness.vendor.submits
    assert (order.seed, order.spec.seed, order.spec.size, order.spec.quality) == (7, 7, "2K", None)
    assert task.ignored == (
        IgnoredField("size", "model-0 at scripted makes 1K and 2K; 2K was asked for"),
        IgnoredField("quality", "model-0 at scripted has one quality only"),
    )


async def test_what_is_told_in_the_end_is_of_the_route_that_ran(harness: ExecuteHarness) -> None:
    serve(harness, Abilities(seed=True), Abilities())
    broken = Failure(FailureKind.QUOTA_EXHAUSTED, "no money")
    task_id = await harness.script_vendor(broken, picture).claim_task(seed=7)
    expected = (await harness.service.task(task_id)).ignored

    task = await harness.run_to_end()

    assert expected == ()
    assert task.ignored == (IgnoredField("seed", "model-1 at scripted takes no seed"),)


async def test_a_transparent_background_goes_to_the_route_that_makes_one(harness: ExecuteHarness) -> None:
    serve(harness, Abilities(), Abilities(transparent=True))
    await harness.script_vendor(picture).claim_task(background="transparent")

    await harness.run_to_end()

    assert [(order.upstream, order.spec.background) for order in harness.vendor.submits] == [("model-1", "transparent")]
