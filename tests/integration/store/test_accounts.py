"""Accounts, their keys, their credits and their limits."""

import asyncio

import pytest

from limner.db.records import Records
from limner.db.tables.accounts import Account
from limner.domain.accounts.credits import Balance
from limner.domain.ids import AccountId, KeyId
from limner.domain.refusal import Code, Refusal
from stores import ServiceHarness


async def test_an_account_is_found_by_its_id_by_its_name_and_by_its_tag(service: ServiceHarness) -> None:
    made = await service.accounts.create("ada")

    by_id = await service.store.read(lambda records: records.accounts.get(made.id))
    by_name = await service.store.read(lambda records: records.accounts.by_name("ada"))
    by_tag = await service.store.read(lambda records: records.accounts.by_tag(made.tag))
    assert by_id == by_name == by_tag == made


async def test_what_is_not_there_is_none(service: ServiceHarness) -> None:
    def look(records: Records) -> tuple[object, ...]:
        return (
            records.accounts.get(AccountId("nobody")),
            records.accounts.by_name("nobody"),
            records.accounts.by_tag("nobody"),
            records.keys.by_digest(b"nothing"),
        )

    assert await service.store.read(look) == (None, None, None, None)


async def test_accounts_are_listed_by_name(service: ServiceHarness) -> None:
    for name in ("eve", "ada", "bob"):
        await service.accounts.create(name)

    listed = await service.store.read(lambda records: records.accounts.all())
    assert [each.name for each in listed] == ["ada", "bob", "eve"]


async def test_two_accounts_cannot_share_a_name(service: ServiceHarness) -> None:
    await service.accounts.create("ada", 10)

    with pytest.raises(Refusal) as refused:
        await service.accounts.create("ada", 10)

    assert refused.value.field == "name"
    assert len(await service.query("SELECT id FROM accounts")) == 1
    assert len(await service.query("SELECT id FROM ledger")) == 1


async def test_a_name_that_two_ask_for_at_once_goes_to_one_and_the_other_is_refused(service: ServiceHarness) -> None:
    outcomes = await asyncio.gather(*(service.accounts.create("ada") for _ in range(4)), return_exceptions=True)

    refused = [each for each in outcomes if isinstance(each, Refusal)]
    assert len(refused) == 3
    assert [each.name for each in outcomes if isinstance(each, Account)] == ["ada"]


async def test_of_many_first_starts_at_once_one_makes_the_first_account_and_its_key(service: ServiceHarness) -> None:
    starts = (service.accounts.create_first("local", 100, "first key", ("generate",)) for _ in range(4))
    created = [each for each in await asyncio.gather(*starts) if each]
    later = await service.accounts.create_first("another", 100, "first key", ("generate",))

    [(account, key)] = created
    assert later is None
    assert await service.store.read(lambda records: records.accounts.all()) == [account]
    assert await service.store.read(lambda records: records.keys.of(account.id)) == [key.key]
    assert await service.balance(key.key) == Balance(100, 0)


async def test_credits_that_two_take_back_at_once_are_taken_once(service: ServiceHarness) -> None:
    await service.accounts.create("ada", 100)

    taking = (service.accounts.grant("ada", -60, None) for _ in range(4))
    outcomes = await asyncio.gather(*taking, return_exceptions=True)

    assert [each for each in outcomes if not isinstance(each, Refusal)] == [Balance(40, 0)]
    assert await service.ledger_faults() == []


async def test_opening_credits_are_a_grant_in_the_ledger(service: ServiceHarness) -> None:
    key = await service.open_account(opening=250)

    rows = await service.store.read(lambda records: records.ledger.of(key.account, 10))
    assert [(row.movement, row.available, row.frozen, row.note) for row in rows] == [
        ("grant", 250, 0, "opening credits")
    ]
    assert await service.balance(key) == Balance(250, 0)
    assert await service.ledger_faults() == []


async def test_ledger_rows_are_read_from_the_newest(service: ServiceHarness) -> None:
    key = await service.open_account(opening=1)
    for amount in (2, 3, 4):
        await service.accounts.grant("ada", amount, None)

    rows = await service.store.read(lambda records: records.ledger.of(key.account, 2))
    assert [row.available for row in rows] == [4, 3]


async def test_credits_can_be_taken_back_down_to_zero_and_no_further(service: ServiceHarness) -> None:
    key = await service.open_account(opening=30)

    has = await service.accounts.grant("ada", -30, "mistake")
    with pytest.raises(Refusal) as refused:
        await service.accounts.grant("ada", -1, "too much")

    assert has == Balance(0, 0)
    assert refused.value.field == "amount"
    assert await service.balance(key) == Balance(0, 0)
    assert await service.ledger_faults() == []


async def test_many_grants_at_once_all_arrive(service: ServiceHarness) -> None:
    key = await service.open_account(opening=0)

    await asyncio.gather(*(service.accounts.grant("ada", amount, None) for amount in range(1, 31)))

    assert await service.balance(key) == Balance(sum(range(1, 31)), 0)
    assert await service.ledger_faults() == []


async def test_a_key_is_found_by_its_digest_alone_and_knows_its_account(service: ServiceHarness) -> None:
    account = await service.accounts.create("ada")
    made = await service.accounts.create_key("ada", "laptop", ("generate", "read"))

    found = await service.store.read(lambda records: records.keys.by_digest(service.accounts.digest(made.secret)))
    assert found == made.key
    assert (found.account, found.account_tag, found.scopes) == (account.id, account.tag, ("generate", "read"))


async def test_the_secret_of_a_key_is_nowhere_in_the_database(service: ServiceHarness) -> None:
    await service.accounts.create("ada")
    made = await service.accounts.create_key("ada", "laptop", ("read",))

    [row] = await service.query("SELECT * FROM api_keys")
    assert made.secret not in str(row)
    assert made.secret.startswith(made.key.hint)


async def test_keys_are_listed_for_their_account_only(service: ServiceHarness) -> None:
    await service.open_account("ada")
    eve = await service.open_account("eve")

    listed = await service.store.read(lambda records: records.keys.of(eve.account))
    assert list(listed) == [eve]


async def test_a_key_is_revoked_once(service: ServiceHarness) -> None:
    key = await service.open_account()

    first, second = await service.accounts.revoke_key(key.id), await service.accounts.revoke_key(key.id)
    unknown = await service.accounts.revoke_key(KeyId("none"))

    assert (first, second, unknown) == (True, False, False)
    [listed] = await service.store.read(lambda records: records.keys.of(key.account))
    assert listed.revoked_ms == service.clock.now_ms()


async def test_an_account_gets_as_many_slots_as_its_limit(service: ServiceHarness) -> None:
    key = await service.open_account()

    entered = [
        await service.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 3))
        for _ in range(5)
    ]

    assert entered == [True, True, True, False, False]


async def test_a_limit_is_exact_when_everybody_comes_at_once(service: ServiceHarness) -> None:
    key = await service.open_account()

    entered = await asyncio.gather(
        *(service.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 7)) for _ in range(40))
    )

    assert sum(entered) == 7
    assert await service.active_tasks(key) == 7


async def test_a_released_slot_can_be_acquired_again(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 1))
    await service.store.run(lambda records: records.accounts.release_slot(key.account, "image"))

    assert await service.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 1))


async def test_a_bucket_cannot_be_left_more_often_than_entered(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 1))
    await service.store.run(lambda records: records.accounts.release_slot(key.account, "image"))

    with pytest.raises(Exception, match="active_not_negative"):
        await service.store.run(lambda records: records.accounts.release_slot(key.account, "image"))

    assert await service.active_tasks(key) == 0


async def test_buckets_and_accounts_do_not_share_a_limit(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")

    entered = [
        await service.store.run(lambda records, a=account, b=bucket: records.accounts.acquire_slot(a, b, 1))
        for account in (ada.account, eve.account)
        for bucket in ("image", "multiview", "image")
    ]

    assert entered == [True, True, False, True, True, False]


async def test_an_account_s_own_limit_counts_before_the_general_one(service: ServiceHarness) -> None:
    more, fewer, none = [
        await service.open_account(name, limit=cap) for name, cap in (("more", 4), ("fewer", 1), ("none", 0))
    ]

    taken = {}
    for key in (more, fewer, none):
        entered = [
            await service.store.run(lambda records, a=key.account: records.accounts.acquire_slot(a, "image", 2))
            for _ in range(5)
        ]
        taken[key.account] = sum(entered)

    assert list(taken.values()) == [4, 1, 0]


async def test_a_limit_set_while_tasks_are_under_way_holds_for_the_next(service: ServiceHarness) -> None:
    key = await service.open_account(limit=2)
    await service.submit_task(key)
    await service.submit_task(key)
    await service.store.run(lambda records: records.accounts.set_slots(key.account, "image", 1))

    with pytest.raises(Refusal) as refused:
        await service.submit_task(key)

    assert refused.value.code is Code.TOO_MANY_TASKS
    assert await service.active_tasks(key) == 2
