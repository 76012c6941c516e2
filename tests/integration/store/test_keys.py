"""Keys with limits of their own: how many tasks they may have, and what those may cost."""

import asyncio

import pytest

from limner.application.accounts.manage import CreatedKey
from limner.db.tables.keys import Key
from limner.domain.accounts.key_limits import KeyLimits, KeyUsage, day_of
from limner.domain.ids import KeyId
from limner.domain.refusal import Code, Refusal
from stores import FAILED, ServiceHarness

DAY_MS = 86_400_000


async def opened(service: ServiceHarness, allowance: KeyLimits = KeyLimits(), account_limit: int = 100) -> Key:  # noqa: B008 - frozen
    account = await service.accounts.create("ada", 10_000, account_limit)
    made: CreatedKey = await service.accounts.create_key(account.name, "limited", ("generate",), allowance)
    return made.key


async def refused(service: ServiceHarness, key: Key) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await service.submit_task(key)
    return refusal.value


async def spending(service: ServiceHarness, key: Key) -> KeyUsage:
    today = day_of(service.clock.now_ms())
    return await service.store.read(lambda records: records.keys.usage(key.id, today))


async def found(service: ServiceHarness, key: KeyId) -> Key | None:
    return await service.store.read(lambda records: records.keys.get(key))


async def test_a_key_is_kept_with_its_limits_and_its_end(service: ServiceHarness) -> None:
    allowance = KeyLimits(per_second=3, tasks=2, credits_per_day=40, credits=1000)
    await service.accounts.create("ada")
    made = await service.accounts.create_key("ada", "limited", ("read",), allowance, expires_ms=service.clock.ms + 5)

    assert await found(service, made.key.id) == made.key
    assert made.key.allowance == allowance
    assert (made.key.in_force(service.clock.ms + 4), made.key.in_force(service.clock.ms + 5)) == (True, False)


async def test_the_model_that_a_key_chose_is_kept_with_it_alone(service: ServiceHarness) -> None:
    key = await opened(service)
    other = (await service.accounts.create_key("ada", "another", ("generate",))).key

    async def chosen(of: Key) -> str | None:
        return await service.store.read(lambda records: records.keys.chosen_model(of.id))

    await service.store.run(lambda records: records.keys.choose_model(key.id, "flux.1_dev"))

    assert (await chosen(key), await chosen(other)) == ("flux.1_dev", None)
    await service.store.run(lambda records: records.keys.choose_model(key.id, None))
    assert await chosen(key) is None


async def test_a_key_has_fewer_tasks_under_way_than_its_account_may(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(tasks=2))
    other = (await service.accounts.create_key("ada", "another", ("generate",))).key
    for _ in range(2):
        await service.submit_task(key)
    refusal = await refused(service, key)
    await service.submit_task(other)

    assert refusal.code is Code.TOO_MANY_TASKS
    assert refusal.retry_after_s
    assert await service.active_tasks(key) == 3
    assert await spending(service, key) == KeyUsage(tasks=2, credits_today=10, credits=10)


async def test_a_refused_task_leaves_nothing_behind(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(tasks=0))
    before = await service.balance(key)
    await refused(service, key)

    assert await service.balance(key) == before
    assert await service.active_tasks(key) == 0
    assert await service.query("SELECT id FROM tasks") == []
    assert await service.ledger_faults() == []


async def test_a_task_that_ends_makes_room_under_its_key(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(tasks=1))
    first = await service.submit_task(key)
    await service.claim_tasks()
    await service.settle_task(first)
    await service.submit_task(key)

    assert (await refused(service, key)).code is Code.TOO_MANY_TASKS
    assert await service.ledger_faults() == []


async def test_a_limit_is_exact_when_everybody_comes_at_once(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(tasks=7, credits=1000))
    outcomes = await asyncio.gather(*(service.submit_task(key) for _ in range(30)), return_exceptions=True)

    assert sum(isinstance(each, Refusal) for each in outcomes) == 23
    assert (await spending(service, key)).tasks == 7
    assert await service.ledger_faults() == []


async def test_a_key_spends_no_more_than_it_may_in_all(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(credits=14))
    await service.submit_task(key)
    await service.submit_task(key)
    service.clock.ms += 40 * DAY_MS
    refusal = await refused(service, key)

    assert refusal.code is Code.NO_CREDIT
    assert "may spend 4 more in all" in refusal.reason
    assert await spending(service, key) == KeyUsage(tasks=2, credits=10)


async def test_what_was_not_consumed_may_be_spent_again(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(credits=5, credits_per_day=5))
    first = await service.submit_task(key)
    assert (await refused(service, key)).code is Code.NO_CREDIT
    await service.claim_tasks()
    await service.settle_task(first, FAILED)
    await service.submit_task(key)

    assert await spending(service, key) == KeyUsage(tasks=1, credits_today=5, credits=5)
    assert await service.ledger_faults() == []


async def test_a_day_s_credits_come_back_at_midnight(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(credits_per_day=10))
    service.clock.ms = (day_of(service.clock.ms) + 1) * DAY_MS - 1
    await service.submit_task(key)
    await service.submit_task(key)
    today = await refused(service, key)
    service.clock.ms += 1
    await service.submit_task(key)

    assert "may spend 0 more today" in today.reason
    assert await spending(service, key) == KeyUsage(tasks=3, credits_today=5, credits=15)


async def test_yesterday_s_failure_gives_today_nothing(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(credits_per_day=5))
    yesterday = await service.submit_task(key)
    await service.claim_tasks()
    service.clock.ms += DAY_MS
    await service.submit_task(key)
    await service.settle_task(yesterday, FAILED)

    assert "may spend 0 more today" in (await refused(service, key)).reason
    assert await spending(service, key) == KeyUsage(tasks=1, credits_today=5, credits=5)


async def test_a_limit_set_later_counts_what_was_spent_before(service: ServiceHarness) -> None:
    key = await opened(service)
    await service.submit_task(key)
    await service.submit_task(key)
    changed = await service.accounts.limit_key(key.id, {"credits": 12, "tasks": 9})

    assert changed.allowance == KeyLimits(credits=12, tasks=9)
    assert "may spend 2 more in all" in (await refused(service, key)).reason


async def test_a_limit_that_is_lifted_is_gone_and_the_others_stay(service: ServiceHarness) -> None:
    key = await opened(service, KeyLimits(tasks=0, credits=5))
    ends_ms = service.clock.ms + DAY_MS
    await service.accounts.limit_key(key.id, {"tasks": None, "expires_ms": ends_ms})
    await service.submit_task(key)

    kept = await found(service, key.id)
    assert kept
    assert (kept.allowance, kept.expires_ms) == (KeyLimits(credits=5), ends_ms)
    assert (await refused(service, key)).code is Code.NO_CREDIT


async def test_the_limits_of_no_key_cannot_be_changed(service: ServiceHarness) -> None:
    with pytest.raises(Refusal, match="no key 'none'"):
        await service.accounts.limit_key(KeyId("none"), {"tasks": 1})


async def test_an_expired_key_is_valid_no_longer(service: ServiceHarness) -> None:
    key = await opened(service)
    await service.accounts.limit_key(key.id, {"expires_ms": service.clock.ms + 10})
    seen = [
        await service.store.read(lambda records, at=at: records.keys.valid([key.id], service.clock.ms + at))
        for at in (9, 10)
    ]

    assert seen == [[key.id], []]


async def test_the_last_use_is_kept_and_only_moves_on(service: ServiceHarness) -> None:
    key = await opened(service)
    for at in (5, 9, 7):
        await service.store.run(lambda records, at=at: records.keys.mark_used(key.id, at))

    kept = await found(service, key.id)
    assert kept
    assert kept.used_ms == 9
