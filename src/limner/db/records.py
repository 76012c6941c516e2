"""All tables behind one connection.

A unit of work is a plain function of `Records`. It sees one consistent state; all that it writes is committed together
or not at all. It never waits for a network. Times are arguments, in milliseconds since 1970.
"""

from collections.abc import Callable
from typing import TypeVar

from limner.db.sql import Db, Sql
from limner.db.tables.accounts import AccountTable
from limner.db.tables.attempts import AttemptTable
from limner.db.tables.blobs import BlobTable
from limner.db.tables.deliveries import DeliveryTable
from limner.db.tables.events import EventTable
from limner.db.tables.idempotency import IdempotencyTable
from limner.db.tables.keys import KeyTable
from limner.db.tables.lanes import LaneTable
from limner.db.tables.ledger import LedgerTable
from limner.db.tables.library.lineage import LineageTable
from limner.db.tables.library.listing import TaskListQueries
from limner.db.tables.library.marks import TaskMarks
from limner.db.tables.library.prompt_index import PromptIndex
from limner.db.tables.library.templates import TemplateTable
from limner.db.tables.moderation.refusals import ModerationTable
from limner.db.tables.operations.admin_pages import AdminPageQueries
from limner.db.tables.operations.audit_log import AuditLogTable
from limner.db.tables.operations.consistency import ConsistencyQueries
from limner.db.tables.operations.overview import OverviewQueries
from limner.db.tables.operations.route_calls import RouteCallQueries
from limner.db.tables.provenance.perceptual_hashes import PerceptualHashTable
from limner.db.tables.provenance.signed_copies import SignedCopyTable
from limner.db.tables.provider_state import ProviderStateTable
from limner.db.tables.retention import RetentionQueries
from limner.db.tables.studio.account_figures import AccountFigures
from limner.db.tables.studio.sessions import SessionTable
from limner.db.tables.tasks import TaskTable
from limner.db.tables.uploads import UploadTable
from limner.db.tables.webhooks import WebhookTable
from limner.domain.tasks.task import StatusChange

T = TypeVar("T")

_UNSYNCED = Sql("""
    SELECT set_config('synchronous_commit',
        CASE WHEN current_setting('synchronous_standby_names') = '' THEN 'off'
            ELSE current_setting('synchronous_commit') END, true)
""")


class Records:
    """Every table, within one unit of work. Made once per connection."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self.accounts = AccountTable(db)
        self.keys = KeyTable(db)
        self.sessions = SessionTable(db)
        self.account_figures = AccountFigures(db)
        self.ledger = LedgerTable(db)
        self.tasks = TaskTable(db)
        self.attempts = AttemptTable(db)
        self.provider_state = ProviderStateTable(db)
        self.uploads = UploadTable(db)
        self.blobs = BlobTable(db)
        self.signed_copies = SignedCopyTable(db)
        self.perceptual_hashes = PerceptualHashTable(db)
        self.moderation = ModerationTable(db)
        self.events = EventTable(db)
        self.idempotency = IdempotencyTable(db)
        self.retention = RetentionQueries(db)
        self.webhooks = WebhookTable(db)
        self.deliveries = DeliveryTable(db)
        self.lanes = LaneTable(db)
        self.audit_log = AuditLogTable(db)
        self.prompt_index = PromptIndex(db)
        self.lineage = LineageTable(db)
        self.task_marks = TaskMarks(db)
        self.templates = TemplateTable(db)
        self.task_lists = TaskListQueries(db)
        self.consistency = ConsistencyQueries(db)
        self.overview = OverviewQueries(db)
        self.admin_pages = AdminPageQueries(db)
        self.route_calls = RouteCallQueries(db)

    def shared_now_ms(self, local_ms: int) -> int:
        """The time by which leases begin and end: the database's on PostgreSQL, `local_ms` on SQLite."""
        return self._db.shared_now_ms(local_ms)

    def flush(self) -> None:
        """Send what was put off: the unit of work is about to be committed."""
        self._db.flush()

    def discard(self) -> None:
        """Forget what was put off: the unit of work was rolled back."""
        self._db.discard()

    def commit_unsynced(self) -> None:
        """Let PostgreSQL commit this unit of work without waiting for the disk.

        It waits where a standby has to confirm commits: a failover would undo more than a crash does.
        """
        self._db.value(_UNSYNCED, {})

    def analyze(self) -> None:
        """Let the database count what it has, after very many rows were written at once."""
        self._db.run(Sql("ANALYZE"))


def with_changes(work: Callable[[Records], T]) -> Callable[[Records], tuple[T, tuple[StatusChange, ...]]]:
    """The same unit of work, which also returns the changes of tasks that it wrote."""

    def recording(records: Records) -> tuple[T, tuple[StatusChange, ...]]:
        written = records.events.written
        written.clear()
        return work(records), tuple(written)

    return recording
