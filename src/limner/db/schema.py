"""The tables. Times are whole milliseconds since 1970, structures JSON text: both databases agree on every byte."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

UUID = String(36)
SERIAL = BigInteger().with_variant(Integer, "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("tag", String(40), nullable=False, unique=True),
    Column("available", BigInteger, nullable=False, server_default="0"),
    Column("frozen", BigInteger, nullable=False, server_default="0"),
    Column("queue_clock", BigInteger, nullable=False, server_default="0"),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("available >= 0", name="available_not_negative"),
    CheckConstraint("frozen >= 0", name="frozen_not_negative"),
)

buckets = Table(
    "buckets",
    metadata,
    Column("account", UUID, ForeignKey("accounts.id"), primary_key=True),
    Column("bucket", String(40), primary_key=True),
    Column("active", Integer, nullable=False, server_default="0"),
    Column("cap", Integer),
    CheckConstraint("active >= 0", name="active_not_negative"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("hint", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("type", String(40), nullable=False),
    Column("bucket", String(40), nullable=False),
    Column("status", String(10), nullable=False),
    Column("model", String(60), nullable=False),
    Column("echo", Text, nullable=False),
    Column("task_order", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("consumed", Integer, nullable=False, server_default="0"),
    Column("priority", Integer, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("progress", Integer, nullable=False, server_default="0"),
    Column("expected_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),
    Column("finished_ms", BigInteger),
    Column("queue_deadline_ms", BigInteger, nullable=False),
    Column("run_limit_ms", BigInteger, nullable=False),
    Column("lease_owner", String(120)),
    Column("lease_until_ms", BigInteger),
    Column("claims", Integer, nullable=False, server_default="0"),
    Column("cancel_requested", Integer, nullable=False, server_default="0"),
    Column("result", Text),
    Column("served_by", Text),
    Column("error_code", Integer),
    Column("error_msg", Text),
    CheckConstraint(
        "status IN ('queued','running','success','failed','banned','expired','cancelled')", name="status_known"
    ),
)
# Partial indexes: the queue and the leases stay as small as the work under way, however many tasks are done.
Index(
    "ix_tasks_queue",
    tasks.c.place,
    tasks.c.id,
    sqlite_where=text("status = 'queued'"),
    postgresql_where=text("status = 'queued'"),
)
Index(
    "ix_tasks_queue_deadline",
    tasks.c.queue_deadline_ms,
    sqlite_where=text("status = 'queued'"),
    postgresql_where=text("status = 'queued'"),
)
Index(
    "ix_tasks_leases",
    tasks.c.lease_until_ms,
    sqlite_where=text("status = 'running'"),
    postgresql_where=text("status = 'running'"),
)
Index("ix_tasks_account_created", tasks.c.account, tasks.c.created_ms)

queue_clock = Table(
    "queue_clock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", BigInteger, nullable=False),
)

task_inputs = Table(
    "task_inputs",
    metadata,
    Column("task", UUID, ForeignKey("tasks.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("field", String(60), nullable=False),
    Column("url", Text),
    Column("blob", String(64)),
    Column("clean", String(64)),
    Column("media_type", String(20)),
    Column("width", Integer),
    Column("height", Integer),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("task", UUID, ForeignKey("tasks.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("route", String(100), nullable=False),
    Column("provider", String(60), nullable=False),
    Column("upstream", String(100), nullable=False),
    Column("state", String(10), nullable=False),
    Column("outcome", String(30)),
    Column("handle", Text),
    Column("result", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("charged", Integer, nullable=False, server_default="0"),
    Column("cost_usd", Float),
    Column("intended_ms", BigInteger, nullable=False),
    Column("submitted_ms", BigInteger),
    Column("delivered_ms", BigInteger),
    Column("closed_ms", BigInteger),
    UniqueConstraint("task", "number"),
    CheckConstraint("state IN ('intended','submitted','delivered','closed')", name="state_known"),
)
Index("ix_attempts_route_closed", attempts.c.route, attempts.c.closed_ms)

ledger = Table(
    "ledger",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("task", UUID),
    Column("leg", String(5)),
    Column("movement", String(10), nullable=False),
    Column("available", BigInteger, nullable=False),
    Column("frozen", BigInteger, nullable=False),
    Column("note", Text),
    Column("at_ms", BigInteger, nullable=False),
    # One hold and one closing a task: a second settlement cannot be written, whatever the code does.
    UniqueConstraint("task", "leg"),
    CheckConstraint(
        "CASE WHEN task IS NULL THEN leg IS NULL ELSE leg IS NOT NULL AND leg IN ('open','close') END", name="leg_known"
    ),
    Index("ix_ledger_account_id", "account", "id"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("token", UUID, primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("object_key", String(200), nullable=False, unique=True),
    Column("blob", String(64), nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account", UUID, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("task", UUID, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

task_events = Table(
    "task_events",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("account", UUID, nullable=False),
    Column("task", UUID, nullable=False),
    Column("status", String(10), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_task_events_account_id", "account", "id"),
)
