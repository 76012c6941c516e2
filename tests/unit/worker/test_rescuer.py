"""Taking over what others left."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from fakes import picture, silence
from limner.domain.accounts.credits import Balance
from limner.domain.tasks.task import Status
from limner.worker import dispatcher
from limner.worker.lease_owner import LeaseOwner
from stores import House
from unit.worker.conftest import Shop

Logged = list[MutableMapping[str, Any]]


async def test_a_task_whose_lease_ran_out_is_brought_to_its_end(shop: Shop) -> None:
    shop.tells(picture)
    [task] = await shop.sends()
    await shop.house.claims("somebody far away")
    shop.house.clock.pass_time(60)

    await shop.rescuer.beat()
    await shop.ends()

    assert (await shop.task(task)).status is Status.SUCCESS


async def test_a_lease_of_somebody_far_away_is_left_to_run_its_time(shop: Shop) -> None:
    await shop.sends()
    await shop.house.claims("somebody far away")

    await shop.rescuer.beat()

    assert len(shop.running) == 0


async def test_the_task_of_a_dead_process_of_this_machine_is_taken_over_at_once(shop: Shop, logged: Logged) -> None:
    shop.tells(picture)
    [task] = await shop.sends()
    await shop.house.claims(str(LeaseOwner(shop.me.machine, shop.me.pid, "before")))

    await shop.rescuer.beat()
    await shop.ends()

    assert (await shop.task(task)).status is Status.SUCCESS
    assert {"event": "took over from dead workers", "leases": 1, "log_level": "info"} in logged


async def test_tasks_that_waited_too_long_expire(shop: Shop) -> None:
    [task] = await shop.sends()
    shop.house.clock.pass_time(3601)

    await shop.rescuer.beat()

    assert (await shop.task(task)).status is Status.EXPIRED
    assert await shop.house.balance(shop.key) == Balance(1000, 0)


async def test_one_beat_takes_over_all_that_there_is_room_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MAX_CLAIM_BATCH", 4)
    shop = Shop(house, await house.opens(limit=100), capacity=10)
    shop.tells(*[silence] * 10)
    await shop.sends(12)
    await house.claims("somebody far away")
    house.clock.pass_time(60)

    await shop.rescuer.beat()

    assert len(shop.running) == 10
    await shop.stops()


async def test_without_room_nothing_is_taken_over(house: House) -> None:
    shop = Shop(house, await house.opens(), capacity=0)
    [task] = await shop.sends()
    await house.claims("somebody far away")
    house.clock.pass_time(60)

    await shop.rescuer.beat()

    owners = await house.look("SELECT lease_owner FROM tasks WHERE id = :id", id=task)
    assert owners == [("somebody far away",)]


async def test_the_loop_outlives_what_goes_wrong_in_a_beat(shop: Shop, logged: Logged) -> None:
    await shop.house.store.close()
    loop = asyncio.ensure_future(shop.rescuer.run())
    await shop.house.clock.was_slept_on(3)
    loop.cancel()
    await asyncio.wait({loop})

    assert [entry["event"] for entry in logged][:3] == ["rescue failed"] * 3
    assert set(shop.house.clock.slept) == {1.0}
