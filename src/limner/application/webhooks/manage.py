"""Manages an account's webhooks, for their owner or the operator."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from limner.application.webhooks.deliver import DROP_BATCH
from limner.application.webhooks.outbox import lane_of
from limner.application.webhooks.signing import SigningSecret
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.deliveries import Delivery, DeliveryAttempt
from limner.db.tables.webhooks import SecretSalt, Webhook
from limner.domain.ids import AccountId, DeliveryId, WebhookId, is_uuid
from limner.domain.refusal import Code, Refusal
from limner.domain.webhook import (
    FINAL_EVENTS,
    SELECTABLE_EVENTS,
    DeliveryState,
    EventType,
    delivery_id,
    is_delivery_id,
    secret_text,
    ttl_ms,
)
from limner.ports.clock import Clock
from limner.ports.webhook_http import WebhookHttp

MAX_WEBHOOKS = 20
"""Per account."""

MAX_DESCRIPTION = 200

OVERLAP_HOURS = 24.0
MAX_OVERLAP_HOURS = 24.0 * 30
"""For how long a replaced secret still signs, in hours."""


@dataclass(frozen=True, slots=True)
class CreatedWebhook:
    """A webhook and its new secret. The secret cannot be read again."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """A delivery and its attempts, in order."""

    delivery: Delivery
    attempts: Sequence[DeliveryAttempt]


@dataclass(frozen=True, slots=True)
class ManageWebhooks:
    """Methods that take an `account` raise `Refusal` for another account's webhook; None, the operator, sees all.

    Changes are written to the audit log, attributed to `actor`, or to the account itself when None.
    """

    store: Store
    http: WebhookHttp
    secret: SigningSecret
    clock: Clock
    actor: str | None = None

    async def add(
        self, account: AccountId, url: str | None, events: Sequence[str] = (), description: str = ""
    ) -> CreatedWebhook:
        """Create a webhook. Without a `url` it serves the `webhook_url` of tasks; no `events` means all ends."""
        if url is not None:
            self.http.check(url)
        webhook = Webhook(
            id=WebhookId(str(uuid.uuid4())),
            account=account,
            url=url,
            events=_chosen(events),
            description=_described(description),
            created_ms=self.clock.now_ms(),
        )
        salt = self._salt()

        def work(records: Records) -> CreatedWebhook:
            _add(records, webhook, salt)
            self._audit(records, "webhook.add", webhook)
            return self._created(webhook, salt)

        return await self.store.run(work)

    async def of(self, account: AccountId) -> Sequence[Webhook]:
        return await self.store.read(lambda records: records.webhooks.of(account))

    async def get(self, account: AccountId | None, webhook: WebhookId) -> Webhook:
        return await self.store.read(lambda records: own_webhook(records, account, webhook))

    async def remove(self, account: AccountId | None, webhook: WebhookId) -> Webhook:
        """Remove a webhook and drop its pending deliveries."""
        now_ms = self.clock.now_ms()

        def work(records: Records) -> Webhook:
            found = own_webhook(records, account, webhook)
            records.webhooks.remove(webhook, now_ms)
            self._audit(records, "webhook.remove", found)
            records.deliveries.drop_all(webhook, now_ms, DROP_BATCH)
            return found

        return await self.store.run(work)

    async def enable(self, account: AccountId | None, webhook: WebhookId) -> Webhook:
        """Send again, from the next event on, to a webhook that was disabled."""

        def work(records: Records) -> Webhook:
            found = own_webhook(records, account, webhook)
            records.webhooks.enable(webhook)
            self._audit(records, "webhook.enable", found)
            return replace(found, disabled_ms=None, disabled_why=None)

        return await self.store.run(work)

    async def rotate(
        self, account: AccountId | None, webhook: WebhookId, overlap_hours: float = OVERLAP_HOURS
    ) -> CreatedWebhook:
        """Create a new secret. For `overlap_hours` messages carry the signatures of both."""
        if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
            raise Refusal(
                Code.INVALID,
                f"an overlap of {overlap_hours:g} hours is not possible",
                suggestion=f"Give 0 to {MAX_OVERLAP_HOURS:g} hours.",
                field="overlap_hours",
            )
        salt = self._salt()

        def work(records: Records) -> Webhook:
            found = own_webhook(records, account, webhook)
            records.webhooks.rotate(webhook, salt, salt.created_ms + int(overlap_hours * 3_600_000))
            self._audit(records, "webhook.rotate", found)
            return found

        return self._created(await self.store.run(work), salt)

    async def test(self, account: AccountId | None, webhook: WebhookId, wait_ms: int = 0) -> Delivery:
        """Enqueue a `webhook.test` message, sent once, even to a disabled webhook.

        Workers do not send it for `wait_ms`, so that the caller can lease and send it itself.
        """
        now_ms = self.clock.now_ms()

        def work(records: Records) -> Delivery:
            found = own_webhook(records, account, webhook)
            delivery = _test_of(found, now_ms, now_ms + wait_ms)
            records.deliveries.add(delivery)
            return delivery

        return await self.store.run(work)

    async def deliveries(
        self, account: AccountId | None, webhook: WebhookId, *, state: DeliveryState | None = None, limit: int = 20
    ) -> Sequence[DeliveryHistory]:
        """The webhook's deliveries, newest first."""

        def work(records: Records) -> Sequence[DeliveryHistory]:
            own_webhook(records, account, webhook)
            return delivery_histories(records, records.deliveries.of(webhook, state, limit))

        return await self.store.read(work)

    async def delivery(self, account: AccountId | None, delivery: DeliveryId) -> DeliveryHistory:
        return await self.store.read(
            lambda records: delivery_histories(records, [_own_delivery(records, account, delivery)])[0]
        )

    async def replay(self, account: AccountId | None, delivery: DeliveryId) -> Delivery:
        """Send a delivery again at once, whatever its state, with a full set of retries and under the same id."""
        now_ms = self.clock.now_ms()

        def work(records: Records) -> Delivery:
            found = _own_delivery(records, account, delivery)
            _check_enabled(records, found)
            records.deliveries.replay(delivery, now_ms, now_ms + ttl_ms(found.event))
            return records.deliveries.get(delivery) or found

        return await self.store.run(work)

    def _audit(self, records: Records, action: str, webhook: Webhook) -> None:
        actor = self.actor or f"account {webhook.account}"
        records.audit_log.add(actor, action, webhook.id, {"account": webhook.account}, self.clock.now_ms())

    def _salt(self) -> SecretSalt:
        return SecretSalt(secrets.token_hex(16), self.clock.now_ms())

    def _created(self, webhook: Webhook, salt: SecretSalt) -> CreatedWebhook:
        return CreatedWebhook(webhook, secret_text(self.secret(webhook.id, salt.salt)))


def own_webhook(records: Records, account: AccountId | None, webhook: WebhookId) -> Webhook:
    found = records.webhooks.get(webhook) if is_uuid(webhook) else None
    if found is None or (account is not None and found.account != account):
        raise Refusal(
            Code.WEBHOOK_NOT_FOUND,
            f"there is no webhook {webhook[:100]!r}",
            suggestion="Check the id, and that the key belongs to the account that added it.",
            field="webhook_id",
        )
    return found


def delivery_histories(records: Records, deliveries: Sequence[Delivery]) -> Sequence[DeliveryHistory]:
    """Add the attempts to these deliveries."""
    attempts: dict[DeliveryId, list[DeliveryAttempt]] = {each.id: [] for each in deliveries}
    for delivery, attempt in records.deliveries.attempts(list(attempts)):
        attempts[delivery].append(attempt)
    return [DeliveryHistory(each, attempts[each.id]) for each in deliveries]


def _own_delivery(records: Records, account: AccountId | None, delivery: DeliveryId) -> Delivery:
    found = records.deliveries.get(delivery) if is_delivery_id(delivery) else None
    if found is None or (account is not None and found.account != account):
        raise Refusal(
            Code.WEBHOOK_NOT_FOUND,
            f"there is no delivery {delivery[:100]!r}",
            suggestion="Check the id; it is the `webhook-id` of the message. Old deliveries are deleted.",
            field="delivery_id",
        )
    return found


def _check_enabled(records: Records, delivery: Delivery) -> None:
    webhook = own_webhook(records, None, delivery.webhook)
    if webhook.disabled_ms is not None and delivery.event is not EventType.TEST:
        raise Refusal(
            Code.INVALID,
            f"the webhook {webhook.id!r} is disabled: {webhook.disabled_why}",
            suggestion="Enable it first: `limner webhooks enable`, or POST /v1/webhooks/{id}/enable.",
            field="webhook_id",
        )


def _add(records: Records, webhook: Webhook, salt: SecretSalt) -> None:
    if len(records.webhooks.of(webhook.account)) >= MAX_WEBHOOKS:
        raise Refusal(
            Code.INVALID,
            f"the account has {MAX_WEBHOOKS} webhooks, the maximum",
            suggestion="Remove one first.",
            field="url",
        )
    if not records.webhooks.add(webhook, salt):
        raise Refusal(
            Code.INVALID,
            "the account already has a webhook for the `webhook_url` of tasks",
            suggestion="Rotate its secret if you no longer have it, or remove it first.",
            field="per_task",
        )


def _chosen(events: Sequence[str]) -> tuple[EventType, ...]:
    """The events without duplicates; all ends when there are none."""
    unknown = [event for event in events if event not in set(SELECTABLE_EVENTS)]
    if unknown:
        raise Refusal(
            Code.INVALID,
            f"there is no event {unknown[0][:100]!r}",
            suggestion=f"Events are {', '.join(SELECTABLE_EVENTS)}; left out, a webhook gets the ends of tasks.",
            field="events",
        )
    return tuple(each for each in SELECTABLE_EVENTS if each in events) or FINAL_EVENTS


def _described(text: str) -> str:
    if len(text) > MAX_DESCRIPTION or not text.isprintable():
        raise Refusal(
            Code.INVALID,
            "the description is too long or contains unprintable characters",
            suggestion=f"Use one line of at most {MAX_DESCRIPTION} characters.",
            field="description",
        )
    return text


def _test_of(webhook: Webhook, now_ms: int, due_ms: int) -> Delivery:
    if webhook.url is None:
        raise Refusal(
            Code.INVALID,
            "this webhook has no address: it serves the `webhook_url` of tasks",
            suggestion="Create a task with `webhook_url` to test it.",
            field="webhook_id",
        )
    return Delivery(
        id=delivery_id(uuid.uuid4().hex),
        webhook=webhook.id,
        account=webhook.account,
        lane=lane_of(webhook.id, webhook.account, None),
        url=None,
        event=EventType.TEST,
        task=None,
        state=DeliveryState.PENDING,
        attempts=0,
        retries=0,
        due_ms=due_ms,
        until_ms=now_ms + ttl_ms(EventType.TEST),
        created_ms=now_ms,
    )
