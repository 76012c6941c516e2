"""Messages are written in the task's transaction: always, once, for its account only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from integration.store.webhook_harness import WebhookHarness, webhook_harness
from limner.application.tasks.settle import settle
from limner.application.webhooks.deliver import LEASE_MS
from limner.application.webhooks.outbox import enqueue_deliveries
from limner.db.records import Records
from limner.domain.ids import DeliveryId, WebhookId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Ending, Status
from limner.domain.webhook import EVENT_OF_STATUS, FINAL_EVENTS, DeliveryState, EventType
from stores import FAILED, SUCCEEDED, ServiceHarness, on_postgres, opened_store


@pytest.fixture
async def hooks(service: ServiceHarness) -> AsyncIterator[WebhookHarness]:
    async with webhook_harness(service) as hooks:
        yield hooks


# --- written with the end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(EVENT_OF_STATUS))
async def test_each_end_of_a_task_is_written_for_who_wants_ends(hooks: WebhookHarness, status: Status) -> None:
    webhook = (await hooks.add()).webhook.id

    task = await hooks.run_task(replace(SUCCEEDED if status is Status.SUCCESS else FAILED, status=status))

    story = await hooks.history(webhook)
    assert (story.delivery.task, story.delivery.event) == (task, EVENT_OF_STATUS[status])
    assert (story.delivery.state, story.attempts) == (DeliveryState.PENDING, [])


@on_postgres
async def test_a_message_that_one_host_sends_is_not_taken_by_one_whose_clock_is_ahead(
    hooks: WebhookHarness, url: str
) -> None:
    webhook = (await hooks.add()).webhook.id
    await hooks.run_task()
    [waiting] = await hooks.service.store.read(lambda records: records.deliveries.of(webhook, None, 10))
    lane, now_ms = waiting.lane, hooks.service.clock.now_ms()
    async with opened_store(url, local_clock=False) as store:

        def take(owner: str, at_ms: int) -> Callable[[Records], list[DeliveryId]]:
            return lambda records: [each.id for each in records.deliveries.take(lane, owner, at_ms, LEASE_MS, 10)]

        first = await store.run(take("first", now_ms))
        second = await store.run(take("ahead", now_ms + 100 * LEASE_MS))
        sending = await store.read(lambda records: records.deliveries.in_flight(lane, now_ms + 100 * LEASE_MS))

    assert (len(first), second, sending) == (1, [], 1)


async def test_only_what_was_asked_for_is_written(hooks: WebhookHarness) -> None:
    failures = (await hooks.add("/failures", "task.failed", "task.banned")).webhook.id
    await hooks.run_task()
    await hooks.run_task(FAILED)

    assert [story.delivery.event for story in await hooks.histories(failures)] == [EventType.FAILED]


async def test_each_webhook_of_the_account_is_reported_and_no_other_accounts(hooks: WebhookHarness) -> None:
    other_account = await hooks.service.open_account("bob", limit=10)
    mine = [(await hooks.add(path)).webhook.id for path in ("/a", "/b")]
    theirs = (await hooks.add("/c", key=other_account)).webhook.id

    await hooks.run_task()

    assert [len(await hooks.histories(each)) for each in mine] == [1, 1]
    assert await hooks.histories(theirs) == []


async def test_an_end_that_is_undone_writes_nothing(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    task = await hooks.service.submit_task(hooks.key)
    await hooks.service.claim_tasks()

    def breaks(records: Records) -> None:
        assert settle(records, task, SUCCEEDED, hooks.service.clock.now_ms(), owner="worker")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await hooks.service.store.run(breaks)

    assert await hooks.histories(webhook) == []


async def test_of_many_who_would_end_a_task_one_writes_it_and_once(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    task = await hooks.service.submit_task(hooks.key)
    await hooks.service.claim_tasks()

    ends = await asyncio.gather(*(hooks.service.settle_task(task, each) for each in [SUCCEEDED, FAILED] * 4))

    assert sum(end is not None for end in ends) == 1
    assert len(await hooks.histories(webhook)) == 1


async def test_an_event_is_not_written_twice_whoever_tells_it_again(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    task = await hooks.run_task()
    ended = await hooks.service.task(task)

    await hooks.service.store.run(
        lambda records: enqueue_deliveries(records, ended, EventType.SUCCEEDED, ended.created_ms)
    )

    assert len(await hooks.histories(webhook)) == 1


async def test_what_is_cancelled_in_the_queue_is_reported_as_well(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    task = await hooks.service.submit_task(hooks.key)

    await hooks.service.cancel(hooks.key.account, task)

    assert (await hooks.history(webhook)).delivery.event is EventType.CANCELLED


async def test_nothing_is_written_for_a_webhook_that_is_disabled_or_removed(hooks: WebhookHarness) -> None:
    off, gone = (await hooks.add("/off")).webhook.id, (await hooks.add("/gone")).webhook.id
    now_ms = hooks.service.clock.now_ms()
    await hooks.service.store.run(lambda records: records.webhooks.disable(off, "a test", now_ms))
    await hooks.manage.remove(hooks.key.account, gone)

    await hooks.run_task()

    rows = await hooks.service.query("SELECT count(*) FROM deliveries")
    assert rows == [(0,)]
    assert await hooks.histories(off) == []


# --- addresses that come with tasks --------------------------------------------------------------------------------


async def per_task(hooks: WebhookHarness) -> WebhookId:
    return (await hooks.manage.add(hooks.key.account, None)).webhook.id


async def test_a_task_is_reported_at_the_address_that_it_brought(hooks: WebhookHarness) -> None:
    webhook = await per_task(hooks)
    task = await hooks.submit_with_url(hooks.receiver.url("/mine"))
    other = await hooks.service.submit_task(hooks.key)
    await hooks.service.claim_tasks()

    await hooks.service.settle_task(task)
    await hooks.service.settle_task(other)

    story = await hooks.history(webhook)
    assert (story.delivery.task, story.delivery.url) == (task, hooks.receiver.url("/mine"))
    assert await hooks.service.query("SELECT * FROM task_webhooks") == []


async def test_an_address_is_refused_where_nothing_could_be_signed(hooks: WebhookHarness) -> None:
    with pytest.raises(Refusal) as caught:
        await hooks.submit_with_url(hooks.receiver.url())

    assert (caught.value.code, caught.value.field) == (Code.INVALID, "webhook_url")
    assert "limner webhooks add --per-task" in caught.value.suggestion
    assert await hooks.service.query("SELECT count(*) FROM tasks") == [(0,)]
    assert (await hooks.service.balance(hooks.key)).frozen == 0


async def test_a_private_address_is_refused_before_anything_is_held(hooks: WebhookHarness) -> None:
    await per_task(hooks)

    with pytest.raises(Refusal) as caught:
        await hooks.submit_with_url("https://10.0.0.1/hook")

    assert (caught.value.code, caught.value.field) == (Code.INVALID, "webhook_url")
    assert await hooks.service.query("SELECT count(*) FROM tasks") == [(0,)]


async def test_an_account_has_one_webhook_for_tasks(hooks: WebhookHarness) -> None:
    await per_task(hooks)

    with pytest.raises(Refusal, match="already"):
        await per_task(hooks)


# --- what the owner may do -----------------------------------------------------------------------------------------


async def test_another_accounts_webhooks_and_deliveries_are_not_found(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    await hooks.run_task()
    delivery = (await hooks.history(webhook)).delivery.id
    other_account = (await hooks.service.open_account("bob")).account
    verbs = hooks.manage

    attempts = [
        verbs.get(other_account, webhook),
        verbs.remove(other_account, webhook),
        verbs.enable(other_account, webhook),
        verbs.rotate(other_account, webhook),
        verbs.test(other_account, webhook),
        verbs.deliveries(other_account, webhook),
        verbs.delivery(other_account, delivery),
        verbs.replay(other_account, delivery),
        verbs.get(other_account, WebhookId("no such id")),
    ]
    codes = [await _code(attempt) for attempt in attempts]

    assert codes == [Code.WEBHOOK_NOT_FOUND] * len(attempts)
    assert await verbs.of(other_account) == []


async def _code(attempt: object) -> Code | None:
    try:
        await attempt  # type: ignore[misc]
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"events": ["task.done"]}, "events"),
        ({"description": "a\nb"}, "description"),
        ({"description": "a" * 201}, "description"),
        ({"url": "http://example.com"}, "url"),
    ],
)
async def test_an_invalid_webhook_is_refused_and_not_stored(
    hooks: WebhookHarness, options: dict[str, object], field: str
) -> None:
    with pytest.raises(Refusal) as caught:
        await hooks.manage.add(hooks.key.account, **({"url": hooks.receiver.url()} | options))  # type: ignore[arg-type]

    assert caught.value.field == field
    assert await hooks.manage.of(hooks.key.account) == []


async def test_an_account_has_so_many_webhooks_and_no_more(hooks: WebhookHarness) -> None:
    for number in range(20):
        await hooks.add(f"/{number}")

    with pytest.raises(Refusal, match="20 webhooks"):
        await hooks.add("/more")


async def test_events_are_all_ends_unless_chosen_and_each_once(hooks: WebhookHarness) -> None:
    plain = await hooks.add()
    chosen = await hooks.add("/b", "task.progress", "task.failed", "task.failed")

    assert plain.webhook.events == FINAL_EVENTS
    assert chosen.webhook.events == (EventType.FAILED, EventType.PROGRESS)


async def test_changes_stand_in_the_audit_log_and_tell_no_address(hooks: WebhookHarness) -> None:
    account, verbs = hooks.key.account, hooks.manage
    webhook = (await hooks.add("/hook-with-a-token")).webhook.id
    await verbs.rotate(account, webhook)
    await verbs.enable(account, webhook)
    await replace(verbs, actor="cli ada@host").remove(None, webhook)

    acts = await hooks.service.store.read(lambda records: records.audit_log.since(0, 100))
    ours = [act for act in acts if act.subject == webhook]
    assert [act.act for act in ours] == ["webhook.add", "webhook.rotate", "webhook.enable", "webhook.remove"]
    assert [act.actor for act in ours] == [*[f"account {account}"] * 3, "cli ada@host"]
    assert "token" not in str(ours)


async def test_the_database_does_not_hold_the_secret(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    again = await hooks.manage.rotate(hooks.key.account, made.webhook.id)

    rows = await hooks.service.query("SELECT * FROM webhooks") + await hooks.service.query(
        "SELECT * FROM webhook_salts"
    )
    bare = [each.secret.removeprefix("whsec_") for each in (made, again)]
    assert len(rows) == 3
    assert made.secret != again.secret
    assert not any(secret in str(rows) for secret in bare)


# --- and in the end ------------------------------------------------------------------------------------------------


async def test_old_deliveries_are_pruned_with_their_log_and_younger_ones_stay(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    await hooks.run_task()
    await hooks.send_due()
    hooks.service.clock.pass_time(3600)
    await hooks.run_task()
    await hooks.send_due()
    await hooks.run_task()
    before_ms = hooks.service.clock.now_ms() - 1800 * 1000

    counts = [await hooks.service.store.run(lambda records: records.deliveries.prune(before_ms, 10)) for _ in range(2)]

    assert counts == [1, 0]
    assert sorted(await hooks.states(webhook)) == [DeliveryState.DELIVERED, DeliveryState.PENDING]
    assert await hooks.service.query("SELECT count(*) FROM delivery_attempts") == [(1,)]


async def test_nothing_is_left_of_a_task_or_an_account_that_is_forgotten(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    task, _ = await hooks.run_task(), await hooks.run_task()
    await hooks.send_due()

    await hooks.service.store.run(lambda records: records.webhooks.forget_task(task))
    left = await hooks.histories(webhook)
    await hooks.service.store.run(lambda records: records.webhooks.forget_account(hooks.key.account))

    assert len(left) == 1
    for table in ("webhooks", "webhook_salts", "deliveries", "delivery_attempts"):
        assert await hooks.service.query(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


async def test_an_expired_task_is_reported(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    task = await hooks.service.submit_task(hooks.key)

    await hooks.service.settle_task(
        task, Ending(Status.EXPIRED, error_code=1001, error_msg="waited too long"), owner=None
    )

    assert (await hooks.history(webhook)).delivery.event is EventType.EXPIRED
