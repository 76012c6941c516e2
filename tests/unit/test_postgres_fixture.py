import psycopg

from postgres import OWNER, Server


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))


def test_the_server_is_one_that_limner_supports(postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        version = connection.info.server_version
        durable = connection.execute("SELECT current_setting('fsync')").fetchone()

    assert version >= 15_00_00
    assert durable == ("on",)


def test_a_fresh_database_is_empty_and_utf8(postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        encoding = connection.execute("SHOW server_encoding").fetchone()

    assert tables == []
    assert encoding == ("UTF8",)


def test_a_database_is_dropped_although_somebody_is_connected(postgres_server: Server) -> None:
    with postgres_server.database() as name:
        left_open = connect(postgres_server.url(name))

    with postgres_server.connect("postgres") as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname = %s", [name]).fetchall()

    left_open.close()
    assert left == []


def test_a_database_can_be_copied_from_another(postgres_server: Server) -> None:
    with postgres_server.database() as original:
        with connect(postgres_server.url(original)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        with postgres_server.database(template=original) as copy, connect(postgres_server.url(copy)) as connection:
            row = connection.execute("SELECT n FROM kept").fetchone()
            owner = connection.execute("SELECT current_user").fetchone()

    assert row == (7,)
    assert owner == (OWNER,)
