"""Erasing what somebody asked for and got: words and pictures go, figures stay, and a receipt says so."""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from limner.application.accounts.authenticate import FRESH_MS
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
"""What stays of `served_by`; the rest may repeat what was asked for."""

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Erase:
    """`actor` runs the service; the receipt names who asks for the erasure, who may be somebody else."""

    store: Store
    delete_unreferenced: DeleteUnreferenced
    clock: Clock
    actor: str = "limner"

    async def __call__(self, account: AccountId | None, task_id: TaskId, by: str | None = None) -> Erasure:
        """Erase a finished task. The bytes are gone when this returns; what was erased before has its old receipt."""
        now_ms = self.clock.now_ms()
        receipt, marked = await self.store.run(
            lambda records: self._erase(records, own_task(records, account, task_id), by or self.actor, now_ms)
        )
        await self.delete_unreferenced.delete(marked, now_ms)
        return receipt

    def _erase(self, records: Records, task: Task, by: str, now_ms: int) -> tuple[Erasure, Sequence[UnreferencedBlob]]:
        if earlier := records.retention.erasure(task.id):
            return earlier, ()
        if not task.status.final:
            raise _under_way(task)
        left = {name: value for name, value in (task.served_by or {}).items() if name in FIGURES}
        blobs = records.retention.erase_task(task.id, task.account, task.model, left, now_ms)
        records.webhooks.forget_task(task.id)
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
    """What is left of an account: a name that means nothing, and how much went."""

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
        account = await self.store.run(lambda records: self._shut(records, name))
        await self.clock.sleep(FRESH_MS / 1000)  # until then a server may take its keys as good
        receipts = [receipt async for receipt in self._tasks(account, by)]
        now_ms, blank = self.clock.now_ms(), f"erased-{uuid.uuid4().hex[:12]}"

        def finish(records: Records) -> Sequence[UnreferencedBlob]:
            _idle(records, name)  # nothing came in while its tasks were erased
            blobs: set[BlobId] = records.retention.erase_account(account, blank, now_ms)
            records.webhooks.forget_account(account)
            records.audit_log.add(self.erase.actor, "account.erase", account, {"tasks": len(receipts)}, now_ms)
            return self.erase.delete_unreferenced.mark(records, blobs, now_ms)

        deleted = await self.erase.delete_unreferenced.delete(await self.store.run(finish), now_ms)
        files, size = deleted.files + sum(r.files for r in receipts), deleted.size + sum(r.size for r in receipts)
        return ErasedAccount(blank, len(receipts), files, size)

    def _shut(self, records: Records, name: str) -> AccountId:
        account = _idle(records, name)
        for key in records.keys.of(account):
            records.keys.revoke(key.id, self.clock.now_ms())
        return account

    async def _tasks(self, account: AccountId, by: str | None) -> AsyncIterator[Erasure]:
        while tasks := await self.store.read(lambda records: records.retention.not_erased(account, _AT_ONCE)):
            for task in tasks:
                yield await self.erase(account, task, by)


def _idle(records: Records, name: str) -> AccountId:
    account = named(records, name)
    if under_way := records.retention.count_unfinished(account.id):
        raise Refusal(
            Code.INVALID,
            f"account {name!r} has {under_way} tasks that have not ended",
            suggestion="Revoke its keys, and cancel them (`limner tasks cancel TASK`) or wait until they have ended.",
            field="account",
        )
    return account.id


def _under_way(task: Task) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"task {task.id!r} is {task.status}",
        suggestion=f"Cancel it first: limner tasks cancel {task.id}",
        field="task_id",
    )
