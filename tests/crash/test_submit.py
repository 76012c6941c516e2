"""A process is killed at every step of a submit: the task exists completely or not at all."""

from crash.conftest import OpenHarness
from crash.harness import CrashHarness, kill_points
from crash.process_under_test import ANSWERED
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status


async def test_a_kill_at_any_step_of_a_submit_leaves_a_complete_task_or_none(open_harness: OpenHarness) -> None:
    async with open_harness("asynchronous") as harness:
        run = await harness.run_submit()
        assert run.end == 0
        await finish_all_tasks(harness)

        violations = [
            violation
            for step in harness.steps_to_kill_at(kill_points(run.steps))
            for violation in await violations_after_kill_at(harness, step)
        ]
        violations += await harness.consistency_violations()

    assert violations == []


async def violations_after_kill_at(harness: CrashHarness, step: str) -> list[str]:
    before = {task.id for task in await harness.tasks()}
    killed_run = await harness.run_submit(die_at=step)
    new = {task.id for task in await harness.tasks()} - before

    violations = [] if killed_run.killed else ["the process was not killed"]
    violations += [] if len(new) <= 1 else [f"{len(new)} tasks"]
    if step == ANSWERED and not new:
        violations.append("the submit was answered, and there is no task")
    violations += await finish_all_tasks(harness)
    return [f"{step}: {violation}" for violation in violations]


async def finish_all_tasks(harness: CrashHarness) -> list[str]:
    """Run all tasks to their end, and return what violates the invariants."""
    tasks: list[TaskId] = [task.id for task in await harness.tasks()]
    run = await harness.run_worker(*tasks)
    found = [] if run.end == 0 else [f"the worker ended with {run.end}"]
    found += [f"{task.id} is {task.status}" for task in await harness.tasks() if task.status is not Status.SUCCESS]
    return found + await harness.violations(tasks[0])
