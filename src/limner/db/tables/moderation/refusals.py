"""Word lists, the log of what was refused, and what the judge has still to decide."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql, dump, load
from limner.domain.ids import AccountId, AttemptId, TaskId
from limner.domain.moderation import RefusalStage

LONGEST_PROMPT = 2_000


@dataclass(frozen=True, slots=True)
class LoggedRefusal:
    """`prompt` is what was asked for, cut off; None where it is kept with its `task` only.

    `decision` is `upheld` or `overturned` once an operator answered the appeal.
    """

    id: str
    account: AccountId
    task: TaskId | None
    stage: RefusalStage
    reason: str
    categories: tuple[str, ...]
    prompt: str | None
    at_ms: int
    appeal: str | None = None
    appealed_ms: int | None = None
    decision: str | None = None
    answer: str | None = None
    answered_ms: int | None = None


_COLUMNS = """id, account, task, stage, reason, categories, prompt, at_ms, appeal, appealed_ms, decision, answer,
    answered_ms"""
_WORDS = Sql("SELECT account, words FROM word_lists")
_LIST = Sql("SELECT words FROM word_lists WHERE account = :account")
_SET = Sql("""
    INSERT INTO word_lists (account, words, changed_ms) VALUES (:account, :words, :now_ms)
    ON CONFLICT (account) DO UPDATE SET words = :words, changed_ms = :now_ms
""")
_UNSET = Sql("DELETE FROM word_lists WHERE account = :account")
_ADD = Sql("""
    INSERT INTO refusals (id, account, task, stage, reason, categories, prompt, at_ms)
    VALUES (:id, :account, :task, :stage, :reason, :categories, :prompt, :at_ms)
    ON CONFLICT (id) DO NOTHING
""")
_ONE = Sql(f"SELECT {_COLUMNS} FROM refusals WHERE id = :id")
_OF_ACCOUNT = Sql(f"""
    SELECT {_COLUMNS} FROM refusals WHERE account = :account ORDER BY at_ms DESC, id DESC LIMIT :limit
""")
_ALL = Sql(f"SELECT {_COLUMNS} FROM refusals ORDER BY at_ms DESC, id DESC LIMIT :limit")
_OPEN_APPEALS = Sql(f"""
    SELECT {_COLUMNS} FROM refusals WHERE appealed_ms IS NOT NULL AND answered_ms IS NULL
    ORDER BY at_ms DESC, id DESC LIMIT :limit
""")
_APPEAL = Sql("""
    UPDATE refusals SET appeal = :appeal, appealed_ms = :now_ms
    WHERE id = :id AND account = :account AND appealed_ms IS NULL
""")
_ANSWER = Sql("""
    UPDATE refusals SET decision = :decision, answer = :answer, answered_ms = :now_ms
    WHERE id = :id AND appealed_ms IS NOT NULL AND answered_ms IS NULL
""")
_PRUNE = Sql("""
    DELETE FROM refusals WHERE id IN (SELECT id FROM refusals WHERE at_ms <= :before_ms ORDER BY at_ms LIMIT :limit)
""")
_FORGET_TASKS = Sql("UPDATE refusals SET prompt = NULL, appeal = NULL WHERE task IN :tasks")
_FORGET_ACCOUNT = Sql("DELETE FROM refusals WHERE account = :account")
_HAS_TASK = Sql("SELECT 1 FROM refusals WHERE task = :task LIMIT 1")
_HOLD = Sql("INSERT INTO unjudged_tasks (task) VALUES (:task) ON CONFLICT (task) DO NOTHING")
_HELD = Sql("SELECT 1 FROM unjudged_tasks WHERE task = :task")
_RELEASE = Sql("DELETE FROM unjudged_tasks WHERE task = :task")
_ALLOW = Sql("""
    INSERT INTO allowed_pictures (attempt, task) VALUES (:attempt, :task) ON CONFLICT (attempt) DO NOTHING
""")
_ALLOWED = Sql("SELECT attempt FROM allowed_pictures WHERE task = :task")
_WITHHOLD = Sql("UPDATE attempts SET result = NULL WHERE id = :attempt")


class ModerationTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def word_lists(self) -> dict[str, list[str]]:
        """All lists, by account."""
        return {row[0]: load(row[1]) for row in self._db.all(_WORDS)}

    def word_list(self, account: str) -> list[str]:
        row = self._db.one(_LIST, {"account": account})
        return list(load(row[0])) if row else []

    def set_words(self, account: str, words: Sequence[str], now_ms: int) -> None:
        if words:
            self._db.run(_SET, {"account": account, "words": dump(list(words)), "now_ms": now_ms})
        else:
            self._db.run(_UNSET, {"account": account})

    def add(self, refusal: LoggedRefusal) -> None:
        self._db.run(
            _ADD,
            {
                "id": refusal.id,
                "account": refusal.account,
                "task": refusal.task,
                "stage": refusal.stage,
                "reason": refusal.reason,
                "categories": dump(list(refusal.categories)),
                "prompt": refusal.prompt[:LONGEST_PROMPT] if refusal.prompt else None,
                "at_ms": refusal.at_ms,
            },
        )

    def get(self, refusal_id: str) -> LoggedRefusal | None:
        row = self._db.one(_ONE, {"id": refusal_id})
        return _refusal(*row) if row else None

    def has_task(self, task: TaskId) -> bool:
        return self._db.one(_HAS_TASK, {"task": task}) is not None

    def of_account(self, account: AccountId, limit: int) -> Sequence[LoggedRefusal]:
        """The newest first."""
        return [_refusal(*row) for row in self._db.all(_OF_ACCOUNT, {"account": account, "limit": limit})]

    def newest(self, limit: int, *, open_appeals: bool) -> Sequence[LoggedRefusal]:
        """Of all accounts, or only those whose appeal waits for an answer."""
        statement = _OPEN_APPEALS if open_appeals else _ALL
        return [_refusal(*row) for row in self._db.all(statement, {"limit": limit})]

    def appeal(self, refusal_id: str, account: AccountId, text: str, now_ms: int) -> bool:
        """False where there is no such refusal of the account, or it was appealed before."""
        return self._db.run(_APPEAL, {"id": refusal_id, "account": account, "appeal": text, "now_ms": now_ms}) == 1

    def answer(self, refusal_id: str, decision: str, text: str, now_ms: int) -> bool:
        """False where no appeal waits for an answer."""
        return self._db.run(_ANSWER, {"id": refusal_id, "decision": decision, "answer": text, "now_ms": now_ms}) == 1

    def prune(self, before_ms: int, limit: int) -> int:
        return self._db.run(_PRUNE, {"before_ms": before_ms, "limit": limit})

    def forget_tasks(self, tasks: Sequence[TaskId]) -> None:
        """Remove what was written about erased tasks."""
        self._db.run(_FORGET_TASKS, {"tasks": self._db.ids(tasks)})

    def forget_account(self, account: AccountId) -> None:
        self._db.run(_FORGET_ACCOUNT, {"account": account})
        self._db.run(_UNSET, {"account": account})

    def hold(self, task: TaskId) -> None:
        """Let this task order nothing before the judge allows it."""
        self._db.run(_HOLD, {"task": task})

    def is_held(self, task: TaskId) -> bool:
        return self._db.one(_HELD, {"task": task}) is not None

    def release(self, task: TaskId) -> None:
        self._db.run(_RELEASE, {"task": task})

    def allow_picture(self, task: TaskId, attempt: AttemptId) -> None:
        self._db.run(_ALLOW, {"task": task, "attempt": attempt})

    def allowed_pictures(self, task: TaskId) -> set[str]:
        """The attempts whose pictures the judge allowed."""
        return {row[0] for row in self._db.all(_ALLOWED, {"task": task})}

    def withhold_picture(self, attempt: AttemptId) -> None:
        """Take a refused picture out of the journal, so that nothing can deliver it."""
        self._db.run(_WITHHOLD, {"attempt": attempt})


def _refusal(  # noqa: PLR0917 - a row
    refusal_id: str,
    account: str,
    task: str | None,
    stage: str,
    reason: str,
    categories: str,
    prompt: str | None,
    at_ms: int,
    *appeal: object,
) -> LoggedRefusal:
    return LoggedRefusal(
        refusal_id,
        AccountId(account),
        TaskId(task) if task else None,
        RefusalStage(stage),
        reason,
        tuple(load(categories)),
        prompt,
        at_ms,
        *appeal,  # type: ignore[arg-type]
    )
