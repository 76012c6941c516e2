"""The queue: who is next, taken once, and not kept waiting for ever."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from limner.db.records import Records
from limner.db.sql import Sql
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.tasks import ClaimedTask, TaskTable
from limner.domain.accounts.credits import Balance
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Ending, Status
from limner.worker.rescuer import EXPIRED, EXPIRED_TOGETHER, expire_overdue
from stores import LEASE_MS, ServiceHarness, opened_store


async def send(service: ServiceHarness, key: Key, many: int, priority: int = 1) -> list[TaskId]:
    return [await service.submit_task(key, priority=priority) for _ in range(many)]


async def order_of(service: ServiceHarness, names: dict[TaskId, str], at_once: int = 100) -> list[str]:
    order = []
    while claimed := await service.claim_tasks(limit=at_once):
        order += [names[each.task.id] for each in claimed]
    return order


async def test_one_account_is_served_in_the_order_it_asked(service: ServiceHarness) -> None:
    tasks = await send(service, await service.open_account(), 7)

    claimed = (
        await service.claim_tasks(limit=3) + await service.claim_tasks(limit=3) + await service.claim_tasks(limit=3)
    )

    assert [each.task.id for each in claimed] == tasks


async def test_a_claim_makes_a_task_run(service: ServiceHarness) -> None:
    [sent] = await send(service, await service.open_account(), 1)
    service.clock.pass_time(3)

    [claimed] = await service.claim_tasks("worker")

    assert (claimed.task.id, claimed.task.status, claimed.claims) == (sent, Status.RUNNING, 1)
    assert claimed.task.started_ms == service.clock.now_ms()
    assert claimed.spec.prompt == "a red fox in the snow"
    leases = await service.query("SELECT lease_owner, lease_until_ms FROM tasks")
    assert leases == [("worker", service.clock.now_ms() + LEASE_MS)]


async def test_an_empty_queue_gives_nothing(service: ServiceHarness) -> None:
    assert await service.claim_tasks() == []


async def test_a_quiet_account_does_not_wait_behind_a_busy_one(service: ServiceHarness) -> None:
    busy, quiet = await service.open_account("busy", limit=100), await service.open_account("quiet")
    names = dict.fromkeys(await send(service, busy, 30), "busy")
    names |= dict.fromkeys(await send(service, quiet, 2), "quiet")

    order = await order_of(service, names)

    assert order[:4].count("quiet") == 2
    assert len(order) == 32


async def test_a_newcomer_comes_in_at_the_front_of_what_is_left_and_no_further(service: ServiceHarness) -> None:
    """Without the service's own clock a newcomer would begin at zero and outrank everybody for a long time."""
    busy, late = await service.open_account("busy", limit=100), await service.open_account("late", limit=100)
    names = dict.fromkeys(await send(service, busy, 40), "busy")
    await service.claim_tasks(limit=20)
    names |= dict.fromkeys(await send(service, late, 10), "late")

    order = await order_of(service, names, at_once=1)

    assert order[:20].count("late") == 10
    assert all(abs(order[:n].count("late") - order[:n].count("busy")) <= 2 for n in range(1, 20))


async def test_an_account_that_rested_does_not_save_up_turns(service: ServiceHarness) -> None:
    steady, rested = await service.open_account("steady", limit=100), await service.open_account("rested", limit=100)
    names = dict.fromkeys(await send(service, rested, 1), "rested")
    names |= dict.fromkeys(await send(service, steady, 30), "steady")
    await service.claim_tasks(limit=21)
    names |= dict.fromkeys(await send(service, rested, 10), "rested")

    order = await order_of(service, names, at_once=1)

    assert 4 <= order[:10].count("rested") <= 6


@pytest.mark.parametrize(("priority", "share"), [(2, 2), (3, 4)])
async def test_a_higher_priority_is_a_larger_share(service: ServiceHarness, priority: int, share: int) -> None:
    plain, high = await service.open_account("plain", limit=100), await service.open_account("high", limit=100)
    names = dict.fromkeys(await send(service, plain, 10), "plain")
    names |= dict.fromkeys(await send(service, high, 10 * share, priority), "high")

    order = await order_of(service, names)

    served = order[: 5 * (share + 1)]
    assert abs(served.count("high") - 5 * share) <= 1


@pytest.mark.parametrize("weight", [2, 5])
async def test_a_heavier_account_has_a_larger_share(service: ServiceHarness, weight: int) -> None:
    plain, heavy = await service.open_account("plain", limit=100), await service.open_account("heavy", limit=100)
    await service.accounts.weigh("heavy", weight)
    names = dict.fromkeys(await send(service, plain, 10), "plain")
    names |= dict.fromkeys(await send(service, heavy, 10 * weight), "heavy")

    order = await order_of(service, names)

    served = order[: 5 * (weight + 1)]
    assert abs(served.count("heavy") - 5 * weight) <= 1


async def test_thousands_of_one_account_s_tasks_hold_nobody_else_up(service: ServiceHarness) -> None:
    """Ten accounts with five tasks each, behind five thousand: they are done as if all eleven had come with as many."""
    many = 5000 if service.url.startswith("sqlite") else 500  # one account's tasks queue for its row on PostgreSQL
    busy = await service.open_account("busy", opening=50_000, limit=10_000)
    names = dict.fromkeys(await asyncio.gather(*(service.submit_task(busy) for _ in range(many))), "busy")
    for number in range(10):
        quiet = await service.open_account(f"quiet-{number}")
        names |= dict.fromkeys(await send(service, quiet, 5), "quiet")

    order: list[str] = []
    while order.count("quiet") < 50:
        order += [names[each.task.id] for each in await service.claim_tasks(limit=1)]

    their_share = 5 * 11
    assert len(order) <= 1.2 * their_share


async def test_priority_moves_an_account_s_own_later_tasks_only(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    first = await send(service, key, 2, priority=1)
    second = await send(service, key, 2, priority=3)

    claimed = await service.claim_tasks()

    assert [each.task.id for each in claimed] == first + second


async def test_the_place_in_the_queue_is_how_many_come_before(service: ServiceHarness) -> None:
    busy, quiet = await service.open_account("busy", limit=100), await service.open_account("quiet")
    many = await send(service, busy, 5)
    [late] = await send(service, quiet, 1)

    async def ahead(task: TaskId, cap: int = 1000) -> int:
        return await service.store.read(lambda records: records.tasks.count_ahead(task, cap))

    places = {task: await ahead(task) for task in [*many, late]}
    order = [each.task.id for each in await service.claim_tasks()]
    assert sorted(places, key=lambda task: places[task]) == order
    assert sorted(places.values()) == [0, 1, 2, 3, 4, 5]


async def test_the_place_moves_up_and_is_counted_up_to_the_cap(service: ServiceHarness) -> None:
    tasks = await send(service, await service.open_account(limit=100), 6)

    before = await service.store.read(lambda records: [records.tasks.count_ahead(task, 3) for task in tasks])
    await service.claim_tasks(limit=4)
    after = await service.store.read(lambda records: records.tasks.count_ahead(tasks[-1], 3))

    assert before == [0, 1, 2, 3, 3, 3]
    assert after == 1


async def test_a_claim_takes_no_more_than_asked_whatever_the_planner_does(service: ServiceHarness) -> None:
    # PostgreSQL may join the choice of rows to the update in a loop, and choose anew in every round. These settings
    # leave it little else; SQLite has none of them.
    tasks = await send(service, await service.open_account(limit=100), 6)
    banned = ("hashagg", "hashjoin", "mergejoin", "material", "sort")

    def claim(records: Records) -> list[ClaimedTask]:
        db = cast("TaskTable", records.tasks)._db
        for method in banned if service.url.startswith("postgresql") else ():
            db.run(Sql(f"SET LOCAL enable_{method} = off"))
        return list(records.tasks.claim("worker", service.clock.now_ms(), LEASE_MS, 4))

    claimed = await service.store.run(claim)

    assert [each.task.id for each in claimed] == tasks[:4]


async def test_no_task_is_handed_out_twice_however_many_ask(service: ServiceHarness) -> None:
    keys = [await service.open_account(f"user-{n}", limit=100) for n in range(4)]
    tasks = [task for key in keys for task in await send(service, key, 25)]
    taken: dict[str, list[TaskId]] = {}

    async def work(owner: str) -> None:
        while claimed := await service.claim_tasks(owner, limit=3):
            taken.setdefault(owner, []).extend(each.task.id for each in claimed)

    await asyncio.gather(*(work(f"worker-{n}") for n in range(12)))

    everything = [task for share in taken.values() for task in share]
    owners = dict(await service.query("SELECT id, lease_owner FROM tasks"))
    assert sorted(everything) == sorted(tasks)
    assert all(owners[task] == owner for owner, share in taken.items() for task in share)


async def test_no_task_is_handed_out_twice_across_two_stores_on_one_database(service: ServiceHarness) -> None:
    tasks = await send(service, await service.open_account(limit=100), 40)
    async with opened_store(service.url) as other:
        taken: list[TaskId] = []

        async def work(owner: str, store: ServiceHarness) -> None:
            while claimed := await store.claim_tasks(owner, limit=2):
                taken.extend(each.task.id for each in claimed)

        neighbour = replace(service, store=other)
        await asyncio.gather(*(work(f"w{n}", each) for n in range(4) for each in (service, neighbour)))

    assert sorted(taken) == sorted(tasks)


async def test_tasks_that_waited_too_long_expire_with_their_credits_back(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)
    [old] = await send(service, key, 1)
    service.clock.pass_time(3000)
    [young] = await send(service, key, 1)
    service.clock.pass_time(601)

    await expire_overdue(service.store, service.clock.now_ms())

    task = await service.task(old)
    assert (task.status, task.error_code, task.error_msg) == (Status.EXPIRED, 1001, EXPIRED.error_msg)
    assert (task.consumed, task.progress) == (0, 100)
    assert (await service.task(young)).status is Status.QUEUED
    assert await service.balance(key) == Balance(95, 5)
    assert await service.ledger_faults() == []


async def test_a_task_is_overdue_only_after_its_last_moment(service: ServiceHarness) -> None:
    [sent] = await send(service, await service.open_account(), 1)
    deadline_ms = (await service.task(sent)).queue_deadline_ms

    at_it = await service.store.read(lambda records: records.tasks.overdue(deadline_ms, 10))
    past_it = await service.store.read(lambda records: records.tasks.overdue(deadline_ms + 1, 10))

    assert (len(at_it), len(past_it)) == (0, 1)


async def test_a_running_task_is_never_overdue(service: ServiceHarness) -> None:
    await send(service, await service.open_account(), 1)
    await service.claim_tasks()
    service.clock.pass_time(100_000)

    assert await service.store.read(lambda records: records.tasks.overdue(service.clock.now_ms(), 10)) == []


async def test_overdue_tasks_of_one_account_come_after_the_first_of_others(service: ServiceHarness) -> None:
    many, few = await service.open_account("ada", limit=100), await service.open_account("bob")
    await send(service, many, 10)
    service.clock.pass_time(10)
    [late] = await send(service, few, 1)
    service.clock.pass_time(4000)

    overdue = await service.store.read(lambda records: records.tasks.overdue(service.clock.now_ms(), 2))

    assert late in overdue


async def test_overdue_tasks_are_ended_in_short_units_of_work(service: ServiceHarness) -> None:
    await send(service, await service.open_account(limit=100), 2 * EXPIRED_TOGETHER + 1)
    service.clock.pass_time(4000)
    ended: list[int] = []

    class MeasuredStore:
        async def run(self, work: Callable[[Records], None]) -> None:
            def measured(records: Records) -> None:
                work(records)
                ended.append(len(records.events.written))

            await service.store.run(measured)

        def __getattr__(self, name: str) -> Any:
            return getattr(service.store, name)

    await expire_overdue(cast("Store", MeasuredStore()), service.clock.now_ms())

    assert ended == [EXPIRED_TOGETHER, EXPIRED_TOGETHER, 1]


async def test_expiring_while_a_worker_claims_ends_each_task_once(service: ServiceHarness) -> None:
    keys = [await service.open_account(f"user-{n}", limit=100) for n in range(3)]
    tasks = [task for key in keys for task in await send(service, key, 20)]
    service.clock.pass_time(4000)
    now_ms = service.clock.now_ms()

    claims = [service.claim_tasks(f"worker-{n}", limit=7) for n in range(4)]
    rescuers = [expire_overdue(service.store, now_ms) for _ in range(3)]
    outcomes = await asyncio.gather(*claims, *rescuers)

    claimed = {each.task.id for outcome in outcomes[:4] for each in outcome or ()}
    expired = {row[0] for row in await service.query("SELECT id FROM tasks WHERE status = 'expired'")}
    assert claimed | expired == set(tasks)
    assert not claimed & expired
    assert await service.ledger_faults() == []


async def test_tasks_are_listed_newest_first_by_account_and_status(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    first = await service.submit_task(ada)
    service.clock.pass_time(1)
    second = await service.submit_task(eve)
    service.clock.pass_time(1)
    third = await service.submit_task(ada)
    await service.settle_task(third, Ending(Status.CANCELLED), owner=None)

    async def listed(account: Key | None, status: str | None, limit: int = 10) -> list[TaskId]:
        tasks = await service.store.read(
            lambda records: records.tasks.recent(account=account and account.account, status=status, limit=limit)
        )
        return [task.id for task in tasks]

    assert await listed(None, None) == [third, second, first]
    assert await listed(None, None, limit=2) == [third, second]
    assert await listed(ada, None) == [third, first]
    assert await listed(ada, "queued") == [first]
    assert await listed(None, "cancelled") == [third]


async def test_an_account_s_tasks_are_paged_newest_first(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    tasks = []
    for _ in range(3):
        service.clock.pass_time(1)
        tasks.insert(0, await service.submit_task(ada))
        await service.submit_task(eve)

    async def paged(limit: int, offset: int) -> list[TaskId]:
        found = await service.store.read(lambda records: records.tasks.page(ada.account, limit, offset))
        return [task.id for task in found]

    assert [await paged(2, 0), await paged(2, 2), await paged(2, 4)] == [tasks[:2], tasks[2:], []]


async def test_several_tasks_are_read_at_once_one_s_own_only(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    mine, also_mine, hers = (
        await service.submit_task(ada),
        await service.submit_task(ada),
        await service.submit_task(eve),
    )

    found = await service.store.read(lambda records: records.tasks.of(ada.account, [mine, hers, also_mine]))
    none = await service.store.read(lambda records: records.tasks.of(ada.account, []))

    assert {task.id for task in found} == {mine, also_mine}
    assert list(none) == []
