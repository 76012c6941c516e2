"""Sends what stands in the outbox, side by side, and takes over what dead workers were sending."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from limner.application.store_errors import log_loop_error
from limner.application.webhooks.deliver import Deliver, LeasedDelivery
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import DeliveryId
from limner.ports.clock import Clock
from limner.ports.signals import Signals
from limner.ports.webhook_http import WebhookAnswered, WebhookUnanswered

log = structlog.get_logger()

CAPACITY = 1000
"""Messages on their way at once."""

TIDY_MS = 5_000
"""How often what others left is looked for, and what is too old given up."""

GATHER_S = 0.05
"""After news, before the look: much of it comes at once."""

GRACE_S = 5.0
"""How long a stop waits for what is on its way; what is not answered by then is sent again."""

AT_ONCE = 500


@dataclass(slots=True)
class WebhookSender:
    """`is_dead` tells whether the owner of a lease is known to be no more."""

    store: Store
    deliver: Deliver
    signals: Signals
    clock: Clock
    is_dead: Callable[[str], bool]
    poll_s: float = 1.0
    _sending: "dict[DeliveryId, tuple[LeasedDelivery, asyncio.Task[None]]]" = field(default_factory=dict, init=False)
    _awake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _has_room: bool = field(default=False, init=False)
    _tidied_ms: int | None = field(default=None, init=False)

    async def run(self) -> None:
        self.signals.on_tasks_changed(self._awake.set)
        try:
            while True:
                if not await self._look():
                    await self._wait()
        finally:
            await self._let_go()

    async def beat(self) -> bool:
        """Send what is due; whether there was anything."""
        await self._tidy()
        in_hand = Counter(taken.delivery.account for taken, _ in self._sending.values())
        taken = await self.deliver.take(CAPACITY - len(self._sending), in_hand)
        for each in taken:
            self._start(each)
        return bool(taken)

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        while self._sending:
            await asyncio.wait([work for _, work in self._sending.values()])

    async def _look(self) -> bool:
        try:
            return await self.beat()
        except Exception as error:  # noqa: BLE001 - the beat goes on: a database that is away now may be back in a moment
            log_loop_error("webhooks not looked at", error)
            await self.clock.sleep(self.poll_s)
            return False

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.poll_s):
                await self._awake.wait()
            if not self._has_room:
                await self.clock.sleep(GATHER_S)
        self._awake.clear()
        self._has_room = False

    def _start(self, taken: LeasedDelivery) -> None:
        if taken.delivery.id in self._sending:
            return  # we were held up until its lease ran out, and are sending it still
        work = asyncio.create_task(self._send(taken), name="webhooks")
        self._sending[taken.delivery.id] = taken, work

    async def _send(self, taken: LeasedDelivery) -> None:
        delivery = taken.delivery
        try:
            outcome = await self.deliver(taken)
            _tell(taken, outcome)
        except Exception as error:  # noqa: BLE001 - its lease runs out, and it is sent again
            log_loop_error("webhook not sent", error, delivery=delivery.id, webhook=delivery.webhook)
        finally:
            del self._sending[delivery.id]
            self._has_room = True  # in its lane
            self._awake.set()

    async def _tidy(self) -> None:
        now_ms = self.clock.now_ms()
        if self._tidied_ms is not None and 0 <= now_ms - self._tidied_ms < TIDY_MS:
            return
        owners = await self.store.read(lambda records: records.deliveries.lease_owners())
        if dead := [owner for owner in owners if self.is_dead(owner)]:
            freed = await self.store.run(lambda records: records.deliveries.end_leases_of(dead, now_ms))
            log.info("took over webhooks from dead workers", deliveries=freed)
        await self.store.run(lambda records: _give_up(records, now_ms))
        self._tidied_ms = now_ms

    async def _let_go(self) -> None:
        works = [work for _, work in self._sending.values()]
        if works:
            await asyncio.wait(works, timeout=GRACE_S)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


def _give_up(records: Records, now_ms: int) -> None:
    given_up = records.deliveries.give_up(now_ms, AT_ONCE)
    if given_up:
        log.warning("webhooks given up", deliveries=given_up)


def _tell(taken: LeasedDelivery, outcome: WebhookAnswered | WebhookUnanswered | None) -> None:
    delivery = taken.delivery
    facts = {"delivery": delivery.id, "webhook": delivery.webhook, "webhook_event": delivery.event}
    match outcome:
        case WebhookAnswered(status) if outcome.is_success:
            log.debug("webhook delivered", status=status, **facts)
        case WebhookAnswered(status):
            log.info("webhook refused", status=status, **facts)
        case WebhookUnanswered(error):
            log.info("webhook not answered", error=error, **facts)
        case None:
            log.debug("webhook dropped", **facts)
