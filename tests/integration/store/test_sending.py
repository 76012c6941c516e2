"""The outbox is sent: signed, at least once, side by side, for hours, and nobody waits for a dead receiver."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError
from structlog.testing import capture_logs

from integration.store.sending import Post, dies, posting
from limner.application.webhooks.deliver import LEASE_MS, DeliveryLimits
from limner.domain.ids import WebhookId
from limner.domain.refusal import Refusal
from limner.domain.routing.breaker import TRIP_AT
from limner.domain.tasks.task import Status
from limner.domain.webhook import FINAL_TTL_S, RETRY_DELAYS_S, DeliveryState, EventType
from limner.outbound.webhook_http import GuardedWebhookHttp
from limner.worker.progress_writer import ProgressWriter
from limner.worker.running_tasks import RunningTask, RunningTasks
from receivers import until
from stores import BROKEN, House

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@pytest.fixture
async def post(house: House) -> AsyncIterator[Post]:
    async with posting(house) as post:
        yield post


# --- what arrives --------------------------------------------------------------------------------------------------


async def test_the_end_of_a_task_arrives_signed_for_the_published_library(post: Post) -> None:
    made = await post.adds()
    task = await post.ends()

    await post.sends()

    (message,) = post.receiver.messages
    ended = await post.house.task(task)
    assert message.verified(made.secret) == {
        "type": "task.succeeded",
        "timestamp": message.content["timestamp"],
        "data": {"task_id": task, "status": "success", "tag": post.key.account_tag},
    }
    assert ended.finished_ms
    assert message.content["timestamp"].endswith(f"{ended.finished_ms % 1000:03d}Z")
    story = await post.story(made.webhook.id)
    assert (message.id, story.delivery.state) == (story.delivery.id, DeliveryState.DELIVERED)
    assert [(each.number, each.status, each.error) for each in story.attempts] == [(1, 204, None)]


async def test_what_was_tampered_with_is_not_genuine(post: Post) -> None:
    made, other = await post.adds(), await post.adds("/other")
    await post.ends()
    await post.sends()
    (message,) = post.receiver.at("/hook")

    forged = [
        (replace(message, body=message.body.replace(b"success", b"failed")), made.secret),
        (replace(message, headers=message.headers | {"webhook-id": "msg_" + "0" * 32}), made.secret),
        (message, other.secret),
    ]

    for each, secret in forged:
        with pytest.raises(WebhookVerificationError):
            each.verified(secret)


async def test_while_a_secret_is_replaced_both_are_good_and_then_the_new_one_alone(post: Post) -> None:
    old = await post.adds()
    new = await post.webhooks.rotate(post.key.account, old.webhook.id, overlap_hours=0.01)
    await post.ends()
    await post.sends()
    post.house.clock.pass_time(60)
    await post.ends()
    await post.sends()

    during, after = post.receiver.messages
    assert [during.verified(each.secret)["type"] for each in (old, new)] == ["task.succeeded"] * 2
    assert after.verified(new.secret)["type"] == "task.succeeded"
    with pytest.raises(WebhookVerificationError):
        after.verified(old.secret)


async def test_a_secret_replaced_often_leaves_the_last_few_good(post: Post) -> None:
    secrets = [(made := await post.adds()).secret]
    for _ in range(7):
        post.house.clock.pass_time(1)
        secrets.append((await post.webhooks.rotate(post.key.account, made.webhook.id)).secret)
    await post.ends()

    await post.sends()

    (message,) = post.receiver.messages
    assert len(message.headers["webhook-signature"].split(" ")) == 5
    assert [message.verified(secret)["type"] for secret in secrets[-5:]] == ["task.succeeded"] * 5
    assert await post.house.look("SELECT count(*) FROM webhook_salts") == [(5,)]


async def test_a_secret_replaced_at_once_is_void_at_once(post: Post) -> None:
    old = await post.adds()
    new = await post.webhooks.rotate(post.key.account, old.webhook.id, overlap_hours=0)
    await post.ends()

    await post.sends()

    (message,) = post.receiver.messages
    assert message.verified(new.secret)
    with pytest.raises(WebhookVerificationError):
        message.verified(old.secret)


async def test_a_task_is_told_where_it_said_signed_as_the_account_knows(post: Post) -> None:
    made = await post.webhooks.add(post.key.account, None)
    task = await post.asks(post.receiver.url("/mine"))
    await post.house.claims()
    await post.house.settles(task, BROKEN)

    await post.sends()

    (message,) = post.receiver.at("/mine")
    assert message.verified(made.secret)["data"]["task_id"] == task


async def test_a_test_message_says_nothing_and_is_tried_once(post: Post) -> None:
    made = await post.adds()
    post.receiver.answers["/hook"] = [500]
    await post.webhooks.test(post.key.account, made.webhook.id)

    await post.sends()

    (message,) = post.receiver.messages
    assert message.verified(made.secret)["type"] == "webhook.test"
    assert await post.states(made.webhook.id) == [DeliveryState.FAILED]


# --- again and again -----------------------------------------------------------------------------------------------


async def test_what_was_refused_is_sent_again_under_its_id_until_it_is_taken(post: Post) -> None:
    made = await post.adds()
    post.receiver.answers["/hook"] = [500, 302, web.Response(status=400, text="who are you?")]
    await post.ends()

    for _ in range(4):
        await post.sends()
        post.house.clock.pass_time(HOUR_S)

    story = await post.story(made.webhook.id)
    assert len({message.id for message in post.receiver.messages}) == 1
    assert [attempt.status for attempt in story.attempts] == [500, 302, 400, 204]
    assert story.attempts[1].error == "the receiver answered 302, and redirects are not followed"
    assert story.attempts[2].answer == "who are you?"
    assert (story.delivery.state, story.delivery.attempts) == (DeliveryState.DELIVERED, 4)


async def test_a_timeout_and_a_closed_door_are_tried_again(house: House) -> None:
    async with posting(house, timeout_s=0.3) as post:
        made = await post.adds()
        answer = asyncio.Event()
        post.receiver.answers["/hook"] = [until(answer)]
        await post.ends()
        await post.sends()
        answer.set()
        post.house.clock.pass_time(10)
        await post.sends()

        story = await post.story(made.webhook.id)

    late, taken = story.attempts
    assert (late.status, late.error) == (None, "no answer within 0.3 seconds")
    assert taken.status == 204


async def test_a_wait_is_never_longer_than_the_schedule_and_the_tries_end(post: Post) -> None:
    made = await post.adds()
    post.receiver.answers["/hook"] = [500] * 100
    await post.ends()

    dues = []
    for wait_s in (*RETRY_DELAYS_S, 0):
        await post.sends()
        story = await post.story(made.webhook.id)
        dues.append((story.delivery.due_ms - post.house.clock.now_ms()) / 1000 <= wait_s)
        post.house.clock.pass_time(max(wait_s, 900))  # the breaker, too, has had its rest then
    await post.sends()

    story = await post.story(made.webhook.id)
    assert all(dues)
    assert story.delivery.state is DeliveryState.FAILED
    assert len(story.attempts) == len(RETRY_DELAYS_S) + 1 == len(post.receiver.messages)


async def test_a_receiver_that_asks_for_a_pause_gets_it(post: Post) -> None:
    made = await post.adds()
    post.receiver.answers["/hook"] = [web.Response(status=429, headers={"Retry-After": "600"})]
    await post.ends()
    await post.sends()

    post.house.clock.pass_time(599)
    await post.sends()
    early = len(post.receiver.messages)
    post.house.clock.pass_time(1)
    await post.sends()

    assert early == 1
    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED]


async def test_what_could_not_be_sent_for_days_is_given_up_untried(post: Post) -> None:
    made = await post.adds()
    await post.ends()
    post.house.clock.pass_time(FINAL_TTL_S)

    with capture_logs() as logged:
        await post.sends()

    assert await post.states(made.webhook.id) == [DeliveryState.FAILED]
    assert post.receiver.messages == []
    assert [entry["deliveries"] for entry in logged if entry["event"] == "webhooks given up"] == [1]


async def test_a_replay_sends_the_same_message_again(post: Post) -> None:
    made = await post.adds()
    await post.ends()
    await post.sends()
    delivery = (await post.story(made.webhook.id)).delivery.id

    again = await post.webhooks.replay(post.key.account, delivery)
    await post.sends()

    first, second = post.receiver.messages
    assert again.state is DeliveryState.PENDING
    assert (first.id, first.content) == (second.id, second.content)
    assert [attempt.number for attempt in (await post.story(made.webhook.id)).attempts] == [1, 2]


async def test_a_replay_of_what_was_given_up_has_all_its_tries(post: Post) -> None:
    made = await post.adds()
    await post.ends()
    post.house.clock.pass_time(FINAL_TTL_S)
    await post.sends()
    delivery = (await post.story(made.webhook.id)).delivery.id
    post.receiver.answers["/hook"] = [500]

    await post.webhooks.replay(post.key.account, delivery)
    await post.sends()
    post.house.clock.pass_time(10)
    await post.sends()

    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED]


# --- where it may go -----------------------------------------------------------------------------------------------


async def test_410_disables_a_webhook_and_drops_what_waits_for_it(post: Post) -> None:
    made = await post.adds()
    post.limits = DeliveryLimits(lane=1)
    post.receiver.answers["/hook"] = [410]
    await post.ends()
    await post.ends()
    await post.sends()
    await post.ends()

    webhook = await post.webhooks.get(post.key.account, made.webhook.id)
    assert webhook.disabled_why == "its receiver answered 410 Gone"
    assert sorted(await post.states(webhook.id)) == [DeliveryState.DROPPED, DeliveryState.FAILED]
    assert len(post.receiver.messages) == 1


async def test_a_disabled_webhook_is_enabled_and_what_it_missed_is_replayed(post: Post) -> None:
    made = await post.adds()
    post.receiver.answers["/hook"] = [410]
    await post.ends()
    await post.sends()
    delivery = (await post.story(made.webhook.id)).delivery.id
    with pytest.raises(Refusal, match="disabled"):
        await post.webhooks.replay(post.key.account, delivery)

    await post.webhooks.enable(post.key.account, made.webhook.id)
    await post.webhooks.replay(post.key.account, delivery)
    await post.sends()
    await post.ends()
    await post.sends()

    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED] * 2


async def test_410_at_a_tasks_own_address_disables_nobody_elses(post: Post) -> None:
    made = await post.webhooks.add(post.key.account, None)
    post.receiver.answers["/gone"] = [410]
    for path in ("/gone", "/here"):
        await post.asks(post.receiver.url(path))
    for claimed in await post.house.claims():
        await post.house.settles(claimed.task.id)

    await post.sends()

    assert sorted(await post.states(made.webhook.id)) == [DeliveryState.DELIVERED, DeliveryState.FAILED]
    assert (await post.webhooks.get(None, made.webhook.id)).disabled_ms is None


async def test_what_is_private_by_the_time_it_is_sent_gets_nothing(house: House) -> None:
    async with posting(house) as post:
        made = await post.adds()
        await post.ends()

        await replace(post, post=GuardedWebhookHttp()).sends()

        story = await post.story(made.webhook.id)
    assert post.receiver.messages == []
    assert story.attempts[0].error == "the address is not allowed: it is not https, or not public"


async def test_what_waits_for_a_removed_webhook_is_dropped(post: Post) -> None:
    webhook = (await post.adds()).webhook.id
    await post.ends()
    await post.webhooks.remove(post.key.account, webhook)

    await post.sends()

    assert post.receiver.messages == []
    assert await post.house.look("SELECT state FROM deliveries") == [("dropped",)]


# --- side by side --------------------------------------------------------------------------------------------------


async def test_a_slow_receiver_delays_no_other_and_no_more_of_itself_than_its_share(post: Post) -> None:
    slow, fast = await post.adds("/slow"), await post.adds("/fast")
    answer = asyncio.Event()
    post.receiver.answers["/slow"] = [until(answer)] * 3
    post.limits = DeliveryLimits(lane=2)
    sender = post.sender()
    for _ in range(3):
        await post.ends()

    async with asyncio.timeout(60):
        while await post.states(fast.webhook.id) != [DeliveryState.DELIVERED] * 3:
            await sender.beat()
    await post.receiver.got(2, "/slow")
    waiting = (len(post.receiver.at("/slow")), await post.states(slow.webhook.id))
    answer.set()
    await sender.settled()
    await post.sends(sender)

    assert waiting == (2, [DeliveryState.PENDING] * 3)
    assert await post.states(slow.webhook.id) == [DeliveryState.DELIVERED] * 3


async def test_a_dead_receiver_is_left_alone_and_asked_again_by_one_message(post: Post) -> None:
    made = await post.adds()
    post.receiver.answers["/hook"] = [503] * (TRIP_AT + 1)
    for _ in range(TRIP_AT):
        await post.ends()
    await post.sends()
    await post.ends()
    await post.ends()

    await post.sends()
    resting = len(post.receiver.messages)
    post.house.clock.pass_time(10)
    await post.sends()
    probed = len(post.receiver.messages)
    post.house.clock.pass_time(19)
    await post.sends()
    still = len(post.receiver.messages)
    post.house.clock.pass_time(1)
    await post.sends()

    assert (resting, probed, still) == (TRIP_AT, TRIP_AT + 1, TRIP_AT + 1)
    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED] * (TRIP_AT + 2)


async def test_several_workers_share_the_outbox_and_nothing_is_sent_twice(post: Post) -> None:
    webhooks = [await post.adds(f"/{number}") for number in range(3)]
    for _ in range(10):
        await post.ends()
    senders = [post.sender() for _ in range(4)]

    async def works(sender: Any) -> None:
        while await sender.beat():
            await sender.settled()

    await asyncio.gather(*map(works, senders))
    await post.sends()

    assert len(post.receiver.messages) == len({message.id for message in post.receiver.messages}) == 30
    for made in webhooks:
        assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED] * 10


async def test_what_a_dead_worker_was_sending_is_sent_again_at_once_under_its_id(post: Post) -> None:
    made = await post.adds()
    answer = asyncio.Event()
    post.receiver.answers["/hook"] = [until(answer)]
    await post.ends()
    struck = post.sender("struck")
    await struck.beat()
    await post.receiver.got(1)
    await dies(struck)
    answer.set()

    post.dead.add("struck")
    await post.sends()

    first, second = post.receiver.messages
    assert first.id == second.id
    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED]


async def test_what_nobody_knows_to_be_dead_is_taken_over_when_its_lease_ends(post: Post) -> None:
    made = await post.adds()
    answer = asyncio.Event()
    post.receiver.answers["/hook"] = [until(answer, 500)]
    await post.ends()
    slow = post.sender("slow")
    await slow.beat()
    await post.receiver.got(1)

    await post.sends()
    before = len(post.receiver.messages)
    post.house.clock.pass_time(LEASE_MS / 1000)
    await post.sends()
    answer.set()
    await slow.settled()

    story = await post.story(made.webhook.id)
    assert (before, len(post.receiver.messages)) == (1, 2)
    assert story.delivery.state is DeliveryState.DELIVERED
    assert [attempt.status for attempt in story.attempts] == [204]


async def test_a_success_counts_although_the_lease_was_lost(post: Post) -> None:
    made = await post.adds()
    answer = asyncio.Event()
    post.receiver.answers["/hook"] = [until(answer, 200), 500]
    await post.ends()
    slow = post.sender("slow")
    await slow.beat()
    await post.receiver.got(1)
    post.house.clock.pass_time(LEASE_MS / 1000)
    await post.sends()

    answer.set()
    await slow.settled()

    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED]


async def test_a_running_sender_is_woken_by_news_and_stops_when_it_is_told(post: Post) -> None:
    made = await post.adds()
    sender = post.sender()
    sender.poll_s = 3600
    await post.ends()
    loop = asyncio.create_task(sender.run())
    await post.receiver.got(1)
    while sender._sending or sender._awake.is_set():  # noqa: ASYNC110 - it goes to sleep, and tells nobody
        await asyncio.sleep(0)
    await post.ends()

    sender.signals.tasks_changed([Status.SUCCESS])  # type: ignore[attr-defined]
    await post.receiver.got(2)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)

    assert loop.cancelled()
    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED] * 2


async def test_a_stop_waits_for_the_answer_to_what_is_on_its_way(post: Post) -> None:
    made = await post.adds()
    answer = asyncio.Event()
    post.receiver.answers["/hook"] = [until(answer)]
    await post.ends()
    loop = asyncio.create_task(post.sender().run())
    await post.receiver.got(1)

    loop.cancel()
    await asyncio.sleep(0)
    answer.set()
    await asyncio.gather(loop, return_exceptions=True)

    assert await post.states(made.webhook.id) == [DeliveryState.DELIVERED]
    assert len(post.receiver.messages) == 1


# --- progress ------------------------------------------------------------------------------------------------------


async def running_one(post: Post) -> tuple[ProgressWriter, Any]:
    task = await post.house.sends(post.key)
    await post.house.claims()
    running = RunningTasks()
    running.tasks[task] = RunningTask(None)  # type: ignore[arg-type]
    await post.house.store.run(lambda records: records.tasks.set_expected_end(task, 10_000))
    return ProgressWriter(post.house.store, post.house.clock, running), task


async def test_progress_is_told_in_steps_to_who_asked_for_it(post: Post) -> None:
    asked, plain = await post.adds("/asked", "task.progress"), await post.adds("/plain")
    teller, task = await running_one(post)
    for _ in range(3):
        post.house.clock.pass_time(2)
        await teller.beat()
        await teller.beat()
        await post.sends()

    events = [message.verified(asked.secret) for message in post.receiver.at("/asked")]
    assert [event["type"] for event in events] == [EventType.PROGRESS] * 3
    assert {event["data"]["task_id"] for event in events} == {task}
    assert await post.stories(plain.webhook.id) == []


async def test_progress_of_a_task_that_has_ended_is_not_told(post: Post) -> None:
    made = await post.adds("/asked", "task.progress")
    teller, task = await running_one(post)
    post.house.clock.pass_time(5)
    await teller.beat()
    await post.house.settles(task)

    await post.sends()

    assert post.receiver.messages == []
    assert await post.states(made.webhook.id) == [DeliveryState.DROPPED]


async def test_nothing_is_written_of_progress_that_nobody_wants(post: Post) -> None:
    webhook: WebhookId = (await post.adds()).webhook.id
    teller, _ = await running_one(post)
    post.house.clock.pass_time(5)

    await teller.beat()

    assert await post.stories(webhook) == []


# --- secrets -------------------------------------------------------------------------------------------------------


async def test_no_secret_and_no_address_stands_in_a_log(post: Post) -> None:
    post.receiver.answers["/hook-with-a-token"] = [500]
    with capture_logs() as logged:
        made = await post.adds("/hook-with-a-token")
        await post.ends()
        await post.sends()

    assert any(entry["event"] == "webhook refused" for entry in logged)
    assert "token" not in str(logged)
    assert made.secret.removeprefix("whsec_") not in str(logged)
