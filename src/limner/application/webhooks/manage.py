"""An account's webhooks: what their owner, or the operator, does with them."""

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
"""Webhooks an account may have."""

MAX_DESCRIPTION = 200

OVERLAP_HOURS = 24.0
MAX_OVERLAP_HOURS = 24.0 * 30
"""How long a secret that was replaced goes on signing, in hours."""


@dataclass(frozen=True, slots=True)
class CreatedWebhook:
    """A webhook and its new secret, which is shown once."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """A delivery and every try at it."""

    delivery: Delivery
    attempts: Sequence[DeliveryAttempt]


@dataclass(frozen=True, slots=True)
class ManageWebhooks:
    """`account` is whose webhook it has to be, None for the operator. Another account's is not found, as if none.

    Changes stand in the audit log, as done by `actor`, or else by the account itself.
    """

    store: Store
    post: WebhookHttp
    secret: SigningSecret
    clock: Clock
    actor: str | None = None

    async def add(
        self, account: AccountId, url: str | None, events: Sequence[str] = (), description: str = ""
    ) -> CreatedWebhook:
        """A new webhook; without a url, the one for addresses that come with tasks. Left out, events are all ends."""
        if url is not None:
            self.post.check(url)
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
            self._note(records, "webhook.add", webhook)
            return self._made(webhook, salt)

        return await self.store.run(work)

    async def of(self, account: AccountId) -> Sequence[Webhook]:
        return await self.store.read(lambda records: records.webhooks.of(account))

    async def get(self, account: AccountId | None, webhook: WebhookId) -> Webhook:
        return await self.store.read(lambda records: own_webhook(records, account, webhook))

    async def remove(self, account: AccountId | None, webhook: WebhookId) -> Webhook:
        """Nothing is sent to it any more, from now on."""
        now_ms = self.clock.now_ms()

        def work(records: Records) -> Webhook:
            found = own_webhook(records, account, webhook)
            records.webhooks.remove(webhook, now_ms)
            self._note(records, "webhook.remove", found)
            records.deliveries.drop_all(webhook, now_ms, DROP_BATCH)
            return found

        return await self.store.run(work)

    async def enable(self, account: AccountId | None, webhook: WebhookId) -> Webhook:
        """Send to it again, from the next event on."""

        def work(records: Records) -> Webhook:
            found = own_webhook(records, account, webhook)
            records.webhooks.enable(webhook)
            self._note(records, "webhook.enable", found)
            return replace(found, disabled_ms=None, disabled_why=None)

        return await self.store.run(work)

    async def rotate(
        self, account: AccountId | None, webhook: WebhookId, overlap_hours: float = OVERLAP_HOURS
    ) -> CreatedWebhook:
        """A new secret. The old one goes on signing beside it for a while."""
        if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
            raise Refusal(
                Code.INVALID,
                f"an overlap of {overlap_hours:g} hours",
                suggestion=f"Give 0 to {MAX_OVERLAP_HOURS:g} hours.",
                field="overlap_hours",
            )
        salt = self._salt()

        def work(records: Records) -> Webhook:
            found = own_webhook(records, account, webhook)
            records.webhooks.rotate(webhook, salt, salt.created_ms + int(overlap_hours * 3_600_000))
            self._note(records, "webhook.rotate", found)
            return found

        return self._made(await self.store.run(work), salt)

    async def test(self, account: AccountId | None, webhook: WebhookId, wait_ms: int = 0) -> Delivery:
        """Write a message that says nothing, to be sent once, even to a webhook that is disabled.

        Workers leave it alone for `wait_ms`: for who wants to send it himself.
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
        """What was and will be sent to a webhook, the newest first."""

        def work(records: Records) -> Sequence[DeliveryHistory]:
            own_webhook(records, account, webhook)
            return delivery_histories(records, records.deliveries.of(webhook, state, limit))

        return await self.store.read(work)

    async def delivery(self, account: AccountId | None, delivery: DeliveryId) -> DeliveryHistory:
        return await self.store.read(
            lambda records: delivery_histories(records, [_own_delivery(records, account, delivery)])[0]
        )

    async def replay(self, account: AccountId | None, delivery: DeliveryId) -> Delivery:
        """Send a message again, whatever became of it: at once, with all its tries, under the same id."""
        now_ms = self.clock.now_ms()

        def work(records: Records) -> Delivery:
            found = _own_delivery(records, account, delivery)
            _check_enabled(records, found)
            records.deliveries.replay(delivery, now_ms, now_ms + ttl_ms(found.event))
            return records.deliveries.get(delivery) or found

        return await self.store.run(work)

    def _note(self, records: Records, act: str, webhook: Webhook) -> None:
        actor = self.actor or f"account {webhook.account}"
        records.audit_log.add(actor, act, webhook.id, {"account": webhook.account}, self.clock.now_ms())

    def _salt(self) -> SecretSalt:
        return SecretSalt(secrets.token_hex(16), self.clock.now_ms())

    def _made(self, webhook: Webhook, salt: SecretSalt) -> CreatedWebhook:
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
    """These deliveries with their attempts."""
    told: dict[DeliveryId, list[DeliveryAttempt]] = {each.id: [] for each in deliveries}
    for delivery, attempt in records.deliveries.attempts(list(told)):
        told[delivery].append(attempt)
    return [DeliveryHistory(each, told[each.id]) for each in deliveries]


def _own_delivery(records: Records, account: AccountId | None, delivery: DeliveryId) -> Delivery:
    found = records.deliveries.get(delivery) if is_delivery_id(delivery) else None
    if found is None or (account is not None and found.account != account):
        raise Refusal(
            Code.WEBHOOK_NOT_FOUND,
            f"there is no delivery {delivery[:100]!r}",
            suggestion="Check the id; it is the `webhook-id` of the message. Old deliveries are removed.",
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
            f"the account has {MAX_WEBHOOKS} webhooks, as many as it may",
            suggestion="Remove one first.",
            field="url",
        )
    if not records.webhooks.add(webhook, salt):
        raise Refusal(
            Code.INVALID,
            "the account has a webhook for addresses that come with tasks already",
            suggestion="Rotate its secret when you have lost it, or remove it first.",
            field="per_task",
        )


def _chosen(events: Sequence[str]) -> tuple[EventType, ...]:
    """The events asked for, each once."""
    unknown = [event for event in events if event not in set(SELECTABLE_EVENTS)]
    if unknown:
        raise Refusal(
            Code.INVALID,
            f"there is no event {unknown[0][:100]!r}",
            suggestion=f"Events are {', '.join(SELECTABLE_EVENTS)}; left out, a webhook gets all but the last.",
            field="events",
        )
    return tuple(each for each in SELECTABLE_EVENTS if each in events) or FINAL_EVENTS


def _described(text: str) -> str:
    if len(text) > MAX_DESCRIPTION or not text.isprintable():
        raise Refusal(
            Code.INVALID,
            "the description is too long, or holds characters that cannot be printed",
            suggestion=f"Use one line of at most {MAX_DESCRIPTION} characters.",
            field="description",
        )
    return text


def _test_of(webhook: Webhook, now_ms: int, due_ms: int) -> Delivery:
    if webhook.url is None:
        raise Refusal(
            Code.INVALID,
            "this webhook has no address of its own",
            suggestion="Send a task with `webhook_url` to try it.",
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
