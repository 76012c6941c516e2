"""What is to be told is written with what happened: always, once, and for nobody else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from integration.store.sending import Post, posting
from limner.application.tasks.settle import settle
from limner.application.webhooks.outbox import enqueue_deliveries
from limner.db.records import Records
from limner.domain.ids import WebhookId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Ending, Status
from limner.domain.webhook import EVENT_OF_STATUS, FINAL_EVENTS, DeliveryState, EventType
from stores import BROKEN, DRAWN, House


@pytest.fixture
async def post(house: House) -> AsyncIterator[Post]:
    async with posting(house) as post:
        yield post


# --- written with the end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(EVENT_OF_STATUS))
async def test_each_end_of_a_task_is_written_for_who_wants_ends(post: Post, status: Status) -> None:
    webhook = (await post.adds()).webhook.id

    task = await post.ends(replace(DRAWN if status is Status.SUCCESS else BROKEN, status=status))

    story = await post.story(webhook)
    assert (story.delivery.task, story.delivery.event) == (task, EVENT_OF_STATUS[status])
    assert (story.delivery.state, story.attempts) == (DeliveryState.PENDING, [])


async def test_only_what_was_asked_for_is_written(post: Post) -> None:
    failures = (await post.adds("/failures", "task.failed", "task.banned")).webhook.id
    await post.ends()
    await post.ends(BROKEN)

    assert [story.delivery.event for story in await post.stories(failures)] == [EventType.FAILED]


async def test_each_webhook_of_the_account_is_told_and_no_other_accounts(post: Post) -> None:
    stranger = await post.house.opens("bob", limit=10)
    mine = [(await post.adds(path)).webhook.id for path in ("/a", "/b")]
    theirs = (await post.adds("/c", key=stranger)).webhook.id

    await post.ends()

    assert [len(await post.stories(each)) for each in mine] == [1, 1]
    assert await post.stories(theirs) == []


async def test_an_end_that_is_undone_writes_nothing(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    task = await post.house.sends(post.key)
    await post.house.claims()

    def breaks(records: Records) -> None:
        assert settle(records, task, DRAWN, post.house.clock.now_ms(), owner="worker")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await post.house.store.run(breaks)

    assert await post.stories(webhook) == []


async def test_of_many_who_would_end_a_task_one_writes_it_and_once(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    task = await post.house.sends(post.key)
    await post.house.claims()

    ends = await asyncio.gather(*(post.house.settles(task, each) for each in [DRAWN, BROKEN] * 4))

    assert sum(end is not None for end in ends) == 1
    assert len(await post.stories(webhook)) == 1


async def test_an_event_is_not_written_twice_whoever_tells_it_again(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    task = await post.ends()
    ended = await post.house.task(task)

    await post.house.store.run(
        lambda records: enqueue_deliveries(records, ended, EventType.SUCCEEDED, ended.created_ms)
    )

    assert len(await post.stories(webhook)) == 1


async def test_what_is_cancelled_in_the_queue_is_told_as_well(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    task = await post.house.sends(post.key)

    await post.house.cancel(post.key.account, task)

    assert (await post.story(webhook)).delivery.event is EventType.CANCELLED


async def test_nothing_is_written_for_a_webhook_that_is_disabled_or_removed(post: Post) -> None:
    off, gone = (await post.adds("/off")).webhook.id, (await post.adds("/gone")).webhook.id
    now_ms = post.house.clock.now_ms()
    await post.house.store.run(lambda records: records.webhooks.disable(off, "a test", now_ms))
    await post.webhooks.remove(post.key.account, gone)

    await post.ends()

    rows = await post.house.look("SELECT count(*) FROM deliveries")
    assert rows == [(0,)]
    assert await post.stories(off) == []


# --- addresses that come with tasks --------------------------------------------------------------------------------


async def per_task(post: Post) -> WebhookId:
    return (await post.webhooks.add(post.key.account, None)).webhook.id


async def test_a_task_is_told_at_the_address_that_it_brought(post: Post) -> None:
    webhook = await per_task(post)
    task = await post.asks(post.receiver.url("/mine"))
    other = await post.house.sends(post.key)
    await post.house.claims()

    await post.house.settles(task)
    await post.house.settles(other)

    story = await post.story(webhook)
    assert (story.delivery.task, story.delivery.url) == (task, post.receiver.url("/mine"))
    assert await post.house.look("SELECT * FROM task_webhooks") == []


async def test_an_address_is_refused_where_nothing_could_be_signed(post: Post) -> None:
    with pytest.raises(Refusal) as caught:
        await post.asks(post.receiver.url())

    assert (caught.value.code, caught.value.field) == (Code.INVALID, "webhook_url")
    assert "limner webhooks add --per-task" in caught.value.suggestion
    assert await post.house.look("SELECT count(*) FROM tasks") == [(0,)]
    assert (await post.house.balance(post.key)).frozen == 0


async def test_a_private_address_is_refused_before_anything_is_held(post: Post) -> None:
    await per_task(post)

    with pytest.raises(Refusal) as caught:
        await post.asks("https://10.0.0.1/hook")

    assert (caught.value.code, caught.value.field) == (Code.INVALID, "webhook_url")
    assert await post.house.look("SELECT count(*) FROM tasks") == [(0,)]


async def test_an_account_has_one_webhook_for_tasks(post: Post) -> None:
    await per_task(post)

    with pytest.raises(Refusal, match="already"):
        await per_task(post)


# --- what the owner may do -----------------------------------------------------------------------------------------


async def test_another_accounts_webhooks_and_deliveries_are_not_found(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    await post.ends()
    delivery = (await post.story(webhook)).delivery.id
    stranger = (await post.house.opens("bob")).account
    verbs = post.webhooks

    attempts = [
        verbs.get(stranger, webhook),
        verbs.remove(stranger, webhook),
        verbs.enable(stranger, webhook),
        verbs.rotate(stranger, webhook),
        verbs.test(stranger, webhook),
        verbs.deliveries(stranger, webhook),
        verbs.delivery(stranger, delivery),
        verbs.replay(stranger, delivery),
        verbs.get(stranger, WebhookId("no such id")),
    ]
    codes = [await _code(attempt) for attempt in attempts]

    assert codes == [Code.WEBHOOK_NOT_FOUND] * len(attempts)
    assert await verbs.of(stranger) == []


async def _code(attempt: object) -> Code | None:
    try:
        await attempt  # type: ignore[misc]
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"events": ["task.done"]}, "events"),
        ({"description": "a\nb"}, "description"),
        ({"description": "a" * 201}, "description"),
        ({"url": "http://example.com"}, "url"),
    ],
)
async def test_a_bad_wish_is_refused_and_nothing_is_kept(post: Post, wish: dict[str, object], field: str) -> None:
    with pytest.raises(Refusal) as caught:
        await post.webhooks.add(post.key.account, **({"url": post.receiver.url()} | wish))  # type: ignore[arg-type]

    assert caught.value.field == field
    assert await post.webhooks.of(post.key.account) == []


async def test_an_account_has_so_many_webhooks_and_no_more(post: Post) -> None:
    for number in range(20):
        await post.adds(f"/{number}")

    with pytest.raises(Refusal, match="20 webhooks"):
        await post.adds("/more")


async def test_events_are_all_ends_unless_chosen_and_each_once(post: Post) -> None:
    plain = await post.adds()
    chosen = await post.adds("/b", "task.progress", "task.failed", "task.failed")

    assert plain.webhook.events == FINAL_EVENTS
    assert chosen.webhook.events == (EventType.FAILED, EventType.PROGRESS)


async def test_changes_stand_in_the_audit_log_and_tell_no_address(post: Post) -> None:
    account, verbs = post.key.account, post.webhooks
    webhook = (await post.adds("/hook-with-a-token")).webhook.id
    await verbs.rotate(account, webhook)
    await verbs.enable(account, webhook)
    await replace(verbs, actor="cli ada@house").remove(None, webhook)

    acts = await post.house.store.read(lambda records: records.audit_log.since(0, 100))
    ours = [act for act in acts if act.subject == webhook]
    assert [act.act for act in ours] == ["webhook.add", "webhook.rotate", "webhook.enable", "webhook.remove"]
    assert [act.actor for act in ours] == [*[f"account {account}"] * 3, "cli ada@house"]
    assert "token" not in str(ours)


async def test_the_database_does_not_hold_the_secret(post: Post) -> None:
    made = await post.adds()
    again = await post.webhooks.rotate(post.key.account, made.webhook.id)

    rows = await post.house.look("SELECT * FROM webhooks") + await post.house.look("SELECT * FROM webhook_salts")
    bare = [each.secret.removeprefix("whsec_") for each in (made, again)]
    assert len(rows) == 3
    assert made.secret != again.secret
    assert not any(secret in str(rows) for secret in bare)


# --- and in the end ------------------------------------------------------------------------------------------------


async def test_old_deliveries_are_pruned_with_their_log_and_younger_ones_stay(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    await post.ends()
    await post.sends()
    post.house.clock.pass_time(3600)
    await post.ends()
    await post.sends()
    await post.ends()
    before_ms = post.house.clock.now_ms() - 1800 * 1000

    counts = [await post.house.store.run(lambda records: records.deliveries.prune(before_ms, 10)) for _ in range(2)]

    assert counts == [1, 0]
    assert sorted(await post.states(webhook)) == [DeliveryState.DELIVERED, DeliveryState.PENDING]
    assert await post.house.look("SELECT count(*) FROM delivery_attempts") == [(1,)]


async def test_nothing_is_left_of_a_task_or_an_account_that_is_forgotten(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    task, _ = await post.ends(), await post.ends()
    await post.sends()

    await post.house.store.run(lambda records: records.webhooks.forget_task(task))
    left = await post.stories(webhook)
    await post.house.store.run(lambda records: records.webhooks.forget_account(post.key.account))

    assert len(left) == 1
    for table in ("webhooks", "webhook_salts", "deliveries", "delivery_attempts"):
        assert await post.house.look(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


async def test_an_expired_task_is_told(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    task = await post.house.sends(post.key)

    await post.house.settles(task, Ending(Status.EXPIRED, error_code=1001, error_msg="waited too long"), owner=None)

    assert (await post.story(webhook)).delivery.event is EventType.EXPIRED
