"""The outbox is sent: signed, at least once, side by side, for hours, and nobody waits for a dead receiver."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError
from structlog.testing import capture_logs

from integration.store.webhook_harness import WebhookHarness, kill_sender, webhook_harness
from limner.application.webhooks.deliver import LEASE_MS, DeliveryLimits
from limner.domain.ids import TaskId, WebhookId
from limner.domain.refusal import Refusal
from limner.domain.routing.breaker import TRIP_AT
from limner.domain.tasks.task import Status, StatusChange
from limner.domain.webhook import FINAL_TTL_S, RETRY_DELAYS_S, DeliveryState, EventType
from limner.outbound.webhook_http import GuardedWebhookHttp
from limner.ports.acting_account import current_account
from limner.ports.webhook_http import WebhookAnswered
from limner.worker.progress_writer import ProgressWriter
from limner.worker.running_tasks import RunningTask, RunningTasks
from receivers import until
from stores import FAILED, ServiceHarness

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@pytest.fixture
async def hooks(service: ServiceHarness) -> AsyncIterator[WebhookHarness]:
    async with webhook_harness(service) as hooks:
        yield hooks


# --- what arrives --------------------------------------------------------------------------------------------------


async def test_the_end_of_a_task_arrives_signed_for_the_published_library(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    task = await hooks.run_task()

    await hooks.send_due()

    (message,) = hooks.receiver.messages
    ended = await hooks.service.task(task)
    assert message.verified(made.secret) == {
        "type": "task.succeeded",
        "timestamp": message.content["timestamp"],
        "data": {"task_id": task, "status": "success", "tag": hooks.key.account_tag},
    }
    assert ended.finished_ms
    assert message.content["timestamp"].endswith(f"{ended.finished_ms % 1000:03d}Z")
    story = await hooks.history(made.webhook.id)
    assert (message.id, story.delivery.state) == (story.delivery.id, DeliveryState.DELIVERED)
    assert [(each.number, each.status, each.error) for each in story.attempts] == [(1, 204, None)]


async def test_what_was_tampered_with_is_not_genuine(hooks: WebhookHarness) -> None:
    made, other = await hooks.add(), await hooks.add("/other")
    await hooks.run_task()
    await hooks.send_due()
    (message,) = hooks.receiver.at("/hook")

    forged = [
        (replace(message, body=message.body.replace(b"success", b"failed")), made.secret),
        (replace(message, headers=message.headers | {"webhook-id": "msg_" + "0" * 32}), made.secret),
        (message, other.secret),
    ]

    for each, secret in forged:
        with pytest.raises(WebhookVerificationError):
            each.verified(secret)


async def test_while_a_secret_is_replaced_both_are_good_and_then_the_new_one_alone(hooks: WebhookHarness) -> None:
    old = await hooks.add()
    new = await hooks.manage.rotate(hooks.key.account, old.webhook.id, overlap_hours=0.01)
    await hooks.run_task()
    await hooks.send_due()
    hooks.service.clock.pass_time(60)
    await hooks.run_task()
    await hooks.send_due()

    during, after = hooks.receiver.messages
    assert [during.verified(each.secret)["type"] for each in (old, new)] == ["task.succeeded"] * 2
    assert after.verified(new.secret)["type"] == "task.succeeded"
    with pytest.raises(WebhookVerificationError):
        after.verified(old.secret)


async def test_a_secret_replaced_often_leaves_the_last_few_good(hooks: WebhookHarness) -> None:
    secrets = [(made := await hooks.add()).secret]
    for _ in range(7):
        hooks.service.clock.pass_time(1)
        secrets.append((await hooks.manage.rotate(hooks.key.account, made.webhook.id)).secret)
    await hooks.run_task()

    await hooks.send_due()

    (message,) = hooks.receiver.messages
    assert len(message.headers["webhook-signature"].split(" ")) == 5
    assert [message.verified(secret)["type"] for secret in secrets[-5:]] == ["task.succeeded"] * 5
    assert await hooks.service.query("SELECT count(*) FROM webhook_salts") == [(5,)]


async def test_a_secret_replaced_at_once_is_void_at_once(hooks: WebhookHarness) -> None:
    old = await hooks.add()
    new = await hooks.manage.rotate(hooks.key.account, old.webhook.id, overlap_hours=0)
    await hooks.run_task()

    await hooks.send_due()

    (message,) = hooks.receiver.messages
    assert message.verified(new.secret)
    with pytest.raises(WebhookVerificationError):
        message.verified(old.secret)


async def test_a_task_webhook_goes_to_its_own_url_signed_with_the_accounts_secret(hooks: WebhookHarness) -> None:
    made = await hooks.manage.add(hooks.key.account, None)
    task = await hooks.submit_with_url(hooks.receiver.url("/mine"))
    await hooks.service.claim_tasks()
    await hooks.service.settle_task(task, FAILED)

    await hooks.send_due()

    (message,) = hooks.receiver.at("/mine")
    assert message.verified(made.secret)["data"]["task_id"] == task


async def test_a_test_message_says_nothing_and_is_tried_once(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    hooks.receiver.answers["/hook"] = [500]
    await hooks.manage.test(hooks.key.account, made.webhook.id)

    await hooks.send_due()

    (message,) = hooks.receiver.messages
    assert message.verified(made.secret)["type"] == "webhook.test"
    assert await hooks.states(made.webhook.id) == [DeliveryState.FAILED]


# --- again and again -----------------------------------------------------------------------------------------------


async def test_what_was_refused_is_sent_again_under_its_id_until_it_is_taken(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    hooks.receiver.answers["/hook"] = [500, 302, web.Response(status=400, text="who are you?")]
    await hooks.run_task()

    for _ in range(4):
        await hooks.send_due()
        hooks.service.clock.pass_time(HOUR_S)

    story = await hooks.history(made.webhook.id)
    assert len({message.id for message in hooks.receiver.messages}) == 1
    assert [attempt.status for attempt in story.attempts] == [500, 302, 400, 204]
    assert story.attempts[1].error == "the receiver answered 302, and redirects are not followed"
    assert story.attempts[2].answer == "who are you?"
    assert (story.delivery.state, story.delivery.attempts) == (DeliveryState.DELIVERED, 4)


async def test_a_timeout_and_a_closed_door_are_tried_again(service: ServiceHarness) -> None:
    async with webhook_harness(service, timeout_s=0.3) as hooks:
        made = await hooks.add()
        answer = asyncio.Event()
        hooks.receiver.answers["/hook"] = [until(answer)]
        await hooks.run_task()
        await hooks.send_due()
        answer.set()
        hooks.service.clock.pass_time(10)
        await hooks.send_due()

        story = await hooks.history(made.webhook.id)

    late, taken = story.attempts
    assert (late.status, late.error) == (None, "no answer within 0.3 seconds")
    assert taken.status == 204


async def test_a_wait_is_never_longer_than_the_schedule_and_the_tries_end(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    hooks.receiver.answers["/hook"] = [500] * 100
    await hooks.run_task()

    dues = []
    for wait_s in (*RETRY_DELAYS_S, 0):
        await hooks.send_due()
        story = await hooks.history(made.webhook.id)
        dues.append((story.delivery.due_ms - hooks.service.clock.now_ms()) / 1000 <= wait_s)
        hooks.service.clock.pass_time(max(wait_s, 900))  # the breaker, too, has had its rest then
    await hooks.send_due()

    story = await hooks.history(made.webhook.id)
    assert all(dues)
    assert story.delivery.state is DeliveryState.FAILED
    assert len(story.attempts) == len(RETRY_DELAYS_S) + 1 == len(hooks.receiver.messages)


async def test_a_receiver_that_asks_for_a_pause_gets_it(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    hooks.receiver.answers["/hook"] = [web.Response(status=429, headers={"Retry-After": "600"})]
    await hooks.run_task()
    await hooks.send_due()

    hooks.service.clock.pass_time(599)
    await hooks.send_due()
    early = len(hooks.receiver.messages)
    hooks.service.clock.pass_time(1)
    await hooks.send_due()

    assert early == 1
    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED]


async def test_what_could_not_be_sent_for_days_is_given_up_untried(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    await hooks.run_task()
    hooks.service.clock.pass_time(FINAL_TTL_S)

    with capture_logs() as logged:
        await hooks.send_due()

    assert await hooks.states(made.webhook.id) == [DeliveryState.FAILED]
    assert hooks.receiver.messages == []
    assert [entry["deliveries"] for entry in logged if entry["event"] == "webhook deliveries expired"] == [1]


async def test_a_replay_sends_the_same_message_again(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    await hooks.run_task()
    await hooks.send_due()
    delivery = (await hooks.history(made.webhook.id)).delivery.id

    again = await hooks.manage.replay(hooks.key.account, delivery)
    await hooks.send_due()

    first, second = hooks.receiver.messages
    assert again.state is DeliveryState.PENDING
    assert (first.id, first.content) == (second.id, second.content)
    assert [attempt.number for attempt in (await hooks.history(made.webhook.id)).attempts] == [1, 2]


async def test_a_replay_of_what_was_given_up_has_all_its_tries(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    await hooks.run_task()
    hooks.service.clock.pass_time(FINAL_TTL_S)
    await hooks.send_due()
    delivery = (await hooks.history(made.webhook.id)).delivery.id
    hooks.receiver.answers["/hook"] = [500]

    await hooks.manage.replay(hooks.key.account, delivery)
    await hooks.send_due()
    hooks.service.clock.pass_time(10)
    await hooks.send_due()

    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED]


# --- where it may go -----------------------------------------------------------------------------------------------


async def test_410_disables_a_webhook_and_drops_what_waits_for_it(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    hooks.limits = DeliveryLimits(lane=1)
    hooks.receiver.answers["/hook"] = [410]
    await hooks.run_task()
    await hooks.run_task()
    await hooks.send_due()
    await hooks.run_task()

    webhook = await hooks.manage.get(hooks.key.account, made.webhook.id)
    assert webhook.disabled_why == "its receiver answered 410 Gone"
    assert sorted(await hooks.states(webhook.id)) == [DeliveryState.DROPPED, DeliveryState.FAILED]
    assert len(hooks.receiver.messages) == 1


async def test_a_disabled_webhook_is_enabled_and_what_it_missed_is_replayed(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    hooks.receiver.answers["/hook"] = [410]
    await hooks.run_task()
    await hooks.send_due()
    delivery = (await hooks.history(made.webhook.id)).delivery.id
    with pytest.raises(Refusal, match="disabled"):
        await hooks.manage.replay(hooks.key.account, delivery)

    await hooks.manage.enable(hooks.key.account, made.webhook.id)
    await hooks.manage.replay(hooks.key.account, delivery)
    await hooks.send_due()
    await hooks.run_task()
    await hooks.send_due()

    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED] * 2


async def test_410_at_a_tasks_own_address_disables_nobody_elses(hooks: WebhookHarness) -> None:
    made = await hooks.manage.add(hooks.key.account, None)
    hooks.receiver.answers["/gone"] = [410]
    for path in ("/gone", "/here"):
        await hooks.submit_with_url(hooks.receiver.url(path))
    for claimed in await hooks.service.claim_tasks():
        await hooks.service.settle_task(claimed.task.id)

    await hooks.send_due()

    assert sorted(await hooks.states(made.webhook.id)) == [DeliveryState.DELIVERED, DeliveryState.FAILED]
    assert (await hooks.manage.get(None, made.webhook.id)).disabled_ms is None


async def test_what_is_private_by_the_time_it_is_sent_gets_nothing(service: ServiceHarness) -> None:
    async with webhook_harness(service) as hooks:
        made = await hooks.add()
        await hooks.run_task()

        await replace(hooks, http=GuardedWebhookHttp()).send_due()

        story = await hooks.history(made.webhook.id)
    assert hooks.receiver.messages == []
    assert story.attempts[0].error == "the address is not allowed: it is not https, or not public"


class RecordingWebhookHttp(GuardedWebhookHttp):
    """Records the account that name look-ups are charged to."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts: list[str] = []

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswered:
        self.accounts.append(current_account())
        return WebhookAnswered(200)


async def test_sending_is_charged_to_the_account_of_the_webhook(service: ServiceHarness) -> None:
    async with webhook_harness(service) as hooks:
        http = RecordingWebhookHttp()
        await hooks.add()
        await hooks.run_task()

        await replace(hooks, http=http).send_due()

    assert http.accounts == [hooks.key.account]


async def test_what_waits_for_a_removed_webhook_is_dropped(hooks: WebhookHarness) -> None:
    webhook = (await hooks.add()).webhook.id
    await hooks.run_task()
    await hooks.manage.remove(hooks.key.account, webhook)

    await hooks.send_due()

    assert hooks.receiver.messages == []
    assert await hooks.service.query("SELECT state FROM deliveries") == [("dropped",)]


# --- side by side --------------------------------------------------------------------------------------------------


async def test_a_slow_receiver_delays_no_other_and_no_more_of_itself_than_its_share(hooks: WebhookHarness) -> None:
    slow, fast = await hooks.add("/slow"), await hooks.add("/fast")
    answer = asyncio.Event()
    hooks.receiver.answers["/slow"] = [until(answer)] * 3
    hooks.limits = DeliveryLimits(lane=2)
    sender = hooks.sender()
    for _ in range(3):
        await hooks.run_task()

    async with asyncio.timeout(60):
        while await hooks.states(fast.webhook.id) != [DeliveryState.DELIVERED] * 3:
            await sender.send_due()
    await hooks.receiver.got(2, "/slow")
    waiting = (len(hooks.receiver.at("/slow")), await hooks.states(slow.webhook.id))
    answer.set()
    await sender.wait_idle()
    await hooks.send_due(sender)

    assert waiting == (2, [DeliveryState.PENDING] * 3)
    assert await hooks.states(slow.webhook.id) == [DeliveryState.DELIVERED] * 3


async def test_a_dead_receiver_is_left_alone_and_asked_again_by_one_message(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    hooks.receiver.answers["/hook"] = [503] * (TRIP_AT + 1)
    for _ in range(TRIP_AT):
        await hooks.run_task()
    await hooks.send_due()
    await hooks.run_task()
    await hooks.run_task()

    await hooks.send_due()
    resting = len(hooks.receiver.messages)
    hooks.service.clock.pass_time(10)
    await hooks.send_due()
    probed = len(hooks.receiver.messages)
    hooks.service.clock.pass_time(19)
    await hooks.send_due()
    still = len(hooks.receiver.messages)
    hooks.service.clock.pass_time(1)
    await hooks.send_due()

    assert (resting, probed, still) == (TRIP_AT, TRIP_AT + 1, TRIP_AT + 1)
    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED] * (TRIP_AT + 2)


async def test_several_workers_share_the_outbox_and_nothing_is_sent_twice(hooks: WebhookHarness) -> None:
    webhooks = [await hooks.add(f"/{number}") for number in range(3)]
    for _ in range(10):
        await hooks.run_task()
    senders = [hooks.sender() for _ in range(4)]

    async def works(sender: Any) -> None:
        while await sender.send_due():
            await sender.wait_idle()

    await asyncio.gather(*map(works, senders))
    await hooks.send_due()

    assert len(hooks.receiver.messages) == len({message.id for message in hooks.receiver.messages}) == 30
    for made in webhooks:
        assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED] * 10


async def test_what_a_dead_worker_was_sending_is_sent_again_at_once_under_its_id(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    answer = asyncio.Event()
    hooks.receiver.answers["/hook"] = [until(answer)]
    await hooks.run_task()
    struck = hooks.sender("struck")
    await struck.send_due()
    await hooks.receiver.got(1)
    await kill_sender(struck)
    answer.set()

    hooks.dead.add("struck")
    await hooks.send_due()

    first, second = hooks.receiver.messages
    assert first.id == second.id
    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED]


async def test_what_nobody_knows_to_be_dead_is_taken_over_when_its_lease_ends(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    answer = asyncio.Event()
    hooks.receiver.answers["/hook"] = [until(answer, 500)]
    await hooks.run_task()
    slow = hooks.sender("slow")
    await slow.send_due()
    await hooks.receiver.got(1)

    await hooks.send_due()
    before = len(hooks.receiver.messages)
    hooks.service.clock.pass_time(LEASE_MS / 1000)
    await hooks.send_due()
    answer.set()
    await slow.wait_idle()

    story = await hooks.history(made.webhook.id)
    assert (before, len(hooks.receiver.messages)) == (1, 2)
    assert story.delivery.state is DeliveryState.DELIVERED
    assert [attempt.status for attempt in story.attempts] == [204]


async def test_a_failure_of_a_sender_that_lost_its_lease_leaves_the_new_owners_lease(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    first, second = asyncio.Event(), asyncio.Event()
    hooks.receiver.answers["/hook"] = [until(first, 500), until(second)]
    await hooks.run_task()
    slow, new = hooks.sender("slow"), hooks.sender("new")
    await slow.send_due()
    await hooks.receiver.got(1)
    hooks.service.clock.pass_time(LEASE_MS / 1000)
    await new.send_due()
    await hooks.receiver.got(2)

    first.set()
    await slow.wait_idle()
    leased = await hooks.service.query("SELECT lease_owner, attempts, retries FROM deliveries")
    hooks.service.clock.pass_time(30)
    await hooks.send_due()
    sent_meanwhile = len(hooks.receiver.messages)
    second.set()
    await new.wait_idle()

    assert leased == [("new", 0, 0)]
    assert sent_meanwhile == 2
    history = await hooks.history(made.webhook.id)
    assert [attempt.status for attempt in history.attempts] == [204]


async def test_a_success_counts_although_the_lease_was_lost(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    answer = asyncio.Event()
    hooks.receiver.answers["/hook"] = [until(answer, 200), 500]
    await hooks.run_task()
    slow = hooks.sender("slow")
    await slow.send_due()
    await hooks.receiver.got(1)
    hooks.service.clock.pass_time(LEASE_MS / 1000)
    await hooks.send_due()

    answer.set()
    await slow.wait_idle()

    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED]


async def test_a_running_sender_is_woken_by_news_and_stops_when_it_is_reported(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    sender = hooks.sender()
    sender.poll_s = 3600
    await hooks.run_task()
    loop = asyncio.create_task(sender.run())
    await hooks.receiver.got(1)
    while sender._sending or sender._wake.is_set():  # noqa: ASYNC110 - it goes to sleep, and tells nobody
        await asyncio.sleep(0)
    await hooks.run_task()

    sender.signals.tasks_changed([StatusChange(TaskId("x"), Status.SUCCESS)])  # type: ignore[attr-defined]
    await hooks.receiver.got(2)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)

    assert loop.cancelled()
    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED] * 2


async def test_a_stop_waits_for_the_answer_to_what_is_on_its_way(hooks: WebhookHarness) -> None:
    made = await hooks.add()
    answer = asyncio.Event()
    hooks.receiver.answers["/hook"] = [until(answer)]
    await hooks.run_task()
    loop = asyncio.create_task(hooks.sender().run())
    await hooks.receiver.got(1)

    loop.cancel()
    await asyncio.sleep(0)
    answer.set()
    await asyncio.gather(loop, return_exceptions=True)

    assert await hooks.states(made.webhook.id) == [DeliveryState.DELIVERED]
    assert len(hooks.receiver.messages) == 1


# --- progress ------------------------------------------------------------------------------------------------------


async def running_one(hooks: WebhookHarness) -> tuple[ProgressWriter, Any]:
    task = await hooks.service.submit_task(hooks.key)
    await hooks.service.claim_tasks()
    running = RunningTasks()
    running.tasks[task] = RunningTask(None)  # type: ignore[arg-type]
    await hooks.service.store.run(lambda records: records.tasks.set_expected_end(task, 10_000))
    return ProgressWriter(hooks.service.store, hooks.service.clock, running), task


async def test_progress_is_reported_in_steps_to_who_asked_for_it(hooks: WebhookHarness) -> None:
    asked, plain = await hooks.add("/asked", "task.progress"), await hooks.add("/plain")
    teller, task = await running_one(hooks)
    for _ in range(3):
        hooks.service.clock.pass_time(2)
        await teller.write()
        await teller.write()
        await hooks.send_due()

    events = [message.verified(asked.secret) for message in hooks.receiver.at("/asked")]
    assert [event["type"] for event in events] == [EventType.PROGRESS] * 3
    assert {event["data"]["task_id"] for event in events} == {task}
    assert await hooks.histories(plain.webhook.id) == []


async def test_progress_of_a_task_that_has_ended_is_not_reported(hooks: WebhookHarness) -> None:
    made = await hooks.add("/asked", "task.progress")
    teller, task = await running_one(hooks)
    hooks.service.clock.pass_time(5)
    await teller.write()
    await hooks.service.settle_task(task)

    await hooks.send_due()

    assert hooks.receiver.messages == []
    assert await hooks.states(made.webhook.id) == [DeliveryState.DROPPED]


async def test_nothing_is_written_of_progress_that_nobody_wants(hooks: WebhookHarness) -> None:
    webhook: WebhookId = (await hooks.add()).webhook.id
    teller, _ = await running_one(hooks)
    hooks.service.clock.pass_time(5)

    await teller.write()

    assert await hooks.histories(webhook) == []


# --- secrets -------------------------------------------------------------------------------------------------------


async def test_no_secret_and_no_address_stands_in_a_log(hooks: WebhookHarness) -> None:
    hooks.receiver.answers["/hook-with-a-token"] = [500]
    with capture_logs() as logged:
        made = await hooks.add("/hook-with-a-token")
        await hooks.run_task()
        await hooks.send_due()

    assert any(entry["event"] == "webhook refused" for entry in logged)
    assert "token" not in str(logged)
    assert made.secret.removeprefix("whsec_") not in str(logged)
