"""Keys with limits of their own: how many tasks they may have, and what those may cost."""

import asyncio

import pytest

from limner.application.accounts.manage import CreatedKey
from limner.db.tables.keys import Key
from limner.domain.accounts.key_limits import KeyLimits, KeyUsage, day_of
from limner.domain.ids import KeyId
from limner.domain.refusal import Code, Refusal
from stores import BROKEN, House

DAY_MS = 86_400_000


async def opened(house: House, allowance: KeyLimits = KeyLimits(), account_limit: int = 100) -> Key:  # noqa: B008 - frozen
    account = await house.accounts.create("ada", 10_000, account_limit)
    made: CreatedKey = await house.accounts.create_key(account.name, "limited", ("generate",), allowance)
    return made.key


async def refused(house: House, key: Key) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await house.sends(key)
    return refusal.value


async def spending(house: House, key: Key) -> KeyUsage:
    today = day_of(house.clock.now_ms())
    return await house.store.read(lambda records: records.keys.usage(key.id, today))


async def found(house: House, key: KeyId) -> Key | None:
    return await house.store.read(lambda records: records.keys.get(key))


async def test_a_key_is_kept_with_its_limits_and_its_end(house: House) -> None:
    allowance = KeyLimits(per_second=3, tasks=2, credits_per_day=40, credits=1000)
    await house.accounts.create("ada")
    made = await house.accounts.create_key("ada", "limited", ("read",), allowance, expires_ms=house.clock.ms + 5)

    assert await found(house, made.key.id) == made.key
    assert made.key.allowance == allowance
    assert (made.key.in_force(house.clock.ms + 4), made.key.in_force(house.clock.ms + 5)) == (True, False)


async def test_a_key_has_fewer_tasks_under_way_than_its_account_may(house: House) -> None:
    key = await opened(house, KeyLimits(tasks=2))
    other = (await house.accounts.create_key("ada", "another", ("generate",))).key
    for _ in range(2):
        await house.sends(key)
    refusal = await refused(house, key)
    await house.sends(other)

    assert refusal.code is Code.TOO_MANY_TASKS
    assert refusal.retry_after_s
    assert await house.active(key) == 3
    assert await spending(house, key) == KeyUsage(tasks=2, credits_today=10, credits=10)


async def test_a_refused_task_leaves_nothing_behind(house: House) -> None:
    key = await opened(house, KeyLimits(tasks=0))
    before = await house.balance(key)
    await refused(house, key)

    assert await house.balance(key) == before
    assert await house.active(key) == 0
    assert await house.look("SELECT id FROM tasks") == []
    assert await house.faults() == []


async def test_a_task_that_ends_makes_room_under_its_key(house: House) -> None:
    key = await opened(house, KeyLimits(tasks=1))
    first = await house.sends(key)
    await house.claims()
    await house.settles(first)
    await house.sends(key)

    assert (await refused(house, key)).code is Code.TOO_MANY_TASKS
    assert await house.faults() == []


async def test_a_limit_is_exact_when_everybody_comes_at_once(house: House) -> None:
    key = await opened(house, KeyLimits(tasks=7, credits=1000))
    outcomes = await asyncio.gather(*(house.sends(key) for _ in range(30)), return_exceptions=True)

    assert sum(isinstance(each, Refusal) for each in outcomes) == 23
    assert (await spending(house, key)).tasks == 7
    assert await house.faults() == []


async def test_a_key_spends_no_more_than_it_may_in_all(house: House) -> None:
    key = await opened(house, KeyLimits(credits=14))
    await house.sends(key)
    await house.sends(key)
    house.clock.ms += 40 * DAY_MS
    refusal = await refused(house, key)

    assert refusal.code is Code.NO_CREDIT
    assert "may spend 4 more in all" in refusal.reason
    assert await spending(house, key) == KeyUsage(tasks=2, credits=10)


async def test_what_was_not_consumed_may_be_spent_again(house: House) -> None:
    key = await opened(house, KeyLimits(credits=5, credits_per_day=5))
    first = await house.sends(key)
    assert (await refused(house, key)).code is Code.NO_CREDIT
    await house.claims()
    await house.settles(first, BROKEN)
    await house.sends(key)

    assert await spending(house, key) == KeyUsage(tasks=1, credits_today=5, credits=5)
    assert await house.faults() == []


async def test_a_day_s_credits_come_back_at_midnight(house: House) -> None:
    key = await opened(house, KeyLimits(credits_per_day=10))
    house.clock.ms = (day_of(house.clock.ms) + 1) * DAY_MS - 1
    await house.sends(key)
    await house.sends(key)
    today = await refused(house, key)
    house.clock.ms += 1
    await house.sends(key)

    assert "may spend 0 more today" in today.reason
    assert await spending(house, key) == KeyUsage(tasks=3, credits_today=5, credits=15)


async def test_yesterday_s_failure_gives_today_nothing(house: House) -> None:
    key = await opened(house, KeyLimits(credits_per_day=5))
    yesterday = await house.sends(key)
    await house.claims()
    house.clock.ms += DAY_MS
    await house.sends(key)
    await house.settles(yesterday, BROKEN)

    assert "may spend 0 more today" in (await refused(house, key)).reason
    assert await spending(house, key) == KeyUsage(tasks=1, credits_today=5, credits=5)


async def test_a_limit_set_later_counts_what_was_spent_before(house: House) -> None:
    key = await opened(house)
    await house.sends(key)
    await house.sends(key)
    changed = await house.accounts.limit_key(key.id, {"credits": 12, "tasks": 9})

    assert changed.allowance == KeyLimits(credits=12, tasks=9)
    assert "may spend 2 more in all" in (await refused(house, key)).reason


async def test_a_limit_that_is_lifted_is_gone_and_the_others_stay(house: House) -> None:
    key = await opened(house, KeyLimits(tasks=0, credits=5))
    ends_ms = house.clock.ms + DAY_MS
    await house.accounts.limit_key(key.id, {"tasks": None, "expires_ms": ends_ms})
    await house.sends(key)

    kept = await found(house, key.id)
    assert kept
    assert (kept.allowance, kept.expires_ms) == (KeyLimits(credits=5), ends_ms)
    assert (await refused(house, key)).code is Code.NO_CREDIT


async def test_the_limits_of_no_key_cannot_be_changed(house: House) -> None:
    with pytest.raises(Refusal, match="no key 'none'"):
        await house.accounts.limit_key(KeyId("none"), {"tasks": 1})


async def test_an_expired_key_is_valid_no_longer(house: House) -> None:
    key = await opened(house)
    await house.accounts.limit_key(key.id, {"expires_ms": house.clock.ms + 10})
    seen = [
        await house.store.read(lambda records, at=at: records.keys.valid([key.id], house.clock.ms + at))
        for at in (9, 10)
    ]

    assert seen == [[key.id], []]


async def test_the_last_use_is_kept_and_only_moves_on(house: House) -> None:
    key = await opened(house)
    for at in (5, 9, 7):
        await house.store.run(lambda records, at=at: records.keys.mark_used(key.id, at))

    kept = await found(house, key.id)
    assert kept
    assert kept.used_ms == 9
