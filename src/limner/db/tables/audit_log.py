"""The audit log. Nothing in here changes or removes a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql, dump, load


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something an operator did. `details` say what, and hold no secret."""

    number: int
    at_ms: int
    actor: str
    act: str
    subject: str
    details: Mapping[str, Any]


_ADD = Sql("""
    INSERT INTO audit (at_ms, actor, act, subject, details) VALUES (:at_ms, :actor, :act, :subject, :details)
""")
_SINCE = Sql("""
    SELECT id, at_ms, actor, act, subject, details FROM audit WHERE at_ms >= :at_ms ORDER BY id DESC LIMIT :limit
""")


class AuditLogTable:
    """The audit log: written in the unit of work of what it tells, never changed, never removed."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, actor: str, act: str, subject: str, details: Mapping[str, Any], now_ms: int) -> None:
        row = {"actor": actor[:200], "act": act, "subject": subject[:200], "details": dump(dict(details))}
        self._db.run(_ADD, row | {"at_ms": now_ms})

    def since(self, at_ms: int, limit: int) -> Sequence[AuditEntry]:
        """The newest `limit` acts from then on, the oldest of them first."""
        rows = self._db.all(_SINCE, {"at_ms": at_ms, "limit": limit})
        return [_act(*row) for row in reversed(rows)]


def _act(number: int, at_ms: int, actor: str, act: str, subject: str, details: str) -> AuditEntry:  # noqa: PLR0917 - the columns
    return AuditEntry(number, at_ms, actor, act, subject, load(details))
