"""All tables behind one connection."""

from limner.db.accounts import SqlAccounts, SqlKeys
from limner.db.attempts import SqlAttempts
from limner.db.events import SqlEvents, SqlIdempotency
from limner.db.files import SqlBlobs, SqlUploads
from limner.db.ledger import SqlLedger
from limner.db.sql import Db
from limner.db.tasks import SqlTasks


class SqlRecords:
    """`limner.ports.records.Records` over plain SQL. Made once per connection: it holds no state of its own."""

    def __init__(self, db: Db) -> None:
        self.accounts = SqlAccounts(db)
        self.keys = SqlKeys(db)
        self.ledger = SqlLedger(db)
        self.tasks = SqlTasks(db)
        self.attempts = SqlAttempts(db)
        self.uploads = SqlUploads(db)
        self.blobs = SqlBlobs(db)
        self.events = SqlEvents(db)
        self.idempotency = SqlIdempotency(db)
