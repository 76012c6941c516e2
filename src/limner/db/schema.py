"""The tables. Times are whole milliseconds since 1970, structures JSON text: both databases agree on every byte."""

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

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
    Column("weight", Integer, nullable=False, server_default="1"),
    Column("created_ms", BigInteger, nullable=False),
    # Budgets, and what was spent of them: credits held or consumed by tasks of one day and of one month.
    Column("most_credits_a_day", BigInteger),
    Column("most_credits_a_month", BigInteger),
    Column("day", Integer, nullable=False, server_default="0"),
    Column("spent_on_day", BigInteger, nullable=False, server_default="0"),
    Column("day_warned", Integer, nullable=False, server_default="0"),
    Column("month", Integer, nullable=False, server_default="0"),
    Column("spent_in_month", BigInteger, nullable=False, server_default="0"),
    Column("month_warned", Integer, nullable=False, server_default="0"),
    Column("max_vendor_usd", Float),
    Column("fallback", String(10)),
    CheckConstraint("available >= 0", name="available_not_negative"),
    CheckConstraint("frozen >= 0", name="frozen_not_negative"),
    CheckConstraint("weight >= 1", name="weight_at_least_one"),
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
    Column("expires_ms", BigInteger),
    Column("used_ms", BigInteger),
    # The key's limits, and its use: unfinished tasks, and credits held or consumed, in all and on one day.
    Column("most_per_second", Integer),
    Column("most_tasks", Integer),
    Column("most_credits_a_day", BigInteger),
    Column("most_credits", BigInteger),
    Column("active", Integer, nullable=False, server_default="0"),
    Column("spent", BigInteger, nullable=False, server_default="0"),
    Column("day", Integer, nullable=False, server_default="0"),
    Column("spent_on_day", BigInteger, nullable=False, server_default="0"),
    Column("most_credits_a_month", BigInteger),
    Column("day_warned", Integer, nullable=False, server_default="0"),
    Column("month", Integer, nullable=False, server_default="0"),
    Column("spent_in_month", BigInteger, nullable=False, server_default="0"),
    Column("month_warned", Integer, nullable=False, server_default="0"),
    Column("max_vendor_usd", Float),
    Column("fallback", String(10)),
    Column("chosen_model", String(100)),
    CheckConstraint("active >= 0", name="active_not_negative"),
    CheckConstraint("spent >= 0", name="spent_not_negative"),
    CheckConstraint("spent_on_day >= 0", name="spent_on_day_not_negative"),
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
    # Whether the task still refers to input pictures, and to result pictures.
    Column("keeps_inputs", Integer, nullable=False, server_default="0"),
    Column("keeps_results", Integer, nullable=False, server_default="0"),
    Column("removed_ms", BigInteger),
    Column("api_key", UUID),
    Column("ignored", Text),
    Column("pictures", Integer, nullable=False, server_default="1"),
    # For lists: the template's name, whether retention leaves the pictures alone, whether lists show the task, and when
    # its content is to be erased, which can be undone until then.
    Column("template", String(100)),
    Column("kept", Integer, nullable=False, server_default="0"),
    Column("listed", Integer, nullable=False, server_default="1"),
    Column("erase_due_ms", BigInteger),
    # The W3C headers `traceparent` and `tracestate` of the request.
    Column("trace", Text),
    Column("partial_images", Text),
    CheckConstraint(
        "status IN ('queued','running','success','failed','banned','expired','cancelled')", name="status_known"
    ),
)
# Partial indexes: they hold unfinished tasks only, so they stay small.
Index(
    "ix_tasks_queue",
    tasks.c.place,
    tasks.c.id,
    tasks.c.model,
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
# It holds what lists are filtered by and what rarely changes, so that a list reads only the rows that it shows.
Index(
    "ix_tasks_list",
    tasks.c.account,
    tasks.c.created_ms,
    tasks.c.id,
    tasks.c.listed,
    tasks.c.model,
    tasks.c.template,
    tasks.c.api_key,
)
Index(
    "ix_tasks_without_picture",
    tasks.c.account,
    tasks.c.created_ms,
    tasks.c.id,
    tasks.c.status,
    sqlite_where=text("status IN ('failed','banned','expired','cancelled')"),
    postgresql_where=text("status IN ('failed','banned','expired','cancelled')"),
)
Index(
    "ix_tasks_kept",
    tasks.c.account,
    tasks.c.created_ms,
    tasks.c.id,
    sqlite_where=text("kept = 1"),
    postgresql_where=text("kept = 1"),
)
Index(
    "ix_tasks_erase_due",
    tasks.c.erase_due_ms,
    sqlite_where=text("erase_due_ms IS NOT NULL"),
    postgresql_where=text("erase_due_ms IS NOT NULL"),
)
Index(
    "ix_tasks_under_way",
    tasks.c.account,
    tasks.c.id,
    sqlite_where=text("status IN ('queued','running')"),
    postgresql_where=text("status IN ('queued','running')"),
)
# For retention: finished tasks that still have pictures.
Index(
    "ix_tasks_inputs_kept",
    tasks.c.finished_ms,
    sqlite_where=text("keeps_inputs = 1"),
    postgresql_where=text("keeps_inputs = 1"),
)
Index(
    "ix_tasks_results_kept",
    tasks.c.finished_ms,
    sqlite_where=text("keeps_results = 1"),
    postgresql_where=text("keeps_results = 1"),
)

queue_clock = Table(
    "queue_clock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", BigInteger, nullable=False),
)

# The words of each task's prompt, for search; `number` rises with time. PostgreSQL's index is on the column, SQLite's
# is the virtual table `prompt_index`.
prompt_words = Table(
    "prompt_words",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("task", UUID, ForeignKey("tasks.id"), nullable=False, unique=True),
    Column("words", Text().with_variant(TSVECTOR, "postgresql"), nullable=False),
    sqlite_autoincrement=True,
)
PROMPT_INDEX = {
    "sqlite": """
        CREATE VIRTUAL TABLE prompt_index USING fts5(
            words, content='prompt_words', content_rowid='number', detail='none', prefix='1 2 3',
            tokenize="ascii tokenchars '@'")
    """,
    "postgresql": """
        CREATE INDEX ix_prompt_words_words ON prompt_words USING gin (words) WITH (gin_pending_list_limit = 256)
    """,
}
for _dialect, _statement in PROMPT_INDEX.items():
    event.listen(prompt_words, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]

# Which task a task's reference picture came from: `field` is its place in the request.
task_parents = Table(
    "task_parents",
    metadata,
    Column("task", UUID, ForeignKey("tasks.id"), primary_key=True),
    Column("field", String(60), primary_key=True),
    Column("parent", UUID, ForeignKey("tasks.id"), nullable=False, index=True),
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
    Column("part", String(10), nullable=False, server_default=text("''")),
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
    Column("price_usd", Float),
    Column("cost_usd", Float),
    Column("intended_ms", BigInteger, nullable=False),
    Column("submitted_ms", BigInteger),
    Column("delivered_ms", BigInteger),
    Column("closed_ms", BigInteger),
    Column("working_ms", BigInteger),
    Column("vendor_queued_ms", BigInteger),
    UniqueConstraint("task", "part", "number"),
    CheckConstraint("state IN ('intended','submitted','delivered','closed')", name="state_known"),
)
Index("ix_attempts_route_closed", attempts.c.route, attempts.c.closed_ms)
Index("ix_attempts_intended", attempts.c.intended_ms)
Index(
    "ix_attempts_under_way",
    attempts.c.provider,
    sqlite_where=text("state IN ('intended','submitted')"),
    postgresql_where=text("state IN ('intended','submitted')"),
)

breakers = Table(
    "breakers",
    metadata,
    Column("route", String(100), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("open_until_ms", BigInteger, nullable=False),
    Column("kind", String(30)),
    Column("reason", Text),
    Column("changed_ms", BigInteger, nullable=False),
    # Set by an operator; failures and successes leave it alone.
    Column("rest_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("rest_reason", Text),
)

# The last free check of each provider. A worker takes its turn by writing `checked_ms`.
provider_checks = Table(
    "provider_checks",
    metadata,
    Column("provider", String(60), primary_key=True),
    Column("checked_ms", BigInteger, nullable=False),
    Column("well", Integer),
    Column("says", Text),
    Column("drifts", Text),
)

meters = Table(
    "meters",
    metadata,
    Column("provider", String(60), primary_key=True),
    Column("paused_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("next_us", BigInteger, nullable=False, server_default="0"),
)

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
    # One hold and one closing entry per task: the database refuses a second settlement.
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
    # When a reference was last released. A blob in use keeps it until the janitor clears it.
    Column("let_go_ms", BigInteger),
    Column("condemned_ms", BigInteger),
    Column("condemned_by", String(120)),
    # The perceptual hash of a delivered picture; its index is in `perceptual_hashes`.
    Column("phash", LargeBinary),
)
Index(
    "ix_blobs_let_go",
    blobs.c.let_go_ms,
    sqlite_where=text("let_go_ms IS NOT NULL"),
    postgresql_where=text("let_go_ms IS NOT NULL"),
)
Index(
    "ix_blobs_condemned",
    blobs.c.condemned_ms,
    sqlite_where=text("condemned_ms IS NOT NULL"),
    postgresql_where=text("condemned_ms IS NOT NULL"),
)

# References to blobs: of an upload by its token, of a task by its id, for inputs and for results.
blob_uses = Table(
    "blob_uses",
    metadata,
    Column("blob", String(64), primary_key=True),
    Column("kind", String(6), primary_key=True),
    Column("holder", UUID, primary_key=True),
    CheckConstraint("kind IN ('upload','input','result')", name="kind_known"),
    Index("ix_blob_uses_holder", "holder"),
)

# Blobs that are being put, or that were put and are about to be referred to.
blob_pins = Table(
    "blob_pins",
    metadata,
    Column("blob", String(64), primary_key=True),
    Column("holder", UUID, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("task", UUID, ForeignKey("tasks.id"), primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("by_whom", String(100), nullable=False),
    Column("files", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("shared", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# The audit log. Rows are added, never changed or removed.
audit = Table(
    "audit",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("act", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("details", Text, nullable=False),
    Index("ix_audit_at_ms", "at_ms"),
    sqlite_autoincrement=True,  # a removed row leaves a visible gap
)

# Browsers that are signed in, and the one-time links by which they sign in. Tokens are kept as keyed digests.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("api_key", UUID, ForeignKey("api_keys.id"), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("ix_sessions_expires_ms", "expires_ms"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
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
    Column("etag", String(80)),
    Index("ix_uploads_expires_ms", "expires_ms"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account", UUID, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("task", UUID, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_idempotency_created_ms", "created_ms"),
)

task_events = Table(
    "task_events",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("account", UUID, nullable=False),
    Column("task", UUID, nullable=False),
    Column("status", String(10), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_task_events_account_at_ms_id", "account", "at_ms", "id"),
    Index("ix_task_events_task_id", "task", "id"),
    sqlite_autoincrement=True,  # an id is never reused, even when the newest events were deleted
)

# Webhooks of accounts. Without a url, each task brings its own address.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("url", Text),
    Column("events", Text, nullable=False),
    Column("description", String(200), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_ms", BigInteger),
    Column("disabled_why", Text),
    Column("removed_ms", BigInteger),
)
Index(
    "ix_webhooks_for_tasks",
    webhooks.c.account,
    unique=True,
    sqlite_where=text("url IS NULL AND removed_ms IS NULL"),
    postgresql_where=text("url IS NULL AND removed_ms IS NULL"),
)

webhook_salts = Table(
    "webhook_salts",
    metadata,
    Column("webhook", UUID, ForeignKey("webhooks.id"), primary_key=True),
    Column("salt", String(64), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
)

# The addresses of unfinished tasks that brought one.
task_webhooks = Table(
    "task_webhooks",
    metadata,
    Column("task", UUID, ForeignKey("tasks.id"), primary_key=True),
    Column("url", Text, nullable=False),
)

# The outbox. `due_ms` of a leased row is the end of its lease: then it is due again.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("webhook", UUID, ForeignKey("webhooks.id"), nullable=False),
    Column("account", UUID, nullable=False),
    Column("lane", UUID, nullable=False),
    Column("url", Text),
    Column("event", String(30), nullable=False),
    Column("task", UUID),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("due_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("lease_owner", String(120)),
    Column("created_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
    Column("detail", Text),
    CheckConstraint("state IN ('pending','delivered','failed','dropped')", name="state_known"),
    Index("ix_deliveries_webhook_created_ms", "webhook", "created_ms"),
    Index("ix_deliveries_task", "task"),
)
Index(
    "ix_deliveries_due",
    deliveries.c.lane,
    deliveries.c.due_ms,
    sqlite_where=text("state = 'pending'"),
    postgresql_where=text("state = 'pending'"),
)
Index(
    "ix_deliveries_until",
    deliveries.c.until_ms,
    sqlite_where=text("state = 'pending'"),
    postgresql_where=text("state = 'pending'"),
)
Index(
    "ix_deliveries_leased",
    deliveries.c.lane,
    sqlite_where=text("lease_owner IS NOT NULL"),
    postgresql_where=text("lease_owner IS NOT NULL"),
)
Index(
    "ix_deliveries_finished",
    deliveries.c.finished_ms,
    sqlite_where=text("finished_ms IS NOT NULL"),
    postgresql_where=text("finished_ms IS NOT NULL"),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery", UUID, ForeignKey("deliveries.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("answer", Text),
)

lanes = Table(
    "lanes",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("openings", Integer, nullable=False, server_default="0"),
    Column("open_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("kind", String(30)),
    Column("reason", Text),
    Column("changed_ms", BigInteger, nullable=False, server_default="0"),
    Column("account", UUID),
    Column("due_ms", BigInteger),
)
Index(
    "ix_lanes_due",
    lanes.c.account,
    lanes.c.due_ms,
    sqlite_where=text("due_ms IS NOT NULL"),
    postgresql_where=text("due_ms IS NOT NULL"),
)
Index(
    "ix_lanes_idle",
    lanes.c.changed_ms,
    sqlite_where=text("due_ms IS NULL"),
    postgresql_where=text("due_ms IS NULL"),
)

# Templates of accounts. A version never changes; `definition` is the template, `source` the text of its file.
template_versions = Table(
    "template_versions",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("slug", String(100), nullable=False),
    Column("version", String(12), nullable=False),
    Column("definition", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("created_by", String(200), nullable=False),
    Index("ix_template_versions_account_slug", "account", "slug", "created_ms"),
)

template_files = Table(
    "template_files",
    metadata,
    Column("version", UUID, ForeignKey("template_versions.id"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# Versions of the templates of folders, for the tasks that were planned with them; `version` is the folder's digest.
folder_templates = Table(
    "folder_templates",
    metadata,
    Column("slug", String(100), primary_key=True),
    Column("version", String(12), primary_key=True),
    Column("definition", Text, nullable=False),
)

folder_template_files = Table(
    "folder_template_files",
    metadata,
    Column("slug", String(100), primary_key=True),
    Column("version", String(12), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(["slug", "version"], ["folder_templates.slug", "folder_templates.version"]),
)

# The current version of each template that was not removed.
templates = Table(
    "templates",
    metadata,
    Column("account", UUID, ForeignKey("accounts.id"), primary_key=True),
    Column("slug", String(100), primary_key=True),
    Column("version", UUID, ForeignKey("template_versions.id"), nullable=False),
)

# Accounts that may use another account's template.
template_shares = Table(
    "template_shares",
    metadata,
    Column("account", UUID, ForeignKey("accounts.id"), primary_key=True),
    Column("slug", String(100), primary_key=True),
    Column("guest", UUID, ForeignKey("accounts.id"), primary_key=True, index=True),
)

# Words that texts of an account may not hold; the account `*` is all of them.
word_lists = Table(
    "word_lists",
    metadata,
    Column("account", UUID, primary_key=True),
    Column("words", Text, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

# What rules of the operator, its judge and the vendors refused, with appeals and their answers.
refusals = Table(
    "refusals",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("account", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("task", UUID),
    Column("stage", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("categories", Text, nullable=False),
    Column("prompt", Text),
    Column("at_ms", BigInteger, nullable=False),
    Column("appeal", Text),
    Column("appealed_ms", BigInteger),
    Column("decision", String(10)),
    Column("answer", Text),
    Column("answered_ms", BigInteger),
    Index("ix_refusals_account_at_ms", "account", "at_ms"),
    Index("ix_refusals_task", "task"),
    Index("ix_refusals_at_ms", "at_ms"),
)

# Tasks that may not order before the judge allows it, and pictures that the judge allowed.
unjudged_tasks = Table("unjudged_tasks", metadata, Column("task", UUID, primary_key=True))
allowed_pictures = Table(
    "allowed_pictures",
    metadata,
    Column("attempt", UUID, primary_key=True),
    Column("task", UUID, nullable=False, index=True),
)

# By which bands the perceptual hash of a delivered picture is found; without them it cannot be recognised.
perceptual_hashes = Table(
    "perceptual_hashes",
    metadata,
    Column("blob", String(64), primary_key=True),
    Column("band_1", Integer, index=True),
    Column("band_2", Integer, index=True),
    Column("band_3", Integer, index=True),
    Column("band_4", Integer, index=True),
)

# One row: the perceptual hashes of tasks that ended from `oldest_ms` up to `newest_ms` are indexed.
perceptual_hash_progress = Table(
    "perceptual_hash_progress",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("oldest_ms", BigInteger, nullable=False),
    Column("newest_ms", BigInteger, nullable=False),
)

# What signing added to pictures, and by which key; `layout` goes with the picture.
signed_copies = Table(
    "signed_copies",
    metadata,
    Column("task", UUID, ForeignKey("tasks.id"), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("signing_key", String(64), nullable=False),
    Column("layout", LargeBinary),
    Column("signed_ms", BigInteger, nullable=False),
    Index("ix_signed_copies_signed_ms", "signed_ms"),
)
