"""Telling a webhook: leased from the outbox, made, signed, sent, and written down.

Every message is sent at least once. Who dies between the sending and the writing leaves a lease, and the message is
sent again under the same id, by which its receiver knows it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from limner.application.accounts.fair_share import acting_for
from limner.application.read import TaskView
from limner.application.webhooks.signing import SigningSecret
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.deliveries import Delivery, DeliveryAttempt, DeliveryLane, NextDelivery
from limner.db.tables.webhooks import Webhook
from limner.domain.ids import AccountId, DeliveryId, WebhookId
from limner.domain.routing.breaker import CLOSED, Breaker, after_failure, probing
from limner.domain.routing.failure import FailureKind
from limner.domain.tasks.task import Task
from limner.domain.webhook import DeliveryState, EventType, retry_delay_s, signature
from limner.ports.clock import Clock
from limner.ports.webhook_http import WebhookAnswered, WebhookHttp, WebhookUnanswered

log = structlog.get_logger()

LEASE_MS = 60_000
"""Four times as long as a try may take."""

LANES_AT_ONCE = 200

GONE = 410

Describe = Callable[[TaskView, str, int], Mapping[str, Any]]
"""A task as its owner reads it, for the tag of an account, at a time."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How many messages may be on their way at once: to a lane by all workers, and for an account by one of them."""

    lane: int = 10
    account: int = 50


@dataclass(frozen=True, slots=True)
class LeasedDelivery:
    """A delivery that is ours to send. `probe` says that it tries a lane which was left alone."""

    delivery: Delivery
    probe: bool = False


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message as it goes out."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """`owner` names this process in leases."""

    store: Store
    post: WebhookHttp
    secret: SigningSecret
    describe: Describe
    clock: Clock
    owner: str
    limits: DeliveryLimits = DeliveryLimits()

    async def take(self, room: int, in_hand: Mapping[AccountId, int]) -> Sequence[LeasedDelivery]:
        """Lease what is due, at most `room`; `in_hand` is what this process is sending already."""
        now_ms = self.clock.now_ms()
        lanes = await self._lanes(now_ms) if room > 0 else ()
        if not lanes:
            return ()
        return await self.store.run(lambda records: self._take(records, lanes[:room], room, in_hand, now_ms))

    async def _lanes(self, now_ms: int) -> Sequence[DeliveryLane]:
        return await self.store.read(lambda records: records.deliveries.lanes(now_ms, LANES_AT_ONCE))

    async def lease(self, delivery: DeliveryId) -> LeasedDelivery | None:
        """Lease this one; None when there is nothing to send any more."""
        until_ms = self.clock.now_ms() + LEASE_MS
        leased = await self.store.run(lambda records: records.deliveries.lease(delivery, self.owner, until_ms))
        return LeasedDelivery(leased) if leased else None

    async def __call__(self, taken: LeasedDelivery) -> WebhookAnswered | WebhookUnanswered | None:
        """Send it once and write down what came of it; None when it has nowhere to go any more."""
        at_ms = self.clock.now_ms()
        letter = await self.store.read(lambda records: self._letter(records, taken.delivery, at_ms))
        if letter is None:
            await self.store.run(lambda records: records.deliveries.drop(taken.delivery.id, at_ms))
            return None
        with acting_for(taken.delivery.account):
            outcome = await self._send(letter)
        done_ms, chance = self.clock.now_ms(), random.random()  # noqa: S311 - spreads a crowd, guards nothing
        await self.store.run(lambda records: self._note(records, taken, outcome, (at_ms, done_ms), chance))
        return outcome

    async def _send(self, letter: SignedMessage) -> WebhookAnswered | WebhookUnanswered:
        try:
            return await self.post(letter.url, letter.headers, letter.body)
        except Exception:  # a fault of ours counts as a try, else it would be met again and again
            log.exception("webhook broke")
            return WebhookUnanswered("a fault of the sender")

    # --- what is due ----------------------------------------------------------------------------------------------

    def _take(
        self, records: Records, lanes: Sequence[DeliveryLane], room: int, in_hand: Mapping[AccountId, int], now_ms: int
    ) -> Sequence[LeasedDelivery]:
        taken: list[LeasedDelivery] = []
        ours = dict(in_hand)
        share = max(1, room // len(lanes))
        for lane in sorted(lanes, key=lambda lane: lane.id):  # as all workers do: none waits for another in a ring
            left = min(share, room - len(taken), self.limits.account - ours.get(lane.account, 0))
            if left > 0:
                new = self._take_lane(records, lane.id, left, now_ms)
                ours[lane.account] = ours.get(lane.account, 0) + len(new)
                taken += new
        return taken

    def _take_lane(self, records: Records, lane: str, room: int, now_ms: int) -> Sequence[LeasedDelivery]:
        outbox = records.deliveries
        breaker = outbox.lock_lane(lane)
        if breaker.is_open(now_ms):
            return ()
        probe = breaker.openings > 0
        room = 1 if probe else min(room, self.limits.lane - outbox.under_way(lane, now_ms))
        leased = outbox.take(lane, self.owner, now_ms, now_ms + LEASE_MS, room) if room > 0 else ()
        if leased and probe:
            outbox.save_lane(lane, probing(breaker, now_ms), now_ms)
        return [LeasedDelivery(delivery, probe) for delivery in leased]

    # --- the message ----------------------------------------------------------------------------------------------

    def _letter(self, records: Records, delivery: Delivery, now_ms: int) -> SignedMessage | None:
        webhook = records.webhooks.get(delivery.webhook)
        if webhook is None or (webhook.disabled_ms is not None and delivery.event is not EventType.TEST):
            return None
        url, body = delivery.url or webhook.url, self._body(records, delivery, webhook, now_ms)
        if url is None or body is None:
            return None
        return SignedMessage(url, self._headers(records, delivery, body, now_ms), body)

    def _headers(self, records: Records, delivery: Delivery, body: bytes, now_ms: int) -> Mapping[str, str]:
        moment_s = now_ms // 1000
        salts = records.webhooks.salts(delivery.webhook, now_ms)
        secrets = [self.secret(delivery.webhook, salt.salt) for salt in salts]
        return {
            "Content-Type": "application/json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(moment_s),
            "webhook-signature": " ".join(signature(secret, delivery.id, moment_s, body) for secret in secrets),
        }

    def _body(self, records: Records, delivery: Delivery, webhook: Webhook, now_ms: int) -> bytes | None:
        if delivery.task is None:
            return _message(delivery.event, delivery.created_ms, {"webhook_id": webhook.id})
        task, account = records.tasks.get(delivery.task), records.accounts.get(delivery.account)
        if task is None or account is None or (delivery.event is EventType.PROGRESS and task.status.final):
            return None
        return _message(
            delivery.event, _moment_of(delivery, task), self.describe(TaskView(task, None), account.tag, now_ms)
        )

    # --- what came of it ------------------------------------------------------------------------------------------

    def _note(
        self,
        records: Records,
        taken: LeasedDelivery,
        outcome: WebhookAnswered | WebhookUnanswered,
        times: tuple[int, int],
        chance: float,
    ) -> None:
        at_ms, now_ms = times
        delivery = taken.delivery
        breaker = records.deliveries.lock_lane(delivery.lane)
        then = _next(delivery, outcome, now_ms, chance)
        counted = records.deliveries.close(delivery.id, _attempt(outcome, at_ms, now_ms), then, self.owner)
        after = _breaker_after(breaker, taken, outcome, now_ms)
        if counted and after != breaker:
            records.deliveries.save_lane(delivery.lane, after, now_ms)
        if isinstance(outcome, WebhookAnswered) and outcome.status == GONE and delivery.url is None:
            disable_webhook(records, delivery.webhook, "its receiver answered 410 Gone", now_ms)


def disable_webhook(records: Records, webhook: WebhookId, why: str, now_ms: int) -> None:
    """Write nothing more for this webhook, and drop what waits for it; what is left is dropped when its turn comes."""
    records.webhooks.disable(webhook, why, now_ms)
    records.deliveries.drop_all(webhook, now_ms, DROP_BATCH)


DROP_BATCH = 5_000


def _message(event: EventType, at_ms: int, data: Mapping[str, Any]) -> bytes:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": event, "timestamp": moment, "data": data})


def _moment_of(delivery: Delivery, task: Task) -> int:
    """When that happened which the message tells."""
    return delivery.created_ms if task.finished_ms is None else task.finished_ms


def _attempt(outcome: WebhookAnswered | WebhookUnanswered, at_ms: int, now_ms: int) -> DeliveryAttempt:
    took_ms = max(0, now_ms - at_ms)
    match outcome:
        case WebhookAnswered(status, text):
            error = None if outcome.is_success else _refused(status)
            return DeliveryAttempt(0, at_ms, took_ms, status, error, text or None)
        case WebhookUnanswered(error):
            return DeliveryAttempt(0, at_ms, took_ms, None, error, None)


def _refused(status: int) -> str:
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    return f"the receiver answered {status}{redirect}"


def _next(delivery: Delivery, outcome: WebhookAnswered | WebhookUnanswered, now_ms: int, chance: float) -> NextDelivery:
    if isinstance(outcome, WebhookAnswered) and outcome.is_success:
        return NextDelivery(DeliveryState.DELIVERED, delivery.retries, now_ms, now_ms)
    wish_s = outcome.retry_after_s if isinstance(outcome, WebhookAnswered) else None
    gone = isinstance(outcome, WebhookAnswered) and outcome.status == GONE
    seconds = None if gone else retry_delay_s(delivery.event, delivery.retries, chance, wish_s)
    if seconds is None or now_ms >= delivery.until_ms:
        return NextDelivery(DeliveryState.FAILED, delivery.retries, now_ms, now_ms)
    return NextDelivery(DeliveryState.PENDING, delivery.retries + 1, now_ms + int(seconds * 1000))


def _breaker_after(
    breaker: Breaker, taken: LeasedDelivery, outcome: WebhookAnswered | WebhookUnanswered, now_ms: int
) -> Breaker:
    """What was under way when the breaker opened says nothing more of the lane."""
    if isinstance(outcome, WebhookAnswered) and outcome.is_success:
        return CLOSED
    if breaker.is_open(now_ms) and not taken.probe:
        return breaker
    if isinstance(outcome, WebhookAnswered):
        return after_failure(breaker, FailureKind.TRANSIENT, _refused(outcome.status), now_ms, now_ms)
    kind = FailureKind.TIMEOUT if outcome.timed_out else FailureKind.TRANSIENT
    return after_failure(breaker, kind, outcome.error, now_ms, now_ms)
