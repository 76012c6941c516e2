"""Sends due webhook deliveries concurrently, and takes over those of dead workers."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from limner.application.store_errors import log_loop_error
from limner.application.webhooks.deliver import Deliver, LeasedBatch, LeasedDelivery
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import DeliveryId
from limner.ports.clock import Clock
from limner.ports.signals import Signals
from limner.ports.telemetry import NO_TELEMETRY, Telemetry
from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered

log = structlog.get_logger()

CAPACITY = 1000
"""Concurrent sends of one worker."""

RECOVERY_INTERVAL_MS = 5_000
"""How often leases of dead workers are released and outdated deliveries failed."""

DEBOUNCE_S = 0.05
"""After a signal, before the next poll: signals arrive in bursts."""

GRACE_S = 5.0
"""How long a stop waits for sends in flight; the rest is sent again by another worker."""

BATCH_SIZE = 500

IDLE_LANE_MS = 24 * 3_600_000
"""How long an unused lane keeps the state of its breaker."""


@dataclass(slots=True)
class WebhookSender:
    """`is_dead` returns whether the owner of a lease is known to be dead."""

    store: Store
    deliver: Deliver
    signals: Signals
    clock: Clock
    is_dead: Callable[[str], bool]
    poll_s: float = 1.0
    telemetry: Telemetry = NO_TELEMETRY
    _sending: "dict[DeliveryId, tuple[LeasedDelivery, asyncio.Task[None]]]" = field(default_factory=dict, init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _has_capacity: bool = field(default=False, init=False)
    _after: str = field(default="", init=False)
    _has_found: bool = field(default=False, init=False)
    _recovered_ms: int | None = field(default=None, init=False)

    async def run(self) -> None:
        self.signals.on_tasks_changed(self._wake.set)
        try:
            while True:
                if not await self._poll():
                    await self._wait()
        finally:
            await self._stop()

    async def send_due(self) -> bool:
        """Start sending due deliveries; returns whether there may be more."""
        await self._recover()
        capacity = CAPACITY - len(self._sending)
        if capacity <= 0:
            return False
        sending = Counter(taken.delivery.account for taken, _ in self._sending.values())
        batch = await self.deliver.take(capacity, sending, self._after)
        for each in batch.deliveries:
            self._start(each)
        return self._go_on(batch)

    def _go_on(self, batch: LeasedBatch) -> bool:
        """Whether to poll again at once: until a round of all accounts has found nothing."""
        has_found = self._has_found or bool(batch.deliveries)
        self._after, self._has_found = batch.after, has_found and bool(batch.after)
        return has_found or bool(batch.after)

    async def wait_idle(self) -> None:
        """Wait until nothing is being sent."""
        while self._sending:
            await asyncio.wait([work for _, work in self._sending.values()])

    async def _poll(self) -> bool:
        try:
            return await self.send_due()
        except Exception as error:  # noqa: BLE001 - the loop must survive any error, such as an unavailable database
            log_loop_error("polling webhook deliveries failed", error)
            await self.clock.sleep(self.poll_s)
            return False

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.poll_s):
                await self._wake.wait()
            if not self._has_capacity:
                await self.clock.sleep(DEBOUNCE_S)
        self._wake.clear()
        self._has_capacity = False

    def _start(self, taken: LeasedDelivery) -> None:
        if taken.delivery.id in self._sending:
            return  # our own lease expired while we are still sending it
        work = asyncio.create_task(self._send(taken), name="webhooks")
        self._sending[taken.delivery.id] = taken, work

    async def _send(self, taken: LeasedDelivery) -> None:
        delivery = taken.delivery
        try:
            outcome = await self.deliver(taken)
            self.telemetry.webhook_sent(_log_outcome(taken, outcome))
        except Exception as error:  # noqa: BLE001 - the lease expires, and it is sent again
            log_loop_error("sending a webhook failed", error, delivery=delivery.id, webhook=delivery.webhook)
        finally:
            del self._sending[delivery.id]
            self._has_capacity = True  # in its lane
            self._wake.set()

    async def _recover(self) -> None:
        now_ms = self.clock.now_ms()
        if self._recovered_ms is not None and 0 <= now_ms - self._recovered_ms < RECOVERY_INTERVAL_MS:
            return
        owners = await self.store.read(lambda records: records.deliveries.lease_owners())
        if dead := [owner for owner in owners if self.is_dead(owner)]:
            freed = await self.store.run(lambda records: records.deliveries.end_leases_of(dead, now_ms))
            log.info("released webhook leases of dead workers", deliveries=freed)
        await self.store.run(lambda records: _clean_up(records, now_ms))
        self._recovered_ms = now_ms

    async def _stop(self) -> None:
        works = [work for _, work in self._sending.values()]
        if works:
            await asyncio.wait(works, timeout=GRACE_S)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


def _clean_up(records: Records, now_ms: int) -> None:
    given_up = records.deliveries.give_up(now_ms, BATCH_SIZE)
    records.lanes.delete_idle(now_ms - IDLE_LANE_MS, BATCH_SIZE)
    if given_up:
        log.warning("webhook deliveries expired", deliveries=given_up)


def _log_outcome(taken: LeasedDelivery, outcome: WebhookAnswered | WebhookUnanswered | None) -> str:
    """Log how a try ended, and name it for the metrics."""
    delivery = taken.delivery
    facts = {"delivery": delivery.id, "webhook": delivery.webhook, "webhook_event": delivery.event}
    match outcome:
        case WebhookAnswered(status) if outcome.is_success:
            log.debug("webhook delivered", status=status, **facts)
            return "delivered"
        case WebhookAnswered(status):
            log.info("webhook refused", status=status, **facts)
            return "refused"
        case WebhookUnanswered(error):
            log.info("webhook not answered", error=error, **facts)
            return "unanswered"
        case None:
            log.debug("webhook dropped", **facts)
            return "dropped"
        case _:
            assert_never(outcome)
