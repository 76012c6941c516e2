"""Budgets of accounts and keys, rules for vendors' prices, and messages that are about no task."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_DAY_MS = 86_400_000


def upgrade() -> None:
    for table in ("accounts", "api_keys"):
        _add_budgets(table)
    op.add_column("deliveries", sa.Column("detail", sa.Text(), nullable=True))
    _count_this_period(datetime.now(UTC))


def _add_budgets(table: str) -> None:
    present = {"most_credits_a_day", "day", "spent_on_day"} if table == "api_keys" else set()
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("most_credits_a_day", sa.BigInteger(), nullable=True),
        sa.Column("most_credits_a_month", sa.BigInteger(), nullable=True),
        *(
            sa.Column(name, kind, server_default="0", nullable=False)
            for name, kind in (
                ("day", sa.Integer()),
                ("spent_on_day", sa.BigInteger()),
                ("day_warned", sa.Integer()),
                ("month", sa.Integer()),
                ("spent_in_month", sa.BigInteger()),
                ("month_warned", sa.Integer()),
            )
        ),
        sa.Column("max_vendor_usd", sa.Float(), nullable=True),
        sa.Column("fallback", sa.String(length=10), nullable=True),
    )
    for column in columns:
        if column.name not in present:
            op.add_column(table, column)


def _count_this_period(now: datetime) -> None:
    """Count what tasks of this day and month cost, so that a budget set today includes them."""
    day = int(now.timestamp() * 1000) // _DAY_MS
    month_ms = int(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    spent = """
        coalesce((SELECT sum(CASE WHEN t.status IN ('queued', 'running') THEN t.price ELSE t.consumed END)
                  FROM tasks t WHERE t.{owner} = {table}.id AND t.created_ms >= {since_ms}), 0)
    """
    month = now.year * 12 + now.month - 1
    in_month = {table: spent.format(owner=owner, table=table, since_ms=month_ms) for table, owner in _OWNERS.items()}
    on_day = spent.format(owner="account", table="accounts", since_ms=day * _DAY_MS)
    op.execute(f"UPDATE accounts SET day = {day}, spent_on_day = {on_day}")
    for table, sum_of_month in in_month.items():
        op.execute(f"UPDATE {table} SET month = {month}, spent_in_month = {sum_of_month}")


_OWNERS = {"accounts": "account", "api_keys": "api_key"}
