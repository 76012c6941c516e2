"""A worker is told to stop at every step of a task, without time to finish: the next one goes on where it was."""

import pytest

from crash.conftest import ON_SQLITE, Opened
from crash.world import World, killable
from limner.domain.tasks.task import Status


@ON_SQLITE
@pytest.mark.parametrize("vendor", ["asynchronous", "synchronous"])
async def test_a_worker_stopped_at_any_step_hands_back_what_it_bought(world: Opened, vendor: str) -> None:
    async with world(vendor) as here:
        task = await here.submits()
        steps = killable((await here.works(task)).steps)

        wrongs = [wrong for step in here.chosen(steps) for wrong in await wrongs_after_a_stop_at(here, step)]

    assert wrongs == []


async def wrongs_after_a_stop_at(here: World, step: str) -> list[str]:
    task = await here.submits()
    ends = [(await here.stops(task, stop_at=step)).end, (await here.works(task)).end]

    is_ = ((await here.task(task)).status, len(here.sold(task)), [each.outcome for each in await here.attempts(task)])
    wrongs = [] if ends == [0, 0] else [f"the workers ended with {ends}"]
    wrongs += [] if is_ == (Status.SUCCESS, 1, ["picture"]) else [f"{is_}"]
    return [f"{step}: {wrong}" for wrong in wrongs + await here.wrongs(task)]
