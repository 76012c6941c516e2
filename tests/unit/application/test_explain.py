import pytest

from limner.application.explain import Explain
from limner.domain.ids import AccountId
from limner.domain.refusal import Refusal
from stores import SUCCEEDED, ServiceHarness


async def test_a_task_is_explained_with_prompt_attempts_and_ledger(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key, t_pose=True, ignored=("style",))
    await service.claim_tasks()
    await service.write_intent(task)
    await service.settle_task(task, SUCCEEDED)

    explained = await Explain(service.store, service.templates, service.routing)(key.account, task)

    assert explained.task == await service.task(task)
    assert explained.composed
    assert "a red fox in the snow" in explained.composed.text
    assert explained.ignored == ("style",)
    assert [attempt.outcome for attempt in explained.attempts] == ["given_up"]
    assert [row.movement for row in explained.ledger] == ["hold", "settle"]
    assert list(explained.inputs) == []


async def test_a_task_whose_template_was_removed_is_explained_without_a_prompt(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key, template=next(iter(service.templates)))

    assert (await Explain(service.store, {}, service.routing)(key.account, task)).composed is None
    assert (await Explain(service.store, service.templates, service.routing)(key.account, task)).composed


async def test_another_account_s_task_is_not_explained(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())

    with pytest.raises(Refusal):
        await Explain(service.store, service.templates, service.routing)(AccountId("eve"), task)
