"""A worker stops at every step of a task without time to finish: the next worker continues from the journal."""

import pytest

from crash.conftest import ON_SQLITE, OpenHarness
from crash.harness import CrashHarness, kill_points
from limner.domain.tasks.task import Status


@ON_SQLITE
@pytest.mark.parametrize("vendor", ["asynchronous", "synchronous"])
async def test_a_worker_stopped_at_any_step_loses_no_purchase(open_harness: OpenHarness, vendor: str) -> None:
    async with open_harness(vendor) as harness:
        task = await harness.submit_task()
        steps = kill_points((await harness.run_worker(task)).steps)

        violations = [
            violation
            for step in harness.steps_to_kill_at(steps)
            for violation in await violations_after_stop_at(harness, step)
        ]

    assert violations == []


async def violations_after_stop_at(harness: CrashHarness, step: str) -> list[str]:
    task = await harness.submit_task()
    ends = [(await harness.stop_worker(task, stop_at=step)).end, (await harness.run_worker(task)).end]

    actual = (
        (await harness.task(task)).status,
        len(harness.purchases(task)),
        [each.outcome for each in await harness.attempts(task)],
    )
    violations = [] if ends == [0, 0] else [f"the workers ended with {ends}"]
    violations += [] if actual == (Status.SUCCESS, 1, ["picture"]) else [f"{actual}"]
    return [f"{step}: {violation}" for violation in violations + await harness.violations(task)]
