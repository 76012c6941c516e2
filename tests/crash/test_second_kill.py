"""A worker is killed, and the worker that takes over is killed as well, at every step."""

import pytest

from crash.conftest import ON_SQLITE, OpenHarness
from crash.harness import CrashHarness, kill_points
from limner.application.generation.journal import SpendJournal
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Status

RESEND, REFUND = UnknownOutcome.RESEND_ONCE, UnknownOutcome.FAIL_AND_REFUND
MOST = {RESEND: 2, REFUND: 1}
"""The most purchases that each policy allows, whatever happens."""


KNOWN = [
    f"task {SpendJournal.submitted.__qualname__} 1 after",
    f"task {SpendJournal.delivered_with.__qualname__} 1 before",
]


@ON_SQLITE
@pytest.mark.parametrize("policy", [RESEND, REFUND])
@pytest.mark.parametrize("vendor", ["asynchronous", "synchronous"])
async def test_a_second_kill_after_an_unknown_outcome_buys_no_more_than_the_policy_allows(
    open_harness: OpenHarness, vendor: str, policy: UnknownOutcome
) -> None:
    async with open_harness(vendor, policy) as harness:
        steps = await steps_of_a_takeover(harness, "task sold 1")

        violations = [
            violation
            for step in harness.steps_to_kill_at(steps)
            for violation in await violations_after_two_kills(harness, "task sold 1", step)
        ]

    assert violations == []


@ON_SQLITE
@pytest.mark.parametrize("first", KNOWN)
async def test_a_second_kill_after_the_handle_is_journaled_buys_nothing_more(
    open_harness: OpenHarness, first: str
) -> None:
    async with open_harness("asynchronous") as harness:
        steps = await steps_of_a_takeover(harness, first)

        violations = [
            violation
            for step in harness.steps_to_kill_at(steps)
            for violation in await violations_after_two_kills(harness, first, step, most=1)
        ]

    assert violations == []


async def steps_of_a_takeover(harness: CrashHarness, first: str) -> list[str]:
    task = await harness.submit_task()
    assert (await harness.run_worker(task, die_at=first)).killed
    run = await harness.run_worker(task)
    assert run.end == 0
    assert await harness.violations(task) == []
    return kill_points(run.steps)


async def violations_after_two_kills(
    harness: CrashHarness, first: str, second: str, most: int | None = None
) -> list[str]:
    task = await harness.submit_task()
    killed_runs = [await harness.run_worker(task, die_at=step) for step in (first, second)]
    last = await harness.run_worker(task)

    violations = [] if all(killed_run.killed for killed_run in killed_runs) else ["a worker was not killed"]
    violations += [] if last.end == 0 else [f"the last worker ended with {last.end}"]
    violations += await harness.violations(task) + await purchase_violations(
        harness, task, most or MOST[harness.policy]
    )
    return [f"{second}: {violation}" for violation in violations]


async def purchase_violations(harness: CrashHarness, task: TaskId, most: int) -> list[str]:
    """At most the allowed purchases, and success exactly if the journal has a picture."""
    purchases, journal = harness.purchases(task), [each.outcome for each in await harness.attempts(task)]
    status = (await harness.task(task)).status
    violations = [f"{len(purchases)} purchases, {most} allowed"] if len(purchases) > most else []
    if len(journal) > most:
        violations.append(f"{len(journal)} attempts in the journal, {most} allowed")
    if (status is Status.SUCCESS) != ("picture" in journal):
        violations.append(f"it is {status} after {journal}")
    return violations
