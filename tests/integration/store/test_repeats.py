"""Finding the task of a call whose answer did not arrive."""

import asyncio

from limner.application.tasks.repeats import REPEAT_MS, Repeats, repeat_key
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from stores import ServiceHarness

DIGEST = "d" * 64


def repeats_of(service: ServiceHarness) -> Repeats:
    """As a process has them that starts now."""
    return Repeats(service.store, service.clock)


async def called(service: ServiceHarness, key: Key) -> TaskId:
    return (await service.submit_request(key, idempotency_key=repeat_key(DIGEST), digest=DIGEST)).task


async def test_an_equal_request_is_a_new_one_unless_it_is_announced(service: ServiceHarness) -> None:
    key, repeats = await service.open_account(), repeats_of(service)
    service.clock.ms += 1
    task = await called(service, key)

    assert await repeats.join(key.account, DIGEST, announced=False) is None
    assert await repeats.join(key.account, DIGEST, announced=True) == task


async def test_a_lost_answer_is_handed_out_once(service: ServiceHarness) -> None:
    key, repeats = await service.open_account(), repeats_of(service)
    service.clock.ms += 1
    task = await called(service, key)
    await repeats.lose(key.account, DIGEST, task)

    assert await repeats.join(key.account, DIGEST, announced=False) == task
    assert await repeats.join(key.account, DIGEST, announced=False) is None


async def test_a_lost_answer_is_kept_for_a_quarter_of_an_hour(service: ServiceHarness) -> None:
    key, repeats = await service.open_account(), repeats_of(service)
    service.clock.ms += 1
    await repeats.lose(key.account, DIGEST, await called(service, key))
    service.clock.ms += REPEAT_MS + 1

    assert await repeats.join(key.account, DIGEST, announced=True) is None


async def test_a_call_of_a_process_that_is_gone_is_joined_once(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await called(service, key)
    service.clock.ms += 1
    later = repeats_of(service)

    assert await later.join(key.account, DIGEST, announced=False) == task
    assert await later.join(key.account, DIGEST, announced=False) is None


async def test_a_repeat_waits_while_its_predecessor_is_being_accepted(service: ServiceHarness) -> None:
    key, repeats = await service.open_account(), repeats_of(service)
    with repeats.accepting(key.account, DIGEST):
        joining = asyncio.ensure_future(repeats.join(key.account, DIGEST, announced=True))
        await asyncio.sleep(0)
        task = await called(service, key)

    assert await joining == task
