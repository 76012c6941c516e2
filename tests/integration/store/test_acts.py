"""The audit log: every act of an operator, in the unit of work that did it."""

import re
from pathlib import Path
from typing import Any

import pytest

import limner
from integration.store.retention_steps import account_eraser, eraser, run_task
from limner.db.records import Records
from limner.db.tables.operations.audit_log import AuditEntry
from limner.domain.accounts.key_limits import KeyLimits
from limner.domain.refusal import Refusal
from limner.providers.sandbox import card
from stores import ServiceHarness

SOURCES = Path(limner.__file__).parent


async def acts(service: ServiceHarness, since_ms: int = 0, limit: int = 100) -> list[AuditEntry]:
    return list(await service.store.read(lambda records: records.audit_log.since(since_ms, limit)))


async def entries(service: ServiceHarness) -> list[tuple[str, str, dict[str, Any]]]:
    return [(each.act, each.subject, dict(each.details)) for each in await acts(service)]


async def test_what_an_operator_does_is_reported_in_its_order(service: ServiceHarness) -> None:
    account = await service.accounts.create("ada", 50, tasks=3)
    made = await service.accounts.create_key("ada", "laptop", ("read",), KeyLimits(tasks=2), expires_ms=9)
    await service.accounts.limit_key(made.key.id, {"tasks": None})
    await service.accounts.limit("ada", 7)
    await service.accounts.grant("ada", -20, "a secret reason")
    await service.accounts.revoke_key(made.key.id)

    assert await entries(service) == [
        ("account.create", account.id, {"credits": 50, "tasks": 3}),
        ("key.create", made.key.id, {"account": account.id, "scopes": ["read"], "tasks": 2, "expires_ms": 9}),
        ("key.limit", made.key.id, {"from": {"tasks": 2, "expires_ms": 9}, "to": {"expires_ms": 9}}),
        ("account.limit", account.id, {"tasks": 7}),
        ("credits.grant", account.id, {"credits": -20}),
        ("key.revoke", made.key.id, {}),
    ]


async def test_an_act_says_who_did_it_and_when(service: ServiceHarness) -> None:
    await service.accounts.create("ada")

    [act] = await acts(service)
    assert (act.actor, act.at_ms) == (service.accounts.actor, service.clock.ms)


async def test_nothing_secret_and_nothing_that_could_have_to_be_erased_is_in_it(service: ServiceHarness) -> None:
    await service.accounts.create("ada-lovelace", 5)
    made = await service.accounts.create_key("ada-lovelace", "laptop of ada", ("read",))
    await service.accounts.grant("ada-lovelace", 5, "invoice of ada")

    rows = str(await service.query("SELECT * FROM audit"))
    assert made.key.id in rows
    assert not re.search("lovelace|laptop|invoice|tsk_", rows)
    assert made.secret not in rows


async def test_what_was_refused_was_no_act(service: ServiceHarness) -> None:
    await service.accounts.create("ada", 5)
    with pytest.raises(Refusal):
        await service.accounts.grant("ada", -6, None)
    with pytest.raises(Refusal):
        await service.accounts.create("ada")
    await service.accounts.revoke_key((await service.open_account("eve")).id)
    await service.accounts.revoke_key((await service.open_account("bob")).id)
    count = len(await acts(service))
    twice = await service.accounts.revoke_key((await service.open_account("zoe")).id)

    assert twice
    assert [act for act, *_ in await entries(service)].count("account.create") == 4
    assert len(await acts(service)) == count + 3


async def test_an_erasure_is_an_act_though_nothing_of_what_was_erased_is_in_it(service: ServiceHarness) -> None:
    key = await service.open_account("ada-lovelace")
    task = await run_task(service, key, card("a fox"), prompt="a secret fox")
    await eraser(service)(None, task, "ada-lovelace")
    await eraser(service)(None, task, "ada-lovelace")
    await account_eraser(service)("ada-lovelace", "ada-lovelace")

    assert [each for each in await entries(service) if each[0].endswith("erase")] == [
        ("task.erase", task, {"files": 1, "bytes": len(card("a fox"))}),
        ("account.erase", key.account, {"tasks": 0}),
    ]
    assert not re.search("lovelace|secret", str(await service.query("SELECT * FROM audit")))


async def test_an_act_that_is_undone_is_not_reported(service: ServiceHarness) -> None:
    def undone(records: Records) -> None:
        records.audit_log.add("somebody", "account.create", "x", {}, 1)
        raise LookupError

    with pytest.raises(LookupError):
        await service.store.run(undone)

    assert await acts(service) == []


async def test_the_newest_are_shown_and_the_oldest_of_them_come_first(service: ServiceHarness) -> None:
    for n in range(5):
        service.clock.ms += 1000
        await service.accounts.create(f"account-{n}")

    everything = await acts(service)
    assert [each.number for each in everything] == sorted(each.number for each in everything)
    assert await acts(service, limit=2) == everything[3:]
    assert await acts(service, since_ms=service.clock.ms - 2000) == everything[2:]


def test_no_statement_of_ours_changes_or_removes_what_stands_in_it() -> None:
    statement = re.compile(r"(?i)\b(update|delete\s+from|truncate|drop\s+table)\s+audit\b")
    touching = [str(path) for path in SOURCES.rglob("*.py") if statement.search(path.read_text())]

    assert statement.search("DELETE FROM audit WHERE id = 1")
    assert touching == []
