import pytest

from limner.application.tasks.explain import Explain
from limner.domain.ids import AccountId
from limner.domain.refusal import Refusal
from stores import SUCCEEDED, ServiceHarness


async def test_all_that_is_known_of_a_task_is_told(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key, t_pose=True, ignored=("style",))
    await service.claim_tasks()
    await service.write_intent(task)
    await service.settle_task(task, SUCCEEDED)

    told = await Explain(service.store, service.templates, service.routing)(key.account, task)

    assert told.task == await service.task(task)
    assert told.composed
    assert "a red fox in the snow" in told.composed.text
    assert told.ignored == ("style",)
    assert [attempt.outcome for attempt in told.attempts] == ["given_up"]
    assert [row.movement for row in told.ledger] == ["hold", "settle"]
    assert list(told.inputs) == []


async def test_a_task_whose_template_is_gone_is_told_without_its_words(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key, template=next(iter(service.templates)))

    assert (await Explain(service.store, {}, service.routing)(key.account, task)).composed is None
    assert (await Explain(service.store, service.templates, service.routing)(key.account, task)).composed


async def test_another_account_is_told_nothing(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())

    with pytest.raises(Refusal):
        await Explain(service.store, service.templates, service.routing)(AccountId("eve"), task)
