"""Through PgBouncer in transaction mode: what works, and what goes to PostgreSQL's own address."""

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from contract.client import client_of
from limner.db.engines.postgres import connect
from limner.db.migrate import migrate
from limner.db.open_store import open_relay, open_store
from limner.db.records import Records
from limner.db.sql import Sql
from limner.db.store import PostgresPool, Store, StoreUnavailable
from limner.db.tables.accounts import Account
from limner.domain.ids import AccountId
from limner.ports.signals import SignalHints
from pgbouncer import NO_PGBOUNCER, PgBouncer, find_pgbouncer, pgbouncer
from postgres import Server
from serving import serving

CONNECTIONS = 4
SERVER_CONNECTIONS = 3
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Pooled:
    """A database with the schema: its own address, and the one of the pooler before it."""

    direct: str
    pooled: str
    pooler: PgBouncer


@pytest.fixture(scope="module")
def pooler(postgres_server: Server) -> Iterator[PgBouncer]:
    program = find_pgbouncer()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_PGBOUNCER)
    with (
        tempfile.TemporaryDirectory(prefix="limner-pgbouncer-") as folder,  # where another user may read
        pgbouncer(program, postgres_server, Path(folder), size=SERVER_CONNECTIONS) as made,
    ):
        yield made


@pytest.fixture
def database(postgres_server: Server, pooler: PgBouncer) -> Iterator[Pooled]:
    with postgres_server.database() as name:
        direct = postgres_server.url(name)
        migrate(direct)
        yield Pooled(direct, pooler.url(name), pooler)


@pytest.fixture
async def store(database: Pooled) -> AsyncIterator[Store]:
    store = open_store(database.pooled, pool=PostgresPool(CONNECTIONS, pooled=True))
    yield store
    await store.close()


def adding(number: int) -> Callable[[Records], int]:
    def work(records: Records) -> int:
        name = f"account {number}"
        records.accounts.add(Account(AccountId(f"id-{number}"), name, f"tag-{number}", 1))
        return len(records.accounts.all())

    return work


def backend(records: Records) -> int:
    """The session of the server that runs this unit of work."""
    return int(records.accounts._db.value(Sql("SELECT pg_backend_pid()"), {}))


async def test_units_of_work_run_in_any_session_of_the_server(store: Store) -> None:
    """Each statement comes far more often than psycopg runs it unprepared, in sessions that change all the time."""
    await asyncio.gather(*(store.run(adding(number)) for number in range(60)))
    sessions = set(await asyncio.gather(*(store.read(backend) for _ in range(60))))

    assert len(await store.read(lambda records: records.accounts.all())) == 60
    assert len(sessions) == SERVER_CONNECTIONS


async def test_what_is_prepared_would_fail(database: Pooled) -> None:
    """The reason for the setting: the same store, not told that the sessions are not its own."""
    store = open_store(database.pooled, pool=PostgresPool(CONNECTIONS))

    with pytest.raises(StoreUnavailable, match="unsupported startup parameter: options"):
        await store.run(adding(1))

    await store.close()


async def test_a_unit_that_need_not_be_synced_leaves_the_session_as_it_was(store: Store) -> None:
    def promise(records: Records) -> str:
        return str(records.accounts._db.value(Sql("SHOW synchronous_commit"), {}))

    unsynced = {await store.run_unsynced(promise) for _ in range(SERVER_CONNECTIONS)}
    synced = {await store.run(promise) for _ in range(2 * SERVER_CONNECTIONS)}

    assert (unsynced, synced) == ({"off"}, {"on"})


async def test_a_database_that_does_not_wait_for_the_disk_is_refused(database: Pooled) -> None:
    with psycopg.connect(database.direct.replace("+psycopg", ""), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    store = open_store(database.pooled, pool=PostgresPool(CONNECTIONS, pooled=True))

    with pytest.raises(StoreUnavailable, match="ALTER DATABASE"):
        await store.run(adding(1))

    await store.close()


async def test_locks_of_lost_hosts_are_warned_of(database: Pooled, store: Store) -> None:
    with capture_logs() as before:
        await store.run(adding(1))
    with psycopg.connect(database.direct.replace("+psycopg", ""), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE \"{name}\" SET idle_in_transaction_session_timeout = '10s'".encode())
    database.pooler.stop()
    database.pooler.start()
    with capture_logs() as after:
        await store.run(adding(2))

    assert [line["event"] for line in before] == ["locks of lost hosts are kept"]
    assert after == []


def test_a_host_that_vanishes_is_noticed(database: Pooled) -> None:
    with connect(database.pooled, pooled=True) as connection, socket.socket(fileno=os.dup(connection.fileno())) as line:
        noticed = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        idle = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    url = f"{database.pooled}?tcp_user_timeout=5000"
    with connect(url, pooled=True) as connection, socket.socket(fileno=os.dup(connection.fileno())) as line:
        chosen = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert (noticed, idle, chosen) == (30_000, 15, 5000)


async def test_units_of_work_go_on_after_a_restart_of_the_pooler(store: Store, database: Pooled) -> None:
    await asyncio.gather(*(store.run(adding(number)) for number in range(CONNECTIONS)))

    database.pooler.stop()
    database.pooler.start()  # in this thread: the pooler ends with the one that started it
    await asyncio.gather(*(store.run(adding(number)) for number in range(CONNECTIONS, 3 * CONNECTIONS)))

    assert len(await store.read(lambda records: records.accounts.all())) == 3 * CONNECTIONS


async def test_hints_need_the_direct_address(database: Pooled) -> None:
    """LISTEN belongs to a session, so PgBouncer gives it to none: hints through it would be lost in silence."""
    received: asyncio.Queue[SignalHints] = asyncio.Queue()
    listening, sending = open_relay(database.direct), open_relay(database.direct)
    listening.start(received.put_nowait)
    try:
        await asyncio.wait_for(received.get(), TIMEOUT_S)  # it listens
        sending.send(SignalHints(work=True))
        hints = await asyncio.wait_for(received.get(), TIMEOUT_S)
    finally:
        await sending.close()
        await listening.close()

    assert hints == SignalHints(work=True)


def test_a_service_works_through_the_pooler(database: Pooled, tmp_path: Path) -> None:
    settings = {
        "database_url": database.pooled,
        "database_direct_url": database.direct,
        "database_connections": str(CONNECTIONS),
    }
    with serving(tmp_path / "data", **settings) as served:
        client = client_of(served)
        tasks = [client.done(prompt=f"a fox {number}")["status"] for number in range(8)]
        ready = client.get("/readyz", auth=False).status
        backup = served.cli("backup", "create", str(tmp_path / "backup"))
        with psycopg.connect(database.direct.replace("+psycopg", "")) as connection:
            counted = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        proved = served.cli("credits", "prove")

    assert (tasks, ready) == (["success"] * 8, 200)
    assert backup["backup"]["database"] == "postgresql"
    assert proved == {"proved": True, "faults": []}
    assert counted
    assert counted[0] <= SERVER_CONNECTIONS + 2  # what the pooler has, LISTEN and NOTIFY
