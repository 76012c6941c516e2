"""All tables behind one connection."""

from sqlalchemy import Connection

from limner.db.accounts import SqlAccounts, SqlKeys
from limner.db.attempts import SqlAttempts
from limner.db.events import SqlEvents, SqlIdempotency
from limner.db.files import SqlBlobs, SqlUploads
from limner.db.ledger import SqlLedger
from limner.db.tasks import SqlTasks


class SqlRecords:
    """`limner.ports.records.Records` over SQLAlchemy Core. Made once per connection: it holds no state of its own."""

    def __init__(self, conn: Connection) -> None:
        self.accounts = SqlAccounts(conn)
        self.keys = SqlKeys(conn)
        self.ledger = SqlLedger(conn)
        self.tasks = SqlTasks(conn)
        self.attempts = SqlAttempts(conn)
        self.uploads = SqlUploads(conn)
        self.blobs = SqlBlobs(conn)
        self.events = SqlEvents(conn)
        self.idempotency = SqlIdempotency(conn)
