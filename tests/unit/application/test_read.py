import pytest

from limner.application.read import ReadTask
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Code, Refusal
from stores import ServiceHarness


async def test_a_waiting_task_is_seen_with_how_many_come_before_it(service: ServiceHarness) -> None:
    key = await service.open_account()
    first, second = await service.submit_task(key), await service.submit_task(key)

    assert (await ReadTask(service.store)(key.account, first)).ahead == 0
    assert (await ReadTask(service.store)(key.account, second)).ahead == 1


async def test_a_task_that_left_the_queue_has_no_place_in_it(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)
    await service.claim_tasks()

    seen = await ReadTask(service.store)(key.account, task)

    assert (seen.task.id, seen.ahead) == (task, None)


@pytest.mark.parametrize(
    "task", ["00000000-0000-4000-8000-000000000000", "", "no uuid", "a\x00b", "x" * 10_000, "\ud800"]
)
async def test_what_is_not_there_is_not_found_whatever_its_name(service: ServiceHarness, task: str) -> None:
    with pytest.raises(Refusal) as refused:
        await ReadTask(service.store)(AccountId("ada"), TaskId(task))

    assert (refused.value.code, refused.value.field) == (Code.TASK_NOT_FOUND, "task_id")


async def test_another_account_s_task_is_refused_in_the_very_words_for_none(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    hers = await service.submit_task(eve)
    none = TaskId("00000000-0000-4000-8000-000000000000")

    reported = []
    for task in (hers, none):
        with pytest.raises(Refusal) as refused:
            await ReadTask(service.store)(ada.account, task)
        reported.append((refused.value.code, refused.value.reason.replace(task, "…"), refused.value.suggestion))

    assert reported[0] == reported[1]


async def test_the_operator_sees_everybody_s(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())

    assert (await ReadTask(service.store)(None, task)).task.id == task


async def test_many_are_read_at_once_and_strange_names_are_passed_over(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    mine, hers = await service.submit_task(ada), await service.submit_task(eve)

    seen = await ReadTask(service.store).many(ada.account, [mine, hers, TaskId("no uuid"), TaskId("\x00")])

    assert [each.task.id for each in seen] == [mine]
