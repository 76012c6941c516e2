import pytest

from limner.application.tasks.explain import Explain
from limner.domain.ids import AccountId
from limner.domain.refusal import Refusal
from stores import DRAWN, House


async def test_all_that_is_known_of_a_task_is_told(house: House) -> None:
    key = await house.opens()
    task = await house.sends(key, t_pose=True, ignored=("style",))
    await house.claims()
    await house.intends(task)
    await house.settles(task, DRAWN)

    told = await Explain(house.store, house.templates)(key.account, task)

    assert told.task == await house.task(task)
    assert told.composed
    assert "a red fox in the snow" in told.composed.text
    assert told.ignored == ("style",)
    assert [attempt.outcome for attempt in told.attempts] == ["given_up"]
    assert [row.movement for row in told.ledger] == ["hold", "settle"]
    assert list(told.inputs) == []


async def test_a_task_whose_template_is_gone_is_told_without_its_words(house: House) -> None:
    key = await house.opens()
    task = await house.sends(key, template=next(iter(house.templates)))

    assert (await Explain(house.store, {})(key.account, task)).composed is None
    assert (await Explain(house.store, house.templates)(key.account, task)).composed


async def test_another_account_is_told_nothing(house: House) -> None:
    task = await house.sends(await house.opens())

    with pytest.raises(Refusal):
        await Explain(house.store, house.templates)(AccountId("eve"), task)
