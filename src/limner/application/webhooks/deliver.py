"""Delivers webhook messages from the outbox: lease, render, sign, send, record the attempt.

Delivery is at least once. A process that dies between sending and recording leaves a lease; when it expires, the
message is sent again under the same id, so that the receiver can deduplicate.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog

from limner.application.read import TaskView
from limner.application.spans import DELIVERY, EVENT, HOST, HTTP_STATUS, TRIES, WEBHOOK
from limner.application.webhooks.signing import SigningSecret
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.deliveries import Delivery, DeliveryAttempt, NextDelivery
from limner.db.tables.lanes import DeliveryLane
from limner.db.tables.webhooks import Webhook
from limner.domain.ids import AccountId, DeliveryId, WebhookId
from limner.domain.routing.breaker import CLOSED, Breaker, after_failure, probing
from limner.domain.routing.failure import FailureKind
from limner.domain.tasks.task import Task
from limner.domain.webhook import DeliveryState, EventType, retry_delay_s, signature
from limner.ports.acting_account import acting_for
from limner.ports.clock import Clock
from limner.ports.tracing import NO_TRACING, Attributes, Span, SpanKind, TraceContext, Tracing, sent_on
from limner.ports.webhook_http import WebhookAnswered, WebhookHttp, WebhookUnanswered

log = structlog.get_logger()

LEASE_MS = 60_000
"""Four times the timeout of one attempt."""

ACCOUNTS_PER_POLL = 32
LANES_PER_ACCOUNT = 8
"""How much one poll leases from; the next poll continues with the next accounts."""

GONE = 410

Describe = Callable[[TaskView, str, int], Mapping[str, Any]]
"""Renders a task as the API shows it to its account: (task, account tag, now in ms)."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """Concurrent sends: per lane over all workers, per account within one worker."""

    lane: int = 10
    account: int = 50


@dataclass(frozen=True, slots=True)
class LeasedDelivery:
    """A delivery that this process has leased. `probe` marks the one that tests a lane whose breaker is half-open."""

    delivery: Delivery
    probe: bool = False


@dataclass(frozen=True, slots=True)
class LeasedBatch:
    """What one poll leased, and the account that the next poll starts after: empty at the end of all accounts."""

    deliveries: Sequence[LeasedDelivery]
    after: str


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A rendered HTTP request: address, headers with the signature, body."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Leases deliveries and sends them. `owner` identifies this process in leases."""

    store: Store
    http: WebhookHttp
    secret: SigningSecret
    describe: Describe
    clock: Clock
    owner: str
    limits: DeliveryLimits = DeliveryLimits()
    tracing: Tracing = NO_TRACING

    async def take(self, capacity: int, sending: Mapping[AccountId, int], after: str = "") -> LeasedBatch:
        """Lease at most `capacity` due deliveries: accounts in turn, then their lanes, then their deliveries.

        `sending` counts the deliveries in flight in this process per account, `after` is the last poll's.
        """
        if capacity <= 0:
            return LeasedBatch((), after)
        now_ms = self.clock.now_ms()
        lanes, after = await self._find_due(sending, after, now_ms)
        if not lanes:
            return LeasedBatch((), after)
        leased = await self.store.run(lambda records: self._take(records, lanes, capacity, sending, now_ms))
        return LeasedBatch(leased, after)

    async def _find_due(
        self, sending: Mapping[AccountId, int], after: str, now_ms: int
    ) -> tuple[Sequence[DeliveryLane], str]:
        return await self.store.read(lambda records: self._due_lanes(records, sending, after, now_ms))

    async def lease(self, delivery: DeliveryId) -> LeasedDelivery | None:
        """Lease this delivery; None when it is no longer pending or another process holds it."""
        now_ms = self.clock.now_ms()
        leased = await self.store.run(lambda records: records.deliveries.lease(delivery, self.owner, now_ms, LEASE_MS))
        return LeasedDelivery(leased) if leased else None

    async def __call__(self, taken: LeasedDelivery) -> WebhookAnswered | WebhookUnanswered | None:
        """Send once and record the attempt; None when the delivery was dropped because its webhook or task is gone."""
        at_ms = self.clock.now_ms()
        message = await self.store.read(lambda records: self._message(records, taken.delivery, at_ms))
        if message is None:
            await self.store.run(lambda records: _drop(records, taken.delivery, at_ms))
            return None
        with (
            acting_for(taken.delivery.account),
            self.tracing.span(
                WEBHOOK, _facts(taken.delivery, message), kind=SpanKind.CLIENT, parent=message.trace
            ) as span,
        ):
            outcome = await self._send(message)
            _describe(span, outcome)
        done_ms, chance = self.clock.now_ms(), random.random()  # noqa: S311 - jitter, not a secret
        await self.store.run(lambda records: self._record(records, taken, outcome, (at_ms, done_ms), chance))
        return outcome

    async def _send(self, message: SignedMessage) -> WebhookAnswered | WebhookUnanswered:
        try:
            return await self.http(message.url, {**message.headers, **sent_on()}, message.body)
        except Exception:  # counts as an attempt: otherwise a bug of ours would be retried without end
            log.exception("webhook sending failed")
            return WebhookUnanswered("internal error of the sender")

    # --- leasing --------------------------------------------------------------------------------------------------

    def _due_lanes(
        self, records: Records, sending: Mapping[AccountId, int], after: str, now_ms: int
    ) -> tuple[Sequence[DeliveryLane], str]:
        accounts, after = records.lanes.due_accounts(after, now_ms, ACCOUNTS_PER_POLL)
        lanes = [
            lane
            for account in accounts
            if sending.get(account, 0) < self.limits.account
            for lane in records.lanes.due(account, now_ms, LANES_PER_ACCOUNT)
        ]
        return lanes, after

    def _take(
        self,
        records: Records,
        lanes: Sequence[DeliveryLane],
        capacity: int,
        sending: Mapping[AccountId, int],
        now_ms: int,
    ) -> Sequence[LeasedDelivery]:
        taken: list[LeasedDelivery] = []
        lane_counts = Counter(lane.account for lane in lanes)
        share = max(1, capacity // len(lane_counts))
        free = {account: min(share, self.limits.account - sending.get(account, 0)) for account in lane_counts}
        lane_share = {account: max(1, free[account] // count) for account, count in lane_counts.items()}
        for lane in lanes:
            most = min(lane_share[lane.account], free[lane.account], capacity - len(taken))
            leased = self._take_lane(records, lane.id, most, now_ms)
            free[lane.account] -= len(leased)
            taken += leased
        return taken

    def _take_lane(self, records: Records, lane: str, most: int, now_ms: int) -> Sequence[LeasedDelivery]:
        breaker = records.lanes.try_lock(lane) if most > 0 else None
        if breaker is None:
            return ()
        probe = breaker.openings > 0
        free = 1 if probe else self.limits.lane - records.deliveries.in_flight(lane, now_ms)
        most = 0 if breaker.is_open(now_ms) else min(most, free)
        leased = records.deliveries.take(lane, self.owner, now_ms, LEASE_MS, most) if most > 0 else ()
        if leased and probe:
            breaker = probing(breaker, now_ms)
            records.lanes.save(lane, breaker, now_ms)
        records.lanes.schedule(lane, breaker, now_ms, is_full=len(leased) >= free)
        return [LeasedDelivery(delivery, probe) for delivery in leased]

    # --- rendering ------------------------------------------------------------------------------------------------

    def _message(self, records: Records, delivery: Delivery, now_ms: int) -> SignedMessage | None:
        webhook = records.webhooks.get(delivery.webhook)
        if webhook is None or (webhook.disabled_ms is not None and delivery.event is not EventType.TEST):
            return None
        url, body = delivery.url or webhook.url, self._body(records, delivery, webhook, now_ms)
        if url is None or body is None:
            return None
        trace = records.tasks.trace_of(delivery.task) if delivery.task and self.tracing.is_on else None
        return SignedMessage(url, self._headers(records, delivery, body, now_ms), body, trace)

    def _headers(self, records: Records, delivery: Delivery, body: bytes, now_ms: int) -> Mapping[str, str]:
        timestamp_s = now_ms // 1000
        salts = records.webhooks.salts(delivery.webhook, now_ms)
        secrets = [self.secret(delivery.webhook, salt.salt) for salt in salts]
        return {
            "Content-Type": "application/json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": " ".join(signature(secret, delivery.id, timestamp_s, body) for secret in secrets),
        }

    def _body(self, records: Records, delivery: Delivery, webhook: Webhook, now_ms: int) -> bytes | None:
        if delivery.task is None:
            about = delivery.detail or {"webhook_id": webhook.id}
            return _payload(delivery.event, delivery.created_ms, about)
        task, account = records.tasks.get(delivery.task), records.accounts.get(delivery.account)
        if task is None or account is None or (delivery.event is EventType.PROGRESS and task.status.final):
            return None
        return _payload(
            delivery.event, _happened_ms(delivery, task), self.describe(TaskView(task, None), account.tag, now_ms)
        )

    # --- recording ------------------------------------------------------------------------------------------------

    def _record(
        self,
        records: Records,
        taken: LeasedDelivery,
        outcome: WebhookAnswered | WebhookUnanswered,
        times: tuple[int, int],
        chance: float,
    ) -> None:
        at_ms, now_ms = times
        delivery = taken.delivery
        breaker = records.lanes.lock(delivery.lane, delivery.account)
        next_ = _next(delivery, outcome, now_ms, chance)
        counted = records.deliveries.close(delivery.id, _attempt(outcome, at_ms, now_ms), next_, self.owner)
        after = _breaker_after(breaker, taken, outcome, now_ms)
        if counted and after != breaker:
            records.lanes.save(delivery.lane, after, now_ms)
        records.lanes.schedule(delivery.lane, after if counted else breaker, now_ms)
        if isinstance(outcome, WebhookAnswered) and outcome.status == GONE and delivery.url is None:
            disable_webhook(records, delivery.webhook, "its receiver answered 410 Gone", now_ms)


def _drop(records: Records, delivery: Delivery, now_ms: int) -> None:
    breaker = records.lanes.lock(delivery.lane, delivery.account)
    records.deliveries.drop(delivery.id, now_ms)
    records.lanes.schedule(delivery.lane, breaker, now_ms)


def disable_webhook(records: Records, webhook: WebhookId, why: str, now_ms: int) -> None:
    """Stop enqueueing for this webhook and drop its pending deliveries.

    At most `DROP_BATCH` are dropped here; the rest are dropped when they are due.
    """
    records.webhooks.disable(webhook, why, now_ms)
    records.deliveries.drop_all(webhook, now_ms, DROP_BATCH)


DROP_BATCH = 5_000


def _facts(delivery: Delivery, message: SignedMessage) -> Attributes:
    host = urlsplit(message.url).hostname or ""
    return {EVENT: delivery.event, DELIVERY: delivery.id, TRIES: delivery.retries, HOST: host}


def _describe(span: Span, outcome: WebhookAnswered | WebhookUnanswered) -> None:
    match outcome:
        case WebhookAnswered(status):
            span.set({HTTP_STATUS: status})
            if not outcome.is_success:
                span.fail(str(status))
        case WebhookUnanswered():
            span.fail("timeout" if outcome.timed_out else "unanswered")


def _payload(event: EventType, at_ms: int, data: Mapping[str, Any]) -> bytes:
    timestamp = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": event, "timestamp": timestamp, "data": data})


def _happened_ms(delivery: Delivery, task: Task) -> int:
    """When the event happened: the task's end, or the enqueueing of a progress message."""
    return delivery.created_ms if task.finished_ms is None else task.finished_ms


def _attempt(outcome: WebhookAnswered | WebhookUnanswered, at_ms: int, now_ms: int) -> DeliveryAttempt:
    duration_ms = max(0, now_ms - at_ms)
    match outcome:
        case WebhookAnswered(status, text):
            error = None if outcome.is_success else _refused(status)
            return DeliveryAttempt(0, at_ms, duration_ms, status, error, text or None)
        case WebhookUnanswered(error):
            return DeliveryAttempt(0, at_ms, duration_ms, None, error, None)


def _refused(status: int) -> str:
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    return f"the receiver answered {status}{redirect}"


def _next(delivery: Delivery, outcome: WebhookAnswered | WebhookUnanswered, now_ms: int, chance: float) -> NextDelivery:
    if isinstance(outcome, WebhookAnswered) and outcome.is_success:
        return NextDelivery(DeliveryState.DELIVERED, delivery.retries, now_ms, now_ms)
    retry_after_s = outcome.retry_after_s if isinstance(outcome, WebhookAnswered) else None
    gone = isinstance(outcome, WebhookAnswered) and outcome.status == GONE
    delay_s = None if gone else retry_delay_s(delivery.event, delivery.retries, chance, retry_after_s)
    if delay_s is None or now_ms >= delivery.until_ms:
        return NextDelivery(DeliveryState.FAILED, delivery.retries, now_ms, now_ms)
    return NextDelivery(DeliveryState.PENDING, delivery.retries + 1, now_ms + int(delay_s * 1000))


def _breaker_after(
    breaker: Breaker, taken: LeasedDelivery, outcome: WebhookAnswered | WebhookUnanswered, now_ms: int
) -> Breaker:
    """Failures of sends that began before the breaker opened are not counted again."""
    if isinstance(outcome, WebhookAnswered) and outcome.is_success:
        return CLOSED
    if breaker.is_open(now_ms) and not taken.probe:
        return breaker
    if isinstance(outcome, WebhookAnswered):
        return after_failure(breaker, FailureKind.TRANSIENT, _refused(outcome.status), now_ms, now_ms)
    kind = FailureKind.TIMEOUT if outcome.timed_out else FailureKind.TRANSIENT
    return after_failure(breaker, kind, outcome.error, now_ms, now_ms)
