"""All tables behind one connection."""

from limner.db.sql import Db
from limner.db.tables.accounts import SqlAccounts, SqlKeys
from limner.db.tables.attempts import SqlAttempts
from limner.db.tables.audit_log import SqlActs
from limner.db.tables.consistency import SqlAudit
from limner.db.tables.events import SqlEvents, SqlIdempotency
from limner.db.tables.ledger import SqlLedger
from limner.db.tables.provider_state import SqlUpstreams
from limner.db.tables.retention import SqlRetention
from limner.db.tables.tasks import SqlTasks
from limner.db.tables.uploads import SqlBlobs, SqlUploads
from limner.db.tables.webhooks import SqlDeliveries, SqlWebhooks


class SqlRecords:
    """`limner.ports.records.Records` over plain SQL. Made once per connection: it holds no state of its own."""

    def __init__(self, db: Db) -> None:
        self.accounts = SqlAccounts(db)
        self.keys = SqlKeys(db)
        self.ledger = SqlLedger(db)
        self.tasks = SqlTasks(db)
        self.attempts = SqlAttempts(db)
        self.upstreams = SqlUpstreams(db)
        self.uploads = SqlUploads(db)
        self.blobs = SqlBlobs(db)
        self.events = SqlEvents(db)
        self.idempotency = SqlIdempotency(db)
        self.retention = SqlRetention(db)
        self.webhooks = SqlWebhooks(db)
        self.deliveries = SqlDeliveries(db)
        self.acts = SqlActs(db)
        self.audit = SqlAudit(db)
