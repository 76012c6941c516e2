"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:  # noqa: PLR0915 - a table after the other
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.Column("available", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frozen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("queue_clock", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("weight", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("available >= 0", name=op.f("ck_accounts_available_not_negative")),
        sa.CheckConstraint("frozen >= 0", name=op.f("ck_accounts_frozen_not_negative")),
        sa.CheckConstraint("weight >= 1", name=op.f("ck_accounts_weight_at_least_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
        sa.UniqueConstraint("tag", name=op.f("uq_accounts_tag")),
    )
    op.create_table(
        "blobs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("let_go_ms", sa.BigInteger(), nullable=True),
        sa.Column("condemned_ms", sa.BigInteger(), nullable=True),
        sa.Column("condemned_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
    )
    op.create_index(
        "ix_blobs_condemned",
        "blobs",
        ["condemned_ms"],
        unique=False,
        sqlite_where=sa.text("condemned_ms IS NOT NULL"),
        postgresql_where=sa.text("condemned_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_blobs_let_go",
        "blobs",
        ["let_go_ms"],
        unique=False,
        sqlite_where=sa.text("let_go_ms IS NOT NULL"),
        postgresql_where=sa.text("let_go_ms IS NOT NULL"),
    )
    op.create_table(
        "blob_pins",
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=36), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("blob", "holder", name=op.f("pk_blob_pins")),
    )
    op.create_table(
        "blob_uses",
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("holder", sa.String(length=36), nullable=False),
        sa.CheckConstraint("kind IN ('upload','input','result')", name=op.f("ck_blob_uses_kind_known")),
        sa.PrimaryKeyConstraint("blob", "kind", "holder", name=op.f("pk_blob_uses")),
    )
    op.create_index("ix_blob_uses_holder", "blob_uses", ["holder"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_created_ms", "idempotency", ["created_ms"], unique=False)
    op.create_table(
        "queue_clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_clock")),
    )
    op.create_table(
        "task_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_events")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_task_events_account_at_ms_id", "task_events", ["account", "at_ms", "id"], unique=False)
    op.create_index("ix_task_events_task_id", "task_events", ["task", "id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("most_per_second", sa.Integer(), nullable=True),
        sa.Column("most_tasks", sa.Integer(), nullable=True),
        sa.Column("most_credits_a_day", sa.BigInteger(), nullable=True),
        sa.Column("most_credits", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("day", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spent_on_day", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("active >= 0", name=op.f("ck_api_keys_active_not_negative")),
        sa.CheckConstraint("spent >= 0", name=op.f("ck_api_keys_spent_not_negative")),
        sa.CheckConstraint("spent_on_day >= 0", name=op.f("ck_api_keys_spent_on_day_not_negative")),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_api_keys_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index(op.f("ix_api_keys_account"), "api_keys", ["account"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at_ms", "audit", ["at_ms"], unique=False)
    op.create_table(
        "breakers",
        sa.Column("route", sa.String(length=100), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("open_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("route", name=op.f("pk_breakers")),
    )
    op.create_table(
        "meters",
        sa.Column("provider", sa.String(length=60), nullable=False),
        sa.Column("paused_until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_meters")),
    )
    op.create_table(
        "buckets",
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("bucket", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cap", sa.Integer(), nullable=True),
        sa.CheckConstraint("active >= 0", name=op.f("ck_buckets_active_not_negative")),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_buckets_account")),
        sa.PrimaryKeyConstraint("account", "bucket", name=op.f("pk_buckets")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("task", sa.String(length=36), nullable=True),
        sa.Column("leg", sa.String(length=5), nullable=True),
        sa.Column("movement", sa.String(length=10), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.Column("frozen", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "CASE WHEN task IS NULL THEN leg IS NULL ELSE leg IS NOT NULL AND leg IN ('open','close') END",
            name=op.f("ck_ledger_leg_known"),
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_ledger_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
        sa.UniqueConstraint("task", "leg", name=op.f("uq_ledger_task_leg")),
    )
    op.create_index("ix_ledger_account_id", "ledger", ["account", "id"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("bucket", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("echo", sa.Text(), nullable=False),
        sa.Column("task_order", sa.Text(), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("consumed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expected_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.Column("queue_deadline_ms", sa.BigInteger(), nullable=False),
        sa.Column("run_limit_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=120), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cancel_requested", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("served_by", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("error_msg", sa.Text(), nullable=True),
        sa.Column("keeps_inputs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("keeps_results", sa.Integer(), server_default="0", nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.Column("api_key", sa.String(length=36), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued','running','success','failed','banned','expired','cancelled')",
            name=op.f("ck_tasks_status_known"),
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_tasks_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index("ix_tasks_account_created", "tasks", ["account", "created_ms"], unique=False)
    op.create_index(
        "ix_tasks_under_way",
        "tasks",
        ["account", "id"],
        unique=False,
        sqlite_where=sa.text("status IN ('queued','running')"),
        postgresql_where=sa.text("status IN ('queued','running')"),
    )
    op.create_index(
        "ix_tasks_inputs_kept",
        "tasks",
        ["finished_ms"],
        unique=False,
        sqlite_where=sa.text("keeps_inputs = 1"),
        postgresql_where=sa.text("keeps_inputs = 1"),
    )
    op.create_index(
        "ix_tasks_results_kept",
        "tasks",
        ["finished_ms"],
        unique=False,
        sqlite_where=sa.text("keeps_results = 1"),
        postgresql_where=sa.text("keeps_results = 1"),
    )
    op.create_index(
        "ix_tasks_leases",
        "tasks",
        ["lease_until_ms"],
        unique=False,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(
        "ix_tasks_queue",
        "tasks",
        ["place", "id", "model"],
        unique=False,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "ix_tasks_queue_deadline",
        "tasks",
        ["queue_deadline_ms"],
        unique=False,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_table(
        "uploads",
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_uploads_account")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_uploads")),
        sa.UniqueConstraint("object_key", name=op.f("uq_uploads_object_key")),
    )
    op.create_index("ix_uploads_expires_ms", "uploads", ["expires_ms"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.Column("part", sa.String(length=10), server_default=sa.text("''"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("route", sa.String(length=100), nullable=False),
        sa.Column("provider", sa.String(length=60), nullable=False),
        sa.Column("upstream", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=True),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("charged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("price_usd", sa.Float(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("intended_ms", sa.BigInteger(), nullable=False),
        sa.Column("submitted_ms", sa.BigInteger(), nullable=True),
        sa.Column("delivered_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('intended','submitted','delivered','closed')", name=op.f("ck_attempts_state_known")
        ),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_attempts_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("task", "part", "number", name=op.f("uq_attempts_task_part_number")),
    )
    op.create_index("ix_attempts_intended", "attempts", ["intended_ms"], unique=False)
    op.create_index("ix_attempts_route_closed", "attempts", ["route", "closed_ms"], unique=False)
    op.create_index(
        "ix_attempts_under_way",
        "attempts",
        ["provider"],
        unique=False,
        sqlite_where=sa.text("state IN ('intended','submitted')"),
        postgresql_where=sa.text("state IN ('intended','submitted')"),
    )
    op.create_table(
        "erasures",
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("by_whom", sa.String(length=100), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_erasures_account")),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_erasures_task")),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_erasures")),
    )
    op.create_table(
        "task_inputs",
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("blob", sa.String(length=64), nullable=True),
        sa.Column("clean", sa.String(length=64), nullable=True),
        sa.Column("media_type", sa.String(length=20), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_task_inputs_task")),
        sa.PrimaryKeyConstraint("task", "position", name=op.f("pk_task_inputs")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_ms", sa.BigInteger(), nullable=True),
        sa.Column("disabled_why", sa.Text(), nullable=True),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_webhooks_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_account", "webhooks", ["account"], unique=False)
    op.create_index(
        "ix_webhooks_for_tasks",
        "webhooks",
        ["account"],
        unique=True,
        sqlite_where=sa.text("url IS NULL AND removed_ms IS NULL"),
        postgresql_where=sa.text("url IS NULL AND removed_ms IS NULL"),
    )
    op.create_table(
        "webhook_salts",
        sa.Column("webhook", sa.String(length=36), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name=op.f("fk_webhook_salts_webhook")),
        sa.PrimaryKeyConstraint("webhook", "salt", name=op.f("pk_webhook_salts")),
    )
    op.create_table(
        "task_webhooks",
        sa.Column("task", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_task_webhooks_task")),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_task_webhooks")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("webhook", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("lane", sa.String(length=36), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("task", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=120), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending','delivered','failed','dropped')", name=op.f("ck_deliveries_state_known")
        ),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name=op.f("fk_deliveries_webhook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_webhook_created_ms", "deliveries", ["webhook", "created_ms"], unique=False)
    op.create_index("ix_deliveries_task", "deliveries", ["task"], unique=False)
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["lane", "due_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_until",
        "deliveries",
        ["until_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_leased",
        "deliveries",
        ["lane"],
        unique=False,
        sqlite_where=sa.text("lease_owner IS NOT NULL"),
        postgresql_where=sa.text("lease_owner IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_finished",
        "deliveries",
        ["finished_ms"],
        unique=False,
        sqlite_where=sa.text("finished_ms IS NOT NULL"),
        postgresql_where=sa.text("finished_ms IS NOT NULL"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery")),
        sa.PrimaryKeyConstraint("delivery", "number", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "lanes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("openings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("open_until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lanes")),
    )
    op.execute("INSERT INTO queue_clock (id, place) VALUES (1, 0)")
