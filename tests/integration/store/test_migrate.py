"""Bringing a database up to date: two ways to one schema, once, whole, and never backwards."""

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Index, Table

import limner.db
from limner.db import migrate as migrating
from limner.db import schema
from limner.db.engines.postgres import EncodingUnfit
from limner.db.migrate import HEAD, SchemaTooNew, current_mark, migrate, open_engine, rehearse, upgrade
from limner.db.new_database import create, file_of
from limner.db.open_store import DatabaseUrlUnknown
from limner.db.sql import Sql
from limner.db.tables.library.listing import TaskListQueries
from limner.domain.ids import AccountId
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.search import search_terms
from postgres import Server
from project_scripts import load_script
from stores import raw_database

SQLITE_SHAPE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
POSTGRES_SHAPE = (
    """
    SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'
    """,
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    """,
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
)
SEEDED = ("SELECT * FROM queue_clock", "SELECT * FROM alembic_version")

NewUrl = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewUrl]:
    """Give URLs of empty databases."""
    if request.param == "sqlite":
        numbers = iter(range(100))
        yield lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}"
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as one, server.database() as other:
        names = iter((one, other))
        yield lambda: server.url(next(names))


def migrated(url: str) -> str:
    migrate(url)
    return url


def upgraded(url: str, revision: str = "head") -> str:
    engine = open_engine(url)
    with engine.begin() as conn:
        upgrade(conn, revision)
    engine.dispose()
    return url


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with raw_database(url) as db:
        return sorted(db.all(Sql(query)), key=str)


def shape(url: str) -> list[Any]:
    """All that the database says of its own structure, and what stands in it from the start."""
    queries = (SQLITE_SHAPE,) if url.startswith("sqlite") else POSTGRES_SHAPE
    return [[_plain(row) for row in rows(url, query)] for query in (*queries, *SEEDED)]


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_words(cell) if isinstance(cell, str) else cell for cell in row)


def _words(cell: str) -> str:
    """Spaces, and the order in which a table's rules are told, mean nothing."""
    columns, *rules = re.split(r",\s+(?=CONSTRAINT)", " ".join(cell.split()).removesuffix(" )"))
    return ", ".join([columns, *sorted(rules)])


def differences(url: str) -> list[Any]:
    engine = open_engine(url)
    with engine.connect() as conn:
        opts = {"compare_type": True, "compare_server_default": True, "include_object": _is_ours}
        context = MigrationContext.configure(conn, opts=opts)
        found: list[Any] = compare_metadata(context, schema.metadata)
    engine.dispose()
    return found


def _is_ours(_object: Any, name: str, *_: Any) -> bool:
    """Whether both databases have it: the index of prompts is another on each, and no table of the code."""
    return not name.startswith(("prompt_index", "ix_prompt_words_words"))


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_statements_of_a_new_database_are_those_of_the_schema(database: str) -> None:
    written = load_script("write_schema").schema_of(database)

    assert file_of(database).read_text() == written, "run `python scripts/write_schema.py`"


def test_a_first_start_imports_no_sqlalchemy(tmp_path: Path) -> None:
    program = f"import sys; from limner.db.migrate import migrate; migrate('sqlite:///{tmp_path}/limner.db'); "
    program += "print('sqlalchemy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == "False\n"


def test_an_empty_database_is_created_once(new_url: NewUrl) -> None:
    url = new_url()

    assert current_mark(url) is None
    assert (migrate(url), migrate(url)) == ("created", "current")
    assert current_mark(url) == HEAD


def test_creating_and_upgrading_come_to_the_same(new_url: NewUrl) -> None:
    created, stepwise = shape(migrated(new_url())), shape(upgraded(new_url()))

    assert created == stepwise
    assert "ck_ledger_leg_known" in str(created)
    assert created[0]


@pytest.mark.parametrize("way", [migrated, upgraded])
def test_the_database_is_what_the_tables_in_the_code_say(new_url: NewUrl, way: Callable[[str], str]) -> None:
    assert differences(way(new_url())) == []


def test_a_missing_index_would_be_found(new_url: NewUrl) -> None:
    url = migrated(new_url())
    with raw_database(url) as db:
        db.run(Sql("DROP INDEX ix_tasks_queue"))

    assert [change[0] for change in differences(url)] == ["add_index"]


def is_partial(index: Index) -> bool:
    return index.dialect_options["sqlite"]["where"] is not None


def is_numbered(table: Table) -> bool:
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def test_every_rule_of_the_tables_is_in_the_database(new_url: NewUrl) -> None:
    """Autogenerate compares no CHECKs and no conditions of indexes: their text must be there, word for word."""
    text = str(shape(migrated(new_url())))
    named = {constraint.name for table in schema.metadata.tables.values() for constraint in table.constraints}
    partial = [index.name for table in schema.metadata.tables.values() for index in table.indexes]
    if "AUTOINCREMENT" in text:  # a key that SQLite numbers by itself has no name there
        named -= {f"pk_{name}" for name, table in schema.metadata.tables.items() if is_numbered(table)}

    assert len(named) > 20
    assert [name for name in named if name and str(name) not in text] == []
    assert [name for name in partial if name not in text] == []
    conditions = [index for table in schema.metadata.tables.values() for index in table.indexes if is_partial(index)]
    assert text.count("WHERE") == len(conditions)


def test_head_is_the_newest_migration_and_there_is_one_line_of_them() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(limner.db.__file__).with_name("migrations")))
    scripts = ScriptDirectory.from_config(config)

    assert scripts.get_heads() == [HEAD]
    assert {script.revision.partition(".")[0] for script in scripts.walk_revisions()} == migrating._known_numbers()


def test_an_older_database_is_upgraded(new_url: NewUrl) -> None:
    """There is one migration so far: a database that has run none, and is not empty, stands for an older one."""
    url = new_url()
    with raw_database(url) as db:
        db.run(Sql("CREATE TABLE somebody_else_s (n INTEGER)"))

    assert migrate(url) == "upgraded"
    assert current_mark(url) == HEAD


def test_waiting_deliveries_of_an_older_database_have_due_lanes_after_the_upgrade(new_url: NewUrl) -> None:
    url = new_url()
    upgraded(url, "0001")
    account, webhook, idle, open_ = (str(uuid.UUID(int=number)) for number in (1, 2, 3, 4))
    with raw_database(url) as db:
        db.run(Sql("INSERT INTO accounts (id, name, tag, created_ms) VALUES (:id, 'a', 't', 1)"), {"id": account})
        db.run(
            Sql(
                "INSERT INTO webhooks (id, account, events, description, created_ms) VALUES (:id, :account, '', '', 1)"
            ),
            {"id": webhook, "account": account},
        )
        db.run(Sql("INSERT INTO lanes (id, open_until_ms) VALUES (:id, 900)"), {"id": open_})
        for number, (lane, state, due_ms) in enumerate(
            [(idle, "pending", 20), (idle, "pending", 10), (open_, "pending", 30), (webhook, "delivered", 40)]
        ):
            db.run(
                Sql("""
                    INSERT INTO deliveries (id, webhook, account, lane, event, state, due_ms, until_ms, created_ms)
                    VALUES (:id, :webhook, :account, :lane, 'webhook.test', :state, :due_ms, 99, 1)
                """),
                {"id": f"msg_{number}", "webhook": webhook, "account": account, "lane": lane, "state": state}
                | {"due_ms": due_ms},
            )

    assert migrate(url) == "upgraded"

    assert rows(url, "SELECT id, account, due_ms FROM lanes") == [(idle, account, 10), (open_, account, 900)]


def test_a_rehearsed_upgrade_names_the_migrations_and_leaves_no_trace(new_url: NewUrl) -> None:
    url = new_url()
    upgraded(url, "0004")
    before = shape(url)

    mark, missing = rehearse(url)

    assert mark == "0004"
    assert (missing[0], missing[-1]) == ("0005", HEAD.partition(".")[0])
    assert shape(url) == before
    assert migrate(url) == "upgraded"
    assert rehearse(url) == (HEAD, ())


def test_a_database_from_the_future_is_refused_untouched(new_url: NewUrl) -> None:
    url = migrated(new_url())
    with raw_database(url) as db:
        db.run(Sql("UPDATE alembic_version SET version_num = '9999'"))
    before = shape(url)

    with pytest.raises(SchemaTooNew) as refused:
        migrate(url)

    assert str(refused.value) == (
        f"the database has schema 9999, this Limner supports {HEAD} at most: install a newer Limner"
    )
    assert shape(url) == before


@pytest.mark.parametrize("mark", [f"9999.{int(HEAD[:4]) + 1:04}", "9999."])
def test_so_is_one_whose_later_migrations_leave_out_this_version(new_url: NewUrl, mark: str) -> None:
    url = marked(new_url(), mark)

    for way in (migrate, rehearse):
        with pytest.raises(SchemaTooNew):
            way(url)


@pytest.mark.parametrize("oldest", [HEAD[:4], "0001"])
def test_one_whose_later_migrations_only_add_is_used_as_it_is(new_url: NewUrl, oldest: str) -> None:
    url = marked(new_url(), f"9999.{oldest}")
    before = shape(url)

    assert migrate(url) == "newer"
    assert rehearse(url) == (f"9999.{oldest}", ())
    assert shape(url) == before


def marked(url: str, mark: str) -> str:
    """A database that a later Limner says it has migrated."""
    with raw_database(migrated(url)) as db:
        db.run(Sql("UPDATE alembic_version SET version_num = :mark"), {"mark": mark})
    return url


def test_many_processes_may_start_on_one_empty_database(new_url: NewUrl) -> None:
    url = new_url()

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(migrate, [url] * 8))

    assert sorted(outcomes) == ["created"] + ["current"] * 7


def test_a_start_that_dies_half_way_leaves_nothing_behind(new_url: NewUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    url = new_url()

    def create_and_die(run: Callable[[str], Any], database: str) -> None:
        create(run, database)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrating, "create", create_and_die)
        with pytest.raises(KeyboardInterrupt):
            migrate(url)

    assert migrate(url) == "created"


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(DatabaseUrlUnknown, match="no database of kind 'mysql'"):
        migrate("mysql://somewhere")


def test_prompts_of_an_older_database_are_found_after_the_upgrade(new_url: NewUrl) -> None:
    url = new_url()
    upgraded(url, "0004")
    account, drawn, erased, views = (str(uuid.UUID(int=number)) for number in range(1, 5))
    orders = {
        drawn: '{"prompt": "a red fox", "template": "figure"}',
        erased: "{}",
        views: '{"prompt": "", "views": [{"part": "front", "prompt": "Front. A green fox", "wish": "a green fox"}]}',
    }
    with raw_database(url) as db:
        db.run(Sql("INSERT INTO accounts (id, name, tag, created_ms) VALUES (:id, 'a', 't', 1)"), {"id": account})
        for number, (task, order) in enumerate(orders.items()):
            db.run(
                Sql("""
                    INSERT INTO tasks (id, account, type, bucket, status, model, echo, task_order, price, priority,
                                       place, created_ms, queue_deadline_ms, run_limit_ms)
                    VALUES (:id, :account, 'generate_image', 'image', 'failed', 'm', '{}', :task_order, 5, 1, 0, :ms, 1,
                            1)
                """),
                {"id": task, "account": account, "task_order": order, "ms": number},
            )
        db.run(Sql("INSERT INTO erasures VALUES (:id, :account, 'me', 0, 0, 0, 1)"), {"id": erased, "account": account})

    assert migrate(url) == "upgraded"

    with raw_database(url) as db:
        lists = TaskListQueries(db)
        listed = {
            (search, template): [
                task.id
                for task in lists.page(
                    AccountId(account), TaskFilter(search=search_terms(search), template=template), None, 10
                ).tasks
            ]
            for search in ("", "fox", "front", "red")
            for template in (None, "figure")
        }
    assert listed == {
        ("", None): [views, drawn],
        ("", "figure"): [drawn],
        ("fox", None): [views, drawn],
        ("fox", "figure"): [drawn],
        ("front", None): [],
        ("front", "figure"): [],
        ("red", None): [drawn],
        ("red", "figure"): [drawn],
    }


def test_budgets_know_what_an_older_database_spent_in_their_periods(new_url: NewUrl) -> None:
    url, now_ms = new_url(), int(time.time() * 1000)
    upgraded(url, "0005")
    account, key = (str(uuid.UUID(int=number)) for number in (1, 2))
    with raw_database(url) as db:
        db.run(Sql("INSERT INTO accounts (id, name, tag, created_ms) VALUES (:id, 'a', 't', 1)"), {"id": account})
        db.run(
            Sql("""
                INSERT INTO api_keys (id, account, name, hint, digest, scopes, created_ms)
                VALUES (:id, :account, 'k', 'h', :digest, '', 1)
            """),
            {"id": key, "account": account, "digest": bytes(32)},
        )
        for number, (status, consumed, created_ms) in enumerate(
            [("success", 3, now_ms), ("failed", 0, now_ms), ("queued", 0, now_ms), ("success", 10, 1)]
        ):
            db.run(
                Sql("""
                    INSERT INTO tasks (id, account, api_key, type, bucket, status, model, echo, task_order, price,
                                       consumed, priority, place, created_ms, queue_deadline_ms, run_limit_ms)
                    VALUES (:id, :account, :key, 'text_to_image', 'image', :status, 'm', '{}', '{}', 10, :consumed,
                            1, 1, :created_ms, 1, 1)
                """),
                {"id": str(uuid.UUID(int=number)), "account": account, "key": key, "status": status}
                | {"consumed": consumed, "created_ms": created_ms},
            )

    assert migrate(url) == "upgraded"

    assert rows(url, "SELECT spent_on_day, spent_in_month FROM accounts") == [(13, 13)]
    assert rows(url, "SELECT spent_in_month FROM api_keys") == [(13,)]


def test_a_database_that_does_not_hold_every_text_is_refused_with_what_to_write(postgres_server: Server) -> None:
    postgres_server.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        with pytest.raises(EncodingUnfit, match=r"encoding SQL_ASCII, .*CREATE DATABASE limner ENCODING 'UTF8'"):
            migrate(postgres_server.url("ascii"))
    finally:
        postgres_server.execute("DROP DATABASE ascii WITH (FORCE)")
