"""Word lists, the log of refusals, appeals against them and their answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from limner.application.accounts.manage import named
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.moderation.refusals import LoggedRefusal
from limner.domain.ids import AccountId
from limner.domain.moderation import EVERYBODY, checked_words
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock

SHOWN = 100
LONGEST_TEXT = 2_000
DECISIONS = ("upheld", "overturned")


@dataclass(frozen=True, slots=True)
class ManageModeration:
    """`actor` is named in the audit log."""

    store: Store
    clock: Clock
    actor: str = "limner"

    async def words(self, account: str) -> list[str]:
        """The words of the account with this name, or of `*`."""
        return await self.store.read(lambda records: records.moderation.word_list(_id_of(records, account)))

    async def set_words(self, account: str, words: Iterable[str]) -> list[str]:
        """Replace the list; an empty one removes it. Raises `Refusal`."""
        kept, now_ms = checked_words(words), self.clock.now_ms()

        def work(records: Records) -> None:
            records.moderation.set_words(_id_of(records, account), kept, now_ms)
            records.audit_log.add(self.actor, "moderation.words", account, {"words": len(kept)}, now_ms)

        await self.store.run(work)
        return kept

    async def log(self, *, open_appeals: bool = False) -> Sequence[LoggedRefusal]:
        """The newest refusals of all accounts."""
        return await self.store.read(lambda records: records.moderation.newest(SHOWN, open_appeals=open_appeals))

    async def of_account(self, account: AccountId) -> Sequence[LoggedRefusal]:
        return await self.store.read(lambda records: records.moderation.of_account(account, SHOWN))

    async def own(self, account: AccountId, refusal_id: str) -> LoggedRefusal:
        """A refusal of the account. Raises `Refusal`."""
        found = await self.store.read(lambda records: records.moderation.get(refusal_id))
        return found if found is not None and found.account == account else _unknown()

    async def appeal(self, account: AccountId, refusal_id: str, text: str) -> LoggedRefusal:
        """Say why a refusal is wrong, once. Raises `Refusal`."""
        now_ms = self.clock.now_ms()
        said = _checked(text, "text")
        await self.own(account, refusal_id)
        if not await self.store.run(lambda records: records.moderation.appeal(refusal_id, account, said, now_ms)):
            raise Refusal(
                Code.INVALID,
                "this refusal was appealed before",
                suggestion="Wait for the operator's answer.",
                field="id",
            )
        return await self.own(account, refusal_id)

    async def answer(self, refusal_id: str, decision: str, text: str) -> LoggedRefusal:
        """Answer an appeal, once. It changes no rule by itself. Raises `Refusal`."""
        said, now_ms = _checked(text, "text"), self.clock.now_ms()
        if decision not in DECISIONS:
            raise Refusal(
                Code.INVALID,
                f"{decision[:40]!r} is no decision",
                suggestion=f"decision is one of {', '.join(DECISIONS)}.",
                field="decision",
            )

        def work(records: Records) -> LoggedRefusal:
            found = records.moderation.get(refusal_id) or _unknown()
            if not records.moderation.answer(refusal_id, decision, said, now_ms):
                raise Refusal(
                    Code.INVALID,
                    "no appeal waits for an answer",
                    suggestion="`limner moderation log --appeals` lists those that do.",
                    field="id",
                )
            records.audit_log.add(self.actor, "moderation.answer", found.id, {"decision": decision}, now_ms)
            return records.moderation.get(refusal_id) or _unknown()

        return await self.store.run(work)


def facts(refusal: LoggedRefusal) -> dict[str, object]:
    """A refusal as APIs and commands show it."""
    return {
        "id": refusal.id,
        "task": refusal.task,
        "stage": refusal.stage,
        "reason": refusal.reason,
        "categories": list(refusal.categories),
        "prompt": refusal.prompt,
        "at_ms": refusal.at_ms,
        "appeal": refusal.appeal,
        "appealed_ms": refusal.appealed_ms,
        "decision": refusal.decision,
        "answer": refusal.answer,
        "answered_ms": refusal.answered_ms,
    }


def facts_for_operators(refusal: LoggedRefusal) -> dict[str, object]:
    return facts(refusal) | {"account": refusal.account}


def _id_of(records: Records, account: str) -> str:
    return EVERYBODY if account == EVERYBODY else named(records, account).id


def _checked(text: str, field: str) -> str:
    said = text.strip()
    if not said or len(said) > LONGEST_TEXT:
        raise Refusal(
            Code.INVALID,
            f"the text has {len(said)} characters",
            suggestion=f"Write 1 to {LONGEST_TEXT} characters.",
            field=field,
        )
    return said


def _unknown() -> NoReturn:
    raise Refusal(
        Code.TASK_NOT_FOUND, "there is no such refusal", suggestion="GET /v1/refusals lists your own.", field="id"
    )
