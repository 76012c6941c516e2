"""A server is killed between every two steps of accepting a task: there is a whole task or none."""

from crash.conftest import Opened
from crash.victim import ANSWERED
from crash.world import World, killable
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status


async def test_a_server_killed_at_any_step_of_accepting_leaves_a_whole_task_or_none(world: Opened) -> None:
    async with world("asynchronous") as here:
        run = await here.accepts()
        assert run.end == 0
        await finish_what_is_there(here)

        wrongs = [
            wrong for step in here.chosen(killable(run.steps)) for wrong in await wrongs_after_death_at(here, step)
        ]
        wrongs += await here.examined()

    assert wrongs == []


async def wrongs_after_death_at(here: World, step: str) -> list[str]:
    before = {task.id for task in await here.tasks()}
    death = await here.accepts(die_at=step)
    new = {task.id for task in await here.tasks()} - before

    wrongs = [] if death.killed else ["nobody died"]
    wrongs += [] if len(new) <= 1 else [f"{len(new)} tasks"]
    if step == ANSWERED and not new:
        wrongs.append("the answer was given, and there is no task")
    wrongs += await finish_what_is_there(here)
    return [f"{step}: {wrong}" for wrong in wrongs]


async def finish_what_is_there(here: World) -> list[str]:
    """Whatever was accepted is a task that runs to its end; whatever was not has left nothing behind."""
    tasks: list[TaskId] = [task.id for task in await here.tasks()]
    run = await here.works(*tasks)
    found = [] if run.end == 0 else [f"the worker ended with {run.end}"]
    found += [f"{task.id} is {task.status}" for task in await here.tasks() if task.status is not Status.SUCCESS]
    return found + await here.wrongs(tasks[0])
