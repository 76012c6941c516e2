"""Accounts, their keys, their credits and their limits."""

import asyncio

import pytest

from limner.db.records import Records
from limner.domain.accounts.credits import Balance
from limner.domain.ids import AccountId, KeyId
from limner.domain.refusal import Code, Refusal
from stores import House


async def test_an_account_is_found_by_its_id_by_its_name_and_by_its_tag(house: House) -> None:
    made = await house.accounts.create("ada")

    by_id = await house.store.read(lambda records: records.accounts.get(made.id))
    by_name = await house.store.read(lambda records: records.accounts.by_name("ada"))
    by_tag = await house.store.read(lambda records: records.accounts.by_tag(made.tag))
    assert by_id == by_name == by_tag == made


async def test_what_is_not_there_is_none(house: House) -> None:
    def look(records: Records) -> tuple[object, ...]:
        return (
            records.accounts.get(AccountId("nobody")),
            records.accounts.by_name("nobody"),
            records.accounts.by_tag("nobody"),
            records.keys.by_digest(b"nothing"),
        )

    assert await house.store.read(look) == (None, None, None, None)


async def test_accounts_are_listed_by_name(house: House) -> None:
    for name in ("eve", "ada", "bob"):
        await house.accounts.create(name)

    listed = await house.store.read(lambda records: records.accounts.all())
    assert [each.name for each in listed] == ["ada", "bob", "eve"]


async def test_two_accounts_cannot_share_a_name(house: House) -> None:
    await house.accounts.create("ada", 10)

    with pytest.raises(Refusal) as refused:
        await house.accounts.create("ada", 10)

    assert refused.value.field == "name"
    assert len(await house.look("SELECT id FROM accounts")) == 1
    assert len(await house.look("SELECT id FROM ledger")) == 1


async def test_opening_credits_are_a_grant_in_the_book(house: House) -> None:
    key = await house.opens(opening=250)

    rows = await house.store.read(lambda records: records.ledger.of(key.account, 10))
    assert [(row.movement, row.available, row.frozen, row.note) for row in rows] == [
        ("grant", 250, 0, "opening credits")
    ]
    assert await house.balance(key) == Balance(250, 0)
    assert await house.faults() == []


async def test_the_book_is_read_from_its_newest_row(house: House) -> None:
    key = await house.opens(opening=1)
    for amount in (2, 3, 4):
        await house.accounts.grant("ada", amount, None)

    rows = await house.store.read(lambda records: records.ledger.of(key.account, 2))
    assert [row.available for row in rows] == [4, 3]


async def test_credits_can_be_taken_back_down_to_zero_and_no_further(house: House) -> None:
    key = await house.opens(opening=30)

    has = await house.accounts.grant("ada", -30, "mistake")
    with pytest.raises(Refusal) as refused:
        await house.accounts.grant("ada", -1, "too much")

    assert has == Balance(0, 0)
    assert refused.value.field == "amount"
    assert await house.balance(key) == Balance(0, 0)
    assert await house.faults() == []


async def test_many_grants_at_once_all_arrive(house: House) -> None:
    key = await house.opens(opening=0)

    await asyncio.gather(*(house.accounts.grant("ada", amount, None) for amount in range(1, 31)))

    assert await house.balance(key) == Balance(sum(range(1, 31)), 0)
    assert await house.faults() == []


async def test_a_key_is_found_by_its_digest_alone_and_knows_its_account(house: House) -> None:
    account = await house.accounts.create("ada")
    made = await house.accounts.create_key("ada", "laptop", ("generate", "read"))

    found = await house.store.read(lambda records: records.keys.by_digest(house.accounts.digest(made.secret)))
    assert found == made.key
    assert (found.account, found.account_tag, found.scopes) == (account.id, account.tag, ("generate", "read"))


async def test_the_secret_of_a_key_is_nowhere_in_the_database(house: House) -> None:
    await house.accounts.create("ada")
    made = await house.accounts.create_key("ada", "laptop", ("read",))

    [row] = await house.look("SELECT * FROM api_keys")
    assert made.secret not in str(row)
    assert made.secret.startswith(made.key.hint)


async def test_keys_are_listed_for_their_account_only(house: House) -> None:
    await house.opens("ada")
    eve = await house.opens("eve")

    listed = await house.store.read(lambda records: records.keys.of(eve.account))
    assert list(listed) == [eve]


async def test_a_key_is_revoked_once(house: House) -> None:
    key = await house.opens()

    first, second = await house.accounts.revoke_key(key.id), await house.accounts.revoke_key(key.id)
    unknown = await house.accounts.revoke_key(KeyId("none"))

    assert (first, second, unknown) == (True, False, False)
    [listed] = await house.store.read(lambda records: records.keys.of(key.account))
    assert listed.revoked_ms == house.clock.now_ms()


async def test_a_bucket_takes_as_many_as_its_limit(house: House) -> None:
    key = await house.opens()

    entered = [
        await house.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 3)) for _ in range(5)
    ]

    assert entered == [True, True, True, False, False]


async def test_a_limit_is_exact_when_everybody_comes_at_once(house: House) -> None:
    key = await house.opens()

    entered = await asyncio.gather(
        *(house.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 7)) for _ in range(40))
    )

    assert sum(entered) == 7
    assert await house.active(key) == 7


async def test_who_leaves_makes_room(house: House) -> None:
    key = await house.opens()
    await house.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 1))
    await house.store.run(lambda records: records.accounts.release_slot(key.account, "image"))

    assert await house.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 1))


async def test_a_bucket_cannot_be_left_more_often_than_entered(house: House) -> None:
    key = await house.opens()
    await house.store.run(lambda records: records.accounts.acquire_slot(key.account, "image", 1))
    await house.store.run(lambda records: records.accounts.release_slot(key.account, "image"))

    with pytest.raises(Exception, match="active_not_negative"):
        await house.store.run(lambda records: records.accounts.release_slot(key.account, "image"))

    assert await house.active(key) == 0


async def test_buckets_and_accounts_do_not_share_a_limit(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")

    entered = [
        await house.store.run(lambda records, a=account, b=bucket: records.accounts.acquire_slot(a, b, 1))
        for account in (ada.account, eve.account)
        for bucket in ("image", "multiview", "image")
    ]

    assert entered == [True, True, False, True, True, False]


async def test_an_account_s_own_limit_counts_before_the_general_one(house: House) -> None:
    more, fewer, none = [await house.opens(name, limit=cap) for name, cap in (("more", 4), ("fewer", 1), ("none", 0))]

    taken = {}
    for key in (more, fewer, none):
        entered = [
            await house.store.run(lambda records, a=key.account: records.accounts.acquire_slot(a, "image", 2))
            for _ in range(5)
        ]
        taken[key.account] = sum(entered)

    assert list(taken.values()) == [4, 1, 0]


async def test_a_limit_set_while_tasks_are_under_way_holds_for_the_next(house: House) -> None:
    key = await house.opens(limit=2)
    await house.sends(key)
    await house.sends(key)
    await house.store.run(lambda records: records.accounts.set_slots(key.account, "image", 1))

    with pytest.raises(Refusal) as refused:
        await house.sends(key)

    assert refused.value.code is Code.TOO_MANY_TASKS
    assert await house.active(key) == 2
