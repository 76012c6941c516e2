"""The audit log: every act of an operator, in the unit of work that did it."""

import re
from pathlib import Path
from typing import Any

import pytest

import limner
from integration.store.keeping import account_eraser, done, eraser
from limner.db.records import Records
from limner.db.tables.audit_log import AuditEntry
from limner.domain.accounts.key_limits import KeyLimits
from limner.domain.refusal import Refusal
from limner.providers.sandbox import card
from stores import House

SOURCES = Path(limner.__file__).parent


async def acts(house: House, since_ms: int = 0, limit: int = 100) -> list[AuditEntry]:
    return list(await house.store.read(lambda records: records.audit_log.since(since_ms, limit)))


async def told(house: House) -> list[tuple[str, str, dict[str, Any]]]:
    return [(each.act, each.subject, dict(each.details)) for each in await acts(house)]


async def test_what_an_operator_does_is_told_in_its_order(house: House) -> None:
    account = await house.accounts.create("ada", 50, tasks=3)
    made = await house.accounts.create_key("ada", "laptop", ("read",), KeyLimits(tasks=2), expires_ms=9)
    await house.accounts.limit_key(made.key.id, {"tasks": None})
    await house.accounts.limit("ada", 7)
    await house.accounts.grant("ada", -20, "a secret reason")
    await house.accounts.revoke_key(made.key.id)

    assert await told(house) == [
        ("account.create", account.id, {"credits": 50, "tasks": 3}),
        ("key.create", made.key.id, {"account": account.id, "scopes": ["read"], "tasks": 2, "expires_ms": 9}),
        ("key.limit", made.key.id, {"from": {"tasks": 2, "expires_ms": 9}, "to": {"expires_ms": 9}}),
        ("account.limit", account.id, {"tasks": 7}),
        ("credits.grant", account.id, {"credits": -20}),
        ("key.revoke", made.key.id, {}),
    ]


async def test_an_act_says_who_did_it_and_when(house: House) -> None:
    await house.accounts.create("ada")

    [act] = await acts(house)
    assert (act.actor, act.at_ms) == (house.accounts.actor, house.clock.ms)


async def test_nothing_secret_and_nothing_that_could_have_to_be_erased_is_in_it(house: House) -> None:
    await house.accounts.create("ada-lovelace", 5)
    made = await house.accounts.create_key("ada-lovelace", "laptop of ada", ("read",))
    await house.accounts.grant("ada-lovelace", 5, "invoice of ada")

    rows = str(await house.look("SELECT * FROM audit"))
    assert made.key.id in rows
    assert not re.search("lovelace|laptop|invoice|tsk_", rows)
    assert made.secret not in rows


async def test_what_was_refused_was_no_act(house: House) -> None:
    await house.accounts.create("ada", 5)
    with pytest.raises(Refusal):
        await house.accounts.grant("ada", -6, None)
    with pytest.raises(Refusal):
        await house.accounts.create("ada")
    await house.accounts.revoke_key((await house.opens("eve")).id)
    await house.accounts.revoke_key((await house.opens("bob")).id)
    count = len(await acts(house))
    twice = await house.accounts.revoke_key((await house.opens("zoe")).id)

    assert twice
    assert [act for act, *_ in await told(house)].count("account.create") == 4
    assert len(await acts(house)) == count + 3


async def test_an_erasure_is_an_act_though_nothing_of_what_was_erased_is_in_it(house: House) -> None:
    key = await house.opens("ada-lovelace")
    task = await done(house, key, card("a fox"), prompt="a secret fox")
    await eraser(house)(None, task, "ada-lovelace")
    await eraser(house)(None, task, "ada-lovelace")
    await account_eraser(house)("ada-lovelace", "ada-lovelace")

    assert [each for each in await told(house) if each[0].endswith("erase")] == [
        ("task.erase", task, {"files": 1, "bytes": len(card("a fox"))}),
        ("account.erase", key.account, {"tasks": 0}),
    ]
    assert not re.search("lovelace|secret", str(await house.look("SELECT * FROM audit")))


async def test_an_act_that_is_undone_is_not_told(house: House) -> None:
    def undone(records: Records) -> None:
        records.audit_log.add("somebody", "account.create", "x", {}, 1)
        raise LookupError

    with pytest.raises(LookupError):
        await house.store.run(undone)

    assert await acts(house) == []


async def test_the_newest_are_shown_and_the_oldest_of_them_come_first(house: House) -> None:
    for n in range(5):
        house.clock.ms += 1000
        await house.accounts.create(f"account-{n}")

    everything = await acts(house)
    assert [each.number for each in everything] == sorted(each.number for each in everything)
    assert await acts(house, limit=2) == everything[3:]
    assert await acts(house, since_ms=house.clock.ms - 2000) == everything[2:]


def test_no_statement_of_ours_changes_or_removes_what_stands_in_it() -> None:
    statement = re.compile(r"(?i)\b(update|delete\s+from|truncate|drop\s+table)\s+audit\b")
    touching = [str(path) for path in SOURCES.rglob("*.py") if statement.search(path.read_text())]

    assert statement.search("DELETE FROM audit WHERE id = 1")
    assert touching == []
