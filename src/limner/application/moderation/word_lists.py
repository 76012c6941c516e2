"""The word lists, read once in a second and not for each task: there are few, and they rarely change."""

from collections.abc import Mapping, Sequence

from limner.db.store import Store
from limner.domain.ids import AccountId
from limner.domain.moderation import EVERYBODY
from limner.ports.clock import Clock

KEPT_MS = 1_000


class WordLists:
    """One in a process. A changed list holds from a second later on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lists: Mapping[str, Sequence[str]] = {}
        self._read_ms: int | None = None

    async def of(self, account: AccountId) -> Sequence[str]:
        """The account's words, and those of everybody."""
        now_ms = self._clock.now_ms()
        if self._read_ms is None or not 0 <= now_ms - self._read_ms < KEPT_MS:
            self._lists = await self._store.read(lambda records: records.moderation.word_lists())
            self._read_ms = now_ms
        if not self._lists:
            return ()
        return [*self._lists.get(EVERYBODY, ()), *self._lists.get(account, ())]
