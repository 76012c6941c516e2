"""Erases the content of tasks and accounts: texts and pictures are deleted, figures stay, and a receipt is kept."""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from limner.application.accounts.key_cache import CACHE_MS
from limner.application.accounts.manage import named
from limner.application.read import own_task
from limner.application.retention.delete_unreferenced import DeleteUnreferenced
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.blobs import UnreferencedBlob
from limner.db.tables.retention import Erasure
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Task
from limner.ports.clock import Clock

FIGURES = ("provider", "model", "generative")
"""The fields of `served_by` that stay; the others may repeat the request."""

BY_ACCOUNT = "the account"
"""Who asked for an erasure over the API, in its receipt; the audit log names the key."""

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Erase:
    """`actor` is named in the audit log; the receipt names the person who asked for the erasure."""

    store: Store
    delete_unreferenced: DeleteUnreferenced
    clock: Clock
    actor: str = "limner"

    async def __call__(self, account: AccountId | None, task_id: TaskId, by: str | None = None) -> Erasure:
        """Erase a finished task. Its files are deleted when this returns. A second call returns the first receipt."""
        now_ms = self.clock.now_ms()
        receipt, marked = await self.store.run(
            lambda records: self._erase(records, own_task(records, account, task_id), by or self.actor, now_ms)
        )
        await self.delete_unreferenced.delete(marked, now_ms)
        return receipt

    async def if_due(self, task_id: TaskId) -> None:
        """Erase a task that its account asked to erase at a time that has come, unless that was undone."""
        now_ms = self.clock.now_ms()

        def work(records: Records) -> Sequence[UnreferencedBlob]:
            task = own_task(records, None, task_id)
            if task.erase_due_ms is None or task.erase_due_ms > now_ms:
                return ()
            return self._erase(records, task, BY_ACCOUNT, now_ms)[1]

        await self.delete_unreferenced.delete(await self.store.run(work), now_ms)

    def _erase(self, records: Records, task: Task, by: str, now_ms: int) -> tuple[Erasure, Sequence[UnreferencedBlob]]:
        if earlier := records.retention.erasure(task.id):
            return earlier, ()
        if not task.status.final:
            raise _unfinished(task)
        kept = {name: value for name, value in (task.served_by or {}).items() if name in FIGURES}
        records.moderation.forget_tasks([task.id])
        blobs = records.retention.erase_task(task.id, task.account, task.model, kept, now_ms)
        records.webhooks.forget_task(task.id)
        records.prompt_index.remove(task.id)
        marked = self.delete_unreferenced.mark(records, blobs, now_ms)
        size = sum(each.size for each in marked)
        shared = len(blobs) - len(marked)
        receipt = Erasure(task.id, task.account, by, len(marked), size, shared, now_ms)
        records.webhooks.forget_task(task.id)
        records.retention.add_erasure(receipt)
        records.audit_log.add(self.actor, "task.erase", task.id, {"files": receipt.files, "bytes": size}, now_ms)
        return receipt, marked


@dataclass(frozen=True, slots=True)
class ErasedAccount:
    """The new, meaningless name of an erased account, and how much was deleted."""

    name: str
    tasks: int
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class EraseAccount:
    """Erases every task of an account, its uploads and its name, and revokes its keys. Balance and ledger stay."""

    store: Store
    erase: Erase
    clock: Clock

    async def __call__(self, name: str, by: str | None = None) -> ErasedAccount:
        account = await self.store.run(lambda records: self._revoke_keys(records, name))
        await self.clock.sleep(CACHE_MS / 1000)  # servers cache keys for this long
        receipts = [receipt async for receipt in self._tasks(account, by)]
        now_ms, new_name = self.clock.now_ms(), f"erased-{uuid.uuid4().hex[:12]}"

        def finish(records: Records) -> Sequence[UnreferencedBlob]:
            _without_unfinished_tasks(records, name)  # no task was created while the others were erased
            records.moderation.forget_account(account)
            blobs: set[BlobId] = records.retention.erase_account(account, new_name, now_ms)
            records.webhooks.forget_account(account)
            records.templates.erase_account(account)
            records.audit_log.add(self.erase.actor, "account.erase", account, {"tasks": len(receipts)}, now_ms)
            return self.erase.delete_unreferenced.mark(records, blobs, now_ms)

        deleted = await self.erase.delete_unreferenced.delete(await self.store.run(finish), now_ms)
        files, size = deleted.files + sum(r.files for r in receipts), deleted.size + sum(r.size for r in receipts)
        return ErasedAccount(new_name, len(receipts), files, size)

    def _revoke_keys(self, records: Records, name: str) -> AccountId:
        account = _without_unfinished_tasks(records, name)
        for key in records.keys.of(account):
            records.keys.revoke(key.id, self.clock.now_ms())
        return account

    async def _tasks(self, account: AccountId, by: str | None) -> AsyncIterator[Erasure]:
        while tasks := await self.store.read(lambda records: records.retention.not_erased(account, _BATCH)):
            for task in tasks:
                yield await self.erase(account, task, by)


def _without_unfinished_tasks(records: Records, name: str) -> AccountId:
    account = named(records, name)
    if unfinished := records.retention.count_unfinished(account.id):
        raise Refusal(
            Code.INVALID,
            f"account {name!r} has {unfinished} tasks that have not ended",
            suggestion="Revoke its keys, and cancel them (`limner tasks cancel TASK`) or wait until they have ended.",
            field="account",
        )
    return account.id


def _unfinished(task: Task) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"task {task.id!r} is {task.status}",
        suggestion=f"Cancel it first: limner tasks cancel {task.id}",
        field="task_id",
    )
