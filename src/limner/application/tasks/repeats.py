"""Repeats of a call whose answer was lost, by clients that name no idempotency key: the same request, soon again."""

import uuid

from limner.db.store import Store
from limner.domain.ids import AccountId, TaskId

REPEAT_MS = 15 * 60_000
"""How long after a call its repeat joins the task."""

_PREFIX_LENGTH = 40


def repeat_key(digest: str) -> str:
    """An idempotency key of its own for each call, by which its repeats find the task."""
    return f"{digest[:_PREFIX_LENGTH]}.{uuid.uuid4().hex}"


async def find_repeated(store: Store, account: AccountId, digest: str, now_ms: int) -> TaskId | None:
    """The newest task of the same request within 15 minutes."""
    prefix = f"{digest[:_PREFIX_LENGTH]}."
    return await store.read(lambda records: records.idempotency.newest(account, prefix, digest, now_ms - REPEAT_MS))
