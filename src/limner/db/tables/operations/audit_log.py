"""The audit log: rows are added, never changed or removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql, dump, load


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action of an operator. `details` never hold a secret."""

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
    """Actions of operators, each written in the unit of work that performs it."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, actor: str, act: str, subject: str, details: Mapping[str, Any], now_ms: int) -> None:
        row = {"actor": actor[:200], "act": act, "subject": subject[:200], "details": dump(dict(details))}
        self._db.run(_ADD, row | {"at_ms": now_ms})

    def since(self, at_ms: int, limit: int) -> Sequence[AuditEntry]:
        """The newest `limit` entries since `at_ms`, oldest first."""
        rows = self._db.all(_SINCE, {"at_ms": at_ms, "limit": limit})
        return [audit_entry(row) for row in reversed(rows)]


def audit_entry(row: Sequence[Any]) -> AuditEntry:
    number, at_ms, actor, act, subject, details = row
    return AuditEntry(number=number, at_ms=at_ms, actor=actor, act=act, subject=subject, details=load(details))
