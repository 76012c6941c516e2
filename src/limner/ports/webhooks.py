"""Where accounts want to be told of their tasks, and what is still to be told: the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from limner.domain.ids import AccountId, DeliveryId, TaskId, WebhookId
from limner.domain.routing.breaker import Breaker
from limner.domain.webhook import DeliveryState, EventType


@dataclass(frozen=True, slots=True)
class Webhook:
    """One address of an account's. `url` is None for the one whose addresses come with each task.

    While it is disabled nothing is written for it; `disabled_why` is a sentence for its owner.
    """

    id: WebhookId
    account: AccountId
    url: str | None
    events: tuple[EventType, ...]
    description: str
    created_ms: int
    disabled_ms: int | None = None
    disabled_why: str | None = None


@dataclass(frozen=True, slots=True)
class SecretSalt:
    """What makes one secret of a webhook: not the secret, which takes the server's own as well.

    `expires_ms` is when it stops signing, None for the newest.
    """

    salt: str
    created_ms: int
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class WebhookSubscription:
    """Somebody who wants to hear of a task. `url` is set where the address came with the task."""

    webhook: WebhookId
    url: str | None
    events: tuple[EventType, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one address. It holds ids: the message is made when it is sent.

    `lane` is what shares a limit and a breaker: a webhook, or a host that came with tasks. `attempts` counts all
    tries, `retries` the repeats since it was written or replayed. `due_ms` is when it may be sent; while somebody sends
    it, when his lease ends. It is given up at `until_ms`, tried or not.
    """

    id: DeliveryId
    webhook: WebhookId
    account: AccountId
    lane: str
    url: str | None
    event: EventType
    task: TaskId | None
    state: DeliveryState
    attempts: int
    retries: int
    due_ms: int
    until_ms: int
    created_ms: int
    finished_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try at a delivery. `status` is the receiver's HTTP status, None when it did not answer; `error` says why."""

    number: int
    at_ms: int
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class DeliveryLane:
    """A lane with something to send now."""

    id: str
    account: AccountId


@dataclass(frozen=True, slots=True)
class NextDelivery:
    """What becomes of a delivery: it is over, or due again."""

    state: DeliveryState
    retries: int
    due_ms: int
    finished_ms: int | None = None


class Webhooks(Protocol):
    """An account's webhooks; one that was removed is not found."""

    def add(self, webhook: Webhook, salt: SecretSalt) -> bool:
        """Whether it was added; an account has one webhook without an address at most."""
        ...

    def get(self, webhook: WebhookId) -> Webhook | None: ...
    def of(self, account: AccountId) -> Sequence[Webhook]: ...
    def for_tasks(self, account: AccountId) -> Webhook | None:
        """The account's webhook whose addresses come with each task."""
        ...

    def remove(self, webhook: WebhookId, now_ms: int) -> None: ...
    def disable(self, webhook: WebhookId, why: str, now_ms: int) -> None: ...
    def enable(self, webhook: WebhookId) -> None: ...

    def salts(self, webhook: WebhookId, now_ms: int) -> Sequence[SecretSalt]:
        """Those that sign at this time, the newest first."""
        ...

    def rotate(self, webhook: WebhookId, salt: SecretSalt, old_until_ms: int) -> None:
        """Sign with this one, and until then with the earlier ones, too."""
        ...

    def expect(self, task: TaskId, url: str) -> None:
        """The end of this task shall be told there."""
        ...

    def listening(self, account: AccountId, task: TaskId) -> Sequence[WebhookSubscription]:
        """Who wants to hear of a task."""
        ...

    def expected(self, task: TaskId) -> None:
        """The end of this task was written down: its own address is needed no more."""
        ...

    def with_progress_webhook(self, tasks: Sequence[TaskId]) -> Sequence[TaskId]:
        """Those of these running tasks whose progress somebody wants to hear."""
        ...

    def forget_task(self, task: TaskId) -> None:
        """Remove what was and shall be sent about a task, and its own address."""
        ...

    def forget_account(self, account: AccountId) -> None:
        """Remove an account's webhooks, their secrets and everything that was sent to them."""
        ...


class Deliveries(Protocol):
    """The outbox, and the log of what became of it."""

    def add(self, delivery: Delivery) -> bool:
        """Whether it was new: no message is written twice."""
        ...

    def get(self, delivery: DeliveryId) -> Delivery | None: ...
    def of(self, webhook: WebhookId, state: DeliveryState | None, limit: int) -> Sequence[Delivery]:
        """A webhook's, the newest first."""
        ...

    def of_task(self, task: TaskId) -> Sequence[Delivery]: ...
    def attempts(self, deliveries: Sequence[DeliveryId]) -> Sequence[tuple[DeliveryId, DeliveryAttempt]]:
        """The tries at these, in their order."""
        ...

    def lanes(self, now_ms: int, limit: int) -> Sequence[DeliveryLane]:
        """Lanes that are not left alone and have something due, the longest due first."""
        ...

    def lock_lane(self, lane: str) -> Breaker:
        """The lane's breaker; nobody else sees to the lane before this unit of work is committed."""
        ...

    def save_lane(self, lane: str, breaker: Breaker, now_ms: int) -> None: ...
    def under_way(self, lane: str, now_ms: int) -> int:
        """How many of a lane somebody is sending, at all workers together."""
        ...

    def take(self, lane: str, owner: str, now_ms: int, lease_until_ms: int, limit: int) -> Sequence[Delivery]:
        """Lease what is due in a lane."""
        ...

    def lease(self, delivery: DeliveryId, owner: str, lease_until_ms: int) -> Delivery | None:
        """Lease one that is pending and that nobody has, due or not."""
        ...

    def close(self, delivery: DeliveryId, attempt: DeliveryAttempt, then: NextDelivery, owner: str) -> bool:
        """Write down a try, whose `number` is counted here, and what becomes of the delivery.

        Whether it counted: a failure of somebody who lost the lease doesn't, a success always does.
        """
        ...

    def drop(self, delivery: DeliveryId, now_ms: int) -> None: ...
    def drop_all(self, webhook: WebhookId, now_ms: int, limit: int) -> int:
        """Drop what is pending for a webhook; how many."""
        ...

    def replay(self, delivery: DeliveryId, now_ms: int, until_ms: int) -> None:
        """Send it again, from now on and under the same id; one that is being sent is left alone."""
        ...

    def give_up(self, now_ms: int, limit: int) -> int:
        """End deliveries whose time is over; how many."""
        ...

    def lease_owners(self) -> Sequence[str]: ...
    def free_leases_of(self, owners: Sequence[str], now_ms: int) -> int:
        """End the leases of workers known to be dead."""
        ...

    def prune(self, before_ms: int, limit: int) -> int:
        """Remove deliveries that were over by then, and the log of their attempts; how many."""
        ...
