"""What Limner keeps, as the verbs of the service speak of it.

A unit of work is a plain function of `Records`: it sees one consistent state, and all it writes is committed together
or not at all. Nothing in here waits for a network; times come in as arguments, milliseconds since 1970.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from limner.domain.accounts.credits import Balance, LedgerEntry
from limner.domain.accounts.key_limits import UNLIMITED, KeyLimits, KeyUsage
from limner.domain.ids import AccountId, AttemptId, BlobId, KeyId, TaskId, UploadToken
from limner.domain.routing.breaker import Breaker
from limner.domain.routing.provider_limits import ProviderMeter
from limner.domain.tasks.cursor import FeedCursor
from limner.domain.tasks.task import Ending, Status, Task
from limner.ports.webhooks import Deliveries, Webhooks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    id: AccountId
    name: str
    tag: str
    """The account's public name in links and object keys; it tells nobody who it is."""
    created_ms: int


@dataclass(frozen=True, slots=True)
class Key:
    id: KeyId
    account: AccountId
    account_tag: str
    name: str
    hint: str
    """The first characters of the key, enough to recognise it by."""
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int | None
    expires_ms: int | None = None
    used_ms: int | None = None
    """When it was last used, to within some minutes."""
    allowance: KeyLimits = UNLIMITED

    def in_force(self, now_ms: int) -> bool:
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


@dataclass(frozen=True, slots=True)
class Upload:
    token: UploadToken
    account: AccountId
    object_key: str
    blob: BlobId
    media_type: str
    size: int
    expires_ms: int
    etag: str | None = None
    """What S3 clients were told the bytes are called; None for an upload that came another way."""


@dataclass(frozen=True, slots=True)
class CleanCopy:
    """A reference picture as it may leave the house: upright, within limits, nothing in it but the picture."""

    blob: BlobId
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TaskInput:
    """One reference picture of a task: from a `url` or a `blob` of ours, and its clean copy once it was prepared."""

    position: int
    field: str
    url: str | None
    blob: BlobId | None
    clean: CleanCopy | None = None


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task about to be accepted. `order` is what the worker needs to run it, `echo` what the caller sees again."""

    id: TaskId
    account: AccountId
    type: str
    bucket: str
    model: str
    echo: Mapping[str, Any]
    order: Mapping[str, Any]
    price: int
    priority: int
    place: int
    created_ms: int
    queue_deadline_ms: int
    run_limit_ms: int
    key: KeyId | None = None
    """The API key that asked for it; None for the operator's own tasks."""


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task this worker holds the lease of."""

    task: Task
    order: Mapping[str, Any]
    claims: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the spend journal: what was asked of a vendor, and what is known of the answer.

    `part` is the view that it is to show; empty for a task of one picture. `price_usd` is what it costs by our table,
    `cost_usd` what the vendor says it took.
    """

    id: AttemptId
    task: TaskId
    part: str
    number: int
    route: str
    provider: str
    upstream: str
    state: str
    outcome: str | None
    handle: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    reason: str | None
    detail: str | None
    charged: bool
    price_usd: float | None
    cost_usd: float | None
    intended_ms: int
    submitted_ms: int | None
    delivered_ms: int | None
    closed_ms: int | None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One ledger row as it stands in the book."""

    id: int
    account: AccountId
    task: TaskId | None
    movement: str
    available: int
    frozen: int
    note: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A change of a task: it became `status`."""

    number: int
    account: AccountId
    task: TaskId
    status: Status
    at_ms: int


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """A point in an account's history: after the event of this number at this time. Without one, before them all."""

    at_ms: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task as it stands, and the number of the event that made it so."""

    task: Task
    number: int


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """What changes about a task under way without an event."""

    task: TaskId
    status: Status
    progress: int
    expected_ms: int | None


class Accounts(Protocol):
    def add(self, account: Account) -> None: ...
    def get(self, account: AccountId) -> Account | None: ...
    def named(self, name: str) -> Account | None: ...
    def tagged(self, tag: str) -> Account | None: ...
    def all(self) -> Sequence[Account]: ...

    def balance(self, account: AccountId) -> Balance: ...

    def take_place(self, account: AccountId, price: int, step: int) -> int | None:
        """Set `price` aside and move the account's queue clock on; the new task's place, or None without the credit."""
        ...

    def set_weight(self, account: AccountId, weight: int) -> None:
        """From now on the account's tasks are served so many times as often as those of an account of weight 1."""
        ...

    def weights(self) -> Mapping[AccountId, int]: ...

    def move(self, account: AccountId, entry: LedgerEntry) -> None:
        """Apply an entry's amounts to the running balance; `Ledger.append` writes the row they come from."""
        ...

    def enter(self, account: AccountId, bucket: str, limit: int) -> bool:
        """Count one more task under way, unless the account's own limit, or else `limit`, is reached."""
        ...

    def leave(self, account: AccountId, bucket: str) -> None: ...

    def set_limit(self, account: AccountId, bucket: str, limit: int) -> None: ...


class Keys(Protocol):
    def add(self, key: Key, digest: bytes) -> None: ...
    def by_digest(self, digest: bytes) -> Key | None: ...
    def of(self, account: AccountId) -> Sequence[Key]: ...
    def get(self, key: KeyId) -> Key | None: ...
    def revoke(self, key: KeyId, now_ms: int) -> bool: ...
    def used(self, key: KeyId, now_ms: int) -> None: ...
    def limit(self, key: KeyId, allowance: KeyLimits, expires_ms: int | None) -> None: ...

    def charge(self, key: KeyId, price: int, day: int) -> bool:
        """Count one more task of this price, made on this day, unless a limit of the key's own forbids it."""
        ...

    def release(self, task: TaskId, unspent: int, day: int) -> None:
        """A task of the key that made it has ended, and so much of its price was not consumed."""
        ...

    def spending(self, key: KeyId, day: int) -> KeyUsage: ...
    def valid(self, keys: Sequence[KeyId], now_ms: int) -> Sequence[KeyId]:
        """Those of `keys` that exist, are not revoked and have not expired."""
        ...


class Ledger(Protocol):
    def append(
        self,
        account: AccountId,
        entry: LedgerEntry,
        now_ms: int,
        *,
        task: TaskId | None = None,
        note: str | None = None,
    ) -> None: ...
    def of(self, account: AccountId, limit: int) -> Sequence[LedgerRow]: ...
    def of_task(self, task: TaskId) -> Sequence[LedgerRow]: ...

    def faults(self) -> Sequence[str]:
        """Every way in which the book contradicts itself, one sentence each; none is the only good answer."""
        ...


class Tasks(Protocol):
    def add(self, task: NewTask, inputs: Sequence[TaskInput]) -> None: ...
    def get(self, task: TaskId) -> Task | None: ...
    def of(self, account: AccountId, tasks: Sequence[TaskId]) -> Sequence[Task]: ...
    def recent(self, *, account: AccountId | None, status: str | None, limit: int) -> Sequence[Task]: ...
    def page(self, account: AccountId, limit: int, offset: int) -> Sequence[Task]:
        """An account's tasks, the newest first, without the first `offset`."""
        ...

    def ahead(self, task: TaskId, cap: int) -> int:
        """How many queued tasks come before this one, counted up to `cap`."""
        ...

    def front(self, limit: int) -> Sequence[TaskId]:
        """The first of the queue, in order."""
        ...

    def states(self, tasks: Sequence[TaskId]) -> Sequence[TaskState]:
        """Those of `tasks` that exist, in no particular order."""
        ...

    def vitals(self, tasks: Sequence[TaskId]) -> Sequence[TaskProgress]: ...

    def under_way(self, account: AccountId, after: TaskId | None, limit: int) -> Sequence[TaskId]:
        """An account's queued and running tasks, in the order of their ids."""
        ...

    def claim(
        self, owner: str, now_ms: int, lease_until_ms: int, limit: int, claim_limits: "Sequence[ClaimLimit]" = ()
    ) -> Sequence[ClaimedTask]:
        """Take queued tasks in fair order; they become `running`. Of a room's models no more than it has place for."""
        ...

    def running_of(self, models: Sequence[str]) -> int:
        """How many tasks of these models are running, at all workers together."""
        ...

    def waiting_of(self, models: Sequence[str]) -> int:
        """How many of them have no order out at a vendor."""
        ...

    def rescue(self, owner: str, before_ms: int, lease_until_ms: int, limit: int) -> Sequence[ClaimedTask]:
        """Take running tasks whose lease has run out before this moment."""
        ...

    def expect(self, task: TaskId, expected_ms: int) -> None: ...
    def holds(self, task: TaskId, owner: str) -> bool:
        """Whether the lease is this owner's; nobody takes it before this unit of work is committed."""
        ...

    def renew(self, owner: str, lease_until_ms: int, reported: Mapping[TaskId, int]) -> tuple[set[TaskId], set[TaskId]]:
        """Renew these leases and keep the progress: which tasks are still ours, and which shall be cancelled."""
        ...

    def hand_back(self, owner: str, tasks: Sequence[TaskId]) -> None:
        """End these leases at once, so that another worker goes on."""
        ...

    def free_leases_of(self, owners: Sequence[str]) -> int:
        """End the leases of workers known to be dead."""
        ...

    def rein_in(self, after_ms: int, until_ms: int) -> int:
        """Shorten the leases that run longer than `after_ms`, so that they end at `until_ms`; how many there were."""
        ...

    def lease_owners(self) -> Sequence[str]: ...
    def overdue(self, now_ms: int, limit: int) -> Sequence[Task]:
        """Queued tasks whose time to start has passed."""
        ...

    def finish(self, task: TaskId, ending: Ending, now_ms: int, *, owner: str | None) -> Task | None:
        """Write the end of a task. With an owner, only while its lease is that owner's; without, only while queued.

        Returns the finished task, or None when somebody else was first.
        """
        ...

    def ask_cancel(self, task: TaskId) -> None: ...
    def order(self, task: TaskId) -> dict[str, Any]: ...
    def inputs(self, task: TaskId) -> Sequence[TaskInput]: ...
    def keep_clean(self, task: TaskId, position: int, clean: CleanCopy) -> None: ...


class Attempts(Protocol):
    def intend(self, attempt: Attempt) -> None: ...
    def submitted(self, attempt: AttemptId, handle: Mapping[str, Any], now_ms: int) -> None: ...
    def delivered(self, attempt: AttemptId, result: Mapping[str, Any], cost_usd: float | None, now_ms: int) -> None: ...
    def close(
        self, attempt: AttemptId, outcome: str, now_ms: int, *, reason: str | None, detail: str | None, charged: bool
    ) -> int | None:
        """When the attempt that is closed here was begun; None when it was closed before."""
        ...

    def close_open(self, task: TaskId, now_ms: int) -> None:
        """Close what a task that has ended left open: a delivered attempt as its picture, any other as given up."""
        ...

    def of(self, task: TaskId) -> Sequence[Attempt]: ...
    def recent_durations_ms(self, route: str, limit: int) -> Sequence[int]: ...

    def under_way(self, provider: str, cap: int) -> int:
        """How many orders this provider has in hand for us, at all workers together, counted up to `cap`."""
        ...

    def spend(self, since_ms: int, until_ms: int) -> Sequence["RouteSpend"]:
        """What was paid to each route for attempts begun in this time, beside the credits that it brought in."""
        ...


@dataclass(frozen=True, slots=True)
class ClaimLimit:
    """Models that share a limit, and how many more of their tasks may start."""

    models: tuple[str, ...]
    tasks: int


@dataclass(frozen=True, slots=True)
class RouteSpend:
    """One route's account over some time.

    `wasted` are attempts that were charged and brought no picture, `unknown` those that may have been charged.
    `cost_usd` is what is known to be paid, `doubt_usd` what the unknown ones would cost, `unpriced` how many charged
    attempts nobody knows the price of. `credits` is what the callers paid for the pictures.
    """

    provider: str
    route: str
    attempts: int
    pictures: int
    wasted: int
    unknown: int
    cost_usd: float
    doubt_usd: float
    unpriced: int
    credits: int


class Upstreams(Protocol):
    """The state of the ways to the vendors, which all workers share."""

    def breakers(self) -> Mapping[str, Breaker]:
        """By route; a route without one works."""
        ...

    def keep_breaker(self, route: str, breaker: Breaker) -> None: ...
    def probe(self, route: str, before: Breaker, probing: Breaker) -> bool:
        """Note that an order tries the route; not when another one was first since `before` was read."""
        ...

    def meters(self) -> Mapping[str, ProviderMeter]: ...

    def hold_meter(self, provider: str) -> ProviderMeter:
        """The provider's meter; nobody else reads or writes it before this unit of work is committed."""
        ...

    def keep_meter(self, provider: str, meter: ProviderMeter) -> None: ...

    def pause(self, provider: str, until_ms: int) -> None:
        """Leave the provider alone until then, unless it asked for longer already."""
        ...


@dataclass(frozen=True, slots=True)
class UnreferencedBlob:
    """Bytes that nobody refers to, and how many there are."""

    blob: BlobId
    size: int


class Uploads(Protocol):
    def add(self, upload: Upload, now_ms: int) -> bool:
        """Whether its token was free; nothing is written when it was not."""
        ...

    def replace(self, upload: Upload, now_ms: int) -> None:
        """Put another picture in the place of the one of this token."""
        ...

    def by_token(self, account: AccountId, token: UploadToken) -> Upload | None: ...
    def by_object(self, account: AccountId, object_key: str) -> Upload | None: ...

    def expire(self, now_ms: int, limit: int) -> int:
        """Remove uploads whose time is over; how many those were."""
        ...


class Blobs(Protocol):
    """The book about the bytes in the store: whatever lies there has had its row before its first byte.

    Bytes are *pinned* before they are put, *used* from the unit of work on that refers to them, and *condemned* before
    they are deleted. Only what is neither used nor pinned can be condemned, and what is condemned cannot be pinned:
    so nobody finds bytes in the store, refers to them, and loses them to a janitor in between.
    """

    def add(self, blob: BlobId, size: int, media_type: str, now_ms: int) -> None: ...

    def pin(self, blob: BlobId, holder: str, size: int, media_type: str, now_ms: int) -> bool:
        """Keep these bytes until `holder` refers to them; False while they are being deleted."""
        ...

    def unpin_old(self, before_ms: int) -> int:
        """Let go of what was pinned by then for no task under way: whoever did it is no more."""
        ...

    def hold(self, blob: BlobId) -> bool:
        """Whether the bytes are there, and stay at least until this unit of work is committed."""
        ...

    def condemn_loose(
        self, owner: str, before_ms: int, now_ms: int, limit: int
    ) -> tuple[int, Sequence[UnreferencedBlob]]:
        """Condemn, for `owner` to delete, what nobody has used since then. Also says how many were looked at."""
        ...

    def condemn(self, blobs: Collection[BlobId], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        """Condemn those of `blobs` that nobody uses."""
        ...

    def condemners(self) -> Sequence[str]: ...
    def take_over(
        self, owner: str, dead: Sequence[str], before_ms: int, now_ms: int, limit: int
    ) -> Sequence[UnreferencedBlob]:
        """Bytes that were condemned before then, or by somebody who is dead, and are not deleted yet: now ours to."""
        ...

    def pardon(self, blobs: Collection[BlobId], owner: str) -> None:
        """Take back what `owner` has condemned and not begun to delete."""
        ...

    def bury(self, blobs: Collection[BlobId], owner: str) -> None:
        """Forget bytes that `owner` has deleted."""
        ...


@dataclass(frozen=True, slots=True)
class Erasure:
    """The receipt of a task whose content was erased.

    `files` and `size` (bytes) say what was deleted; `shared` counts files that stay, for somebody else refers to the
    same bytes.
    """

    task: TaskId
    account: AccountId
    by: str
    files: int
    size: int
    shared: int
    at_ms: int


class Retention(Protocol):
    """Removing what was kept. Nothing in here touches bytes: they are let go of, and swept once nobody has them."""

    def remove_inputs(self, before_ms: int, now_ms: int, limit: int) -> int:
        """Let go of the pictures that were given to tasks which ended by then; of how many tasks those were."""
        ...

    def remove_results(self, before_ms: int, now_ms: int, limit: int) -> int:
        """Let go of the pictures that tasks brought which ended by then; of how many tasks those were."""
        ...

    def remove_events(self, before_ms: int, limit: int) -> int: ...
    def forget_keys(self, before_ms: int, limit: int) -> int:
        """Forget idempotency keys that were first used by then."""
        ...

    def blank(
        self, task: TaskId, account: AccountId, model: str, served_by: Mapping[str, Any], now_ms: int
    ) -> set[BlobId]:
        """Take all content out of a finished task, and the uploads it alone used; what it referred to.

        `model` and `served_by` are all that is left of what was asked for and what ran.
        """
        ...

    def add_erasure(self, erasure: Erasure) -> None: ...
    def erasure(self, task: TaskId) -> Erasure | None: ...
    def not_erased(self, account: AccountId, limit: int) -> Sequence[TaskId]: ...
    def unfinished(self, account: AccountId) -> int: ...
    def blank_account(self, account: AccountId, name: str, now_ms: int) -> set[BlobId]:
        """Take an account's name, its keys' and its notes' words and its uploads; what those referred to."""
        ...


@dataclass(frozen=True, slots=True)
class TaskLease:
    """Who holds a running task, and until when."""

    task: TaskId
    owner: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A note that an upload (`kind` "upload") or a task ("input", "result") refers to these bytes."""

    blob: BlobId
    kind: str
    holder: str


@dataclass(frozen=True, slots=True)
class BlobRow:
    """Bytes as the book has them."""

    blob: BlobId
    size: int
    let_go: bool
    condemned: bool
    used: bool
    pinned: bool


@dataclass(frozen=True, slots=True)
class ReferencedBlobs:
    """The references that some rows make, and those noted for them. `last` is the last row's key, "" at the end."""

    last: str
    made: frozenset[BlobRef]
    noted: frozenset[BlobRef]


class ConsistencyQueries(Protocol):
    """What the doctor asks, and what it may repair: nothing that changes money, status or a picture."""

    def leases(self) -> Sequence[TaskLease]: ...
    def stale_leases(self) -> Sequence[TaskId]:
        """Tasks that do not run and have a lease."""
        ...

    def overdue(self, before_ms: int) -> Sequence[TaskId]:
        """Queued tasks whose time to start had passed by then."""
        ...

    def left_open(self) -> Sequence[TaskId]:
        """Tasks that have ended and have an open attempt in the journal."""
        ...

    def no_outcome(self) -> Sequence[TaskId]:
        """Tasks with a closed attempt of which nobody wrote down what came of it."""
        ...

    def no_picture(self) -> Sequence[TaskId]:
        """Tasks that have succeeded without a picture in the journal."""
        ...

    def book(self, after: str, limit: int) -> Sequence[BlobRow]: ...
    def booked(self, blob: BlobId) -> BlobRow | None: ...
    def uses_of(self, blob: BlobId) -> Sequence[BlobRef]: ...
    def not_in_the_book(self) -> Sequence[BlobId]:
        """Bytes that are referred to and have no row."""
        ...

    def condemned_before(self, before_ms: int) -> Sequence[BlobId]: ...
    def references_of_tasks(self, after: str, limit: int) -> ReferencedBlobs: ...
    def references_of_uploads(self, after: str, limit: int) -> ReferencedBlobs: ...
    def stray_uses(self) -> Sequence[BlobRef]:
        """Notes for tasks and uploads that are not there."""
        ...

    def note_uses(self, missing: Collection[BlobRef], needless: Collection[BlobRef], now_ms: int) -> None: ...
    def let_go(self, blobs: Collection[BlobId], now_ms: int) -> None:
        """Leave it to the janitor to find out whether anybody uses these."""
        ...

    def adopt(self, blob: BlobId, size: int, now_ms: int) -> None:
        """Write bytes into the book that lie in the store unknown, used by nobody from now on."""
        ...

    def recount(self) -> None:
        """Count the tasks under way of every account anew."""
        ...


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something an operator did. `details` say what, and hold no secret."""

    number: int
    at_ms: int
    actor: str
    act: str
    subject: str
    details: Mapping[str, Any]


class AuditLog(Protocol):
    """The audit log: written in the unit of work of what it tells, never changed, never removed."""

    def add(self, actor: str, act: str, subject: str, details: Mapping[str, Any], now_ms: int) -> None: ...
    def since(self, at_ms: int, limit: int) -> Sequence[AuditEntry]:
        """The newest `limit` acts from then on, the oldest of them first."""
        ...


class Events(Protocol):
    """The one feed of what happens to tasks: a row for every change, in the transaction that made it.

    The numbers of one task's events grow in the order of its changes. Those of the whole feed may become visible out of
    their order: whoever follows it reads by `FeedCursor`, which comes back for what was late.
    """

    def add(self, account: AccountId, task: TaskId, status: Status, now_ms: int) -> None:
        """Write the change after the task itself: only then does a `FeedCursor` know that the transaction is open."""
        ...

    def add_all(self, tasks: Sequence[Task], now_ms: int) -> None:
        """The same for tasks that changed together."""
        ...

    def mark(self) -> FeedCursor:
        """The end of the feed: everything that is committed later comes after it."""
        ...

    def tail(self, mark: FeedCursor, limit: int) -> tuple[Sequence[TaskEvent], FeedCursor]:
        """What came since, each event once and at most `limit` new numbers; and the mark to go on from."""
        ...

    def of_task(self, task: TaskId, after: int, limit: int) -> Sequence[TaskEvent]:
        """A task's events after this number, in order."""
        ...

    def of_account(self, account: AccountId, after: FeedPosition, limit: int) -> Sequence[TaskEvent]:
        """An account's events after this point in time, in order."""
        ...

    def newest_of_account(self, account: AccountId, after: FeedPosition, limit: int) -> Sequence[TaskEvent]:
        """The same, but only the newest of each task."""
        ...


class IdempotencyKeys(Protocol):
    def remember(self, account: AccountId, key: str, digest: str, task: TaskId, now_ms: int) -> "IdempotentTask | None":
        """Bind the key to this task; when it was bound before, what it was bound to instead."""
        ...


@dataclass(frozen=True, slots=True)
class IdempotentTask:
    digest: str
    task: TaskId


class Records(Protocol):
    """Everything that is kept, within one unit of work."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def upstreams(self) -> Upstreams: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def blobs(self) -> Blobs: ...
    @property
    def events(self) -> Events: ...
    @property
    def idempotency(self) -> IdempotencyKeys: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def acts(self) -> AuditLog: ...
    @property
    def audit(self) -> ConsistencyQueries: ...


class StoreUnavailable(Exception):
    """The database is away, full or read-only just now: nothing is wrong with the unit of work.

    What it wrote is undone, or else, where the connection was lost at the last moment, stands whole.
    """


class Store(Protocol):
    """Runs units of work. Raises `StoreUnavailable` where it cannot."""

    async def run(self, work: Callable[[Records], T]) -> T:
        """Run `work` and commit what it wrote before returning; an exception undoes it and comes back."""
        ...

    async def read(self, work: Callable[[Records], T]) -> T:
        """Run `work`, which only reads."""
        ...

    async def close(self) -> None: ...
