"""What Limner keeps, as the verbs of the service speak of it.

A unit of work is a plain function of `Records`: it sees one consistent state, and all it writes is committed together
or not at all. Nothing in here waits for a network; times come in as arguments, milliseconds since 1970.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from limner.domain.credits import Balance, Entry
from limner.domain.ids import AccountId, AttemptId, BlobId, KeyId, TaskId, UploadToken
from limner.domain.task import Ending, Status, Task

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


@dataclass(frozen=True, slots=True)
class Upload:
    token: UploadToken
    account: AccountId
    object_key: str
    blob: BlobId
    media_type: str
    size: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class CleanCopy:
    """A reference picture as it may leave the house: upright, within limits, nothing in it but the picture."""

    blob: BlobId
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Input:
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


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task this worker holds the lease of."""

    task: Task
    order: Mapping[str, Any]
    claims: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the spend journal: what was asked of a vendor, and what is known of the answer."""

    id: AttemptId
    task: TaskId
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
    cost_usd: float | None
    intended_ms: int
    submitted_ms: int | None
    delivered_ms: int | None
    closed_ms: int | None


@dataclass(frozen=True, slots=True)
class Movement:
    """One ledger row as it stands in the book."""

    id: int
    account: AccountId
    task: TaskId | None
    movement: str
    available: int
    frozen: int
    note: str | None
    at_ms: int


class Accounts(Protocol):
    def add(self, account: Account) -> None: ...
    def get(self, account: AccountId) -> Account | None: ...
    def named(self, name: str) -> Account | None: ...
    def all(self) -> Sequence[Account]: ...

    def balance(self, account: AccountId) -> Balance: ...

    def take_place(self, account: AccountId, price: int, step: int) -> int | None:
        """Set `price` aside and move the account's queue clock on; the new task's place, or None without the credit."""
        ...

    def move(self, account: AccountId, entry: Entry) -> None:
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
    def revoke(self, key: KeyId, now_ms: int) -> bool: ...


class Ledger(Protocol):
    def append(
        self, account: AccountId, entry: Entry, now_ms: int, *, task: TaskId | None = None, note: str | None = None
    ) -> None: ...
    def of(self, account: AccountId, limit: int) -> Sequence[Movement]: ...
    def of_task(self, task: TaskId) -> Sequence[Movement]: ...

    def faults(self) -> Sequence[str]:
        """Every way in which the book contradicts itself, one sentence each; none is the only good answer."""
        ...


class Tasks(Protocol):
    def add(self, task: NewTask, inputs: Sequence[Input]) -> None: ...
    def get(self, task: TaskId) -> Task | None: ...
    def of(self, account: AccountId, tasks: Sequence[TaskId]) -> Sequence[Task]: ...
    def recent(self, *, account: AccountId | None, status: str | None, limit: int) -> Sequence[Task]: ...
    def ahead(self, task: TaskId, cap: int) -> int:
        """How many queued tasks come before this one, counted up to `cap`."""
        ...

    def claim(self, owner: str, now_ms: int, lease_until_ms: int, limit: int) -> Sequence[Claimed]:
        """Take queued tasks in fair order; they become `running`."""
        ...

    def rescue(self, owner: str, now_ms: int, lease_until_ms: int, limit: int) -> Sequence[Claimed]:
        """Take running tasks whose lease has run out."""
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
    def result_blobs(self) -> Sequence[BlobId]:
        """The pictures of all finished tasks."""
        ...

    def order(self, task: TaskId) -> dict[str, Any]: ...
    def inputs(self, task: TaskId) -> Sequence[Input]: ...
    def keep_clean(self, task: TaskId, position: int, clean: CleanCopy) -> None: ...


class Attempts(Protocol):
    def intend(self, attempt: Attempt) -> None: ...
    def submitted(self, attempt: AttemptId, handle: Mapping[str, Any], now_ms: int) -> None: ...
    def delivered(self, attempt: AttemptId, result: Mapping[str, Any], cost_usd: float | None, now_ms: int) -> None: ...
    def close(
        self, attempt: AttemptId, outcome: str, now_ms: int, *, reason: str | None, detail: str | None, charged: bool
    ) -> None: ...
    def close_open(self, task: TaskId, now_ms: int) -> None:
        """Close what a task that has ended left open: a delivered attempt as its picture, any other as given up."""
        ...

    def of(self, task: TaskId) -> Sequence[Attempt]: ...
    def recent_durations_ms(self, route: str, limit: int) -> Sequence[int]: ...


class Uploads(Protocol):
    def add(self, upload: Upload, now_ms: int) -> None: ...
    def by_token(self, account: AccountId, token: UploadToken) -> Upload | None: ...
    def by_object(self, account: AccountId, object_key: str) -> Upload | None: ...


class Blobs(Protocol):
    def add(self, blob: BlobId, size: int, media_type: str, now_ms: int) -> None: ...


class Events(Protocol):
    def add(self, account: AccountId, task: TaskId, status: Status, now_ms: int) -> None: ...


class Idempotency(Protocol):
    def remember(self, account: AccountId, key: str, digest: str, task: TaskId, now_ms: int) -> "Remembered | None":
        """Bind the key to this task; when it was bound before, what it was bound to instead."""
        ...


@dataclass(frozen=True, slots=True)
class Remembered:
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
    def uploads(self) -> Uploads: ...
    @property
    def blobs(self) -> Blobs: ...
    @property
    def events(self) -> Events: ...
    @property
    def idempotency(self) -> Idempotency: ...


class Store(Protocol):
    """Runs units of work."""

    async def run(self, work: Callable[[Records], T]) -> T:
        """Run `work` and commit what it wrote before returning; an exception undoes it and comes back."""
        ...

    async def read(self, work: Callable[[Records], T]) -> T:
        """Run `work`, which only reads."""
        ...

    async def close(self) -> None: ...
