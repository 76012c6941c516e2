"""A worker is killed at every step of a task: nothing is lost, and nothing is bought twice."""

import pytest

from crash.conftest import OpenHarness
from crash.harness import CrashHarness, kill_points
from limner.application.generation.journal import SpendJournal
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Status

RESEND, REFUND = UnknownOutcome.RESEND_ONCE, UnknownOutcome.FAIL_AND_REFUND
INTEND = f"task {SpendJournal.intend.__qualname__} 1"
CASES = [
    ("asynchronous", RESEND),
    ("asynchronous", REFUND),
    ("synchronous", RESEND),
    ("synchronous", REFUND),
    ("sandbox", RESEND),
]


@pytest.mark.parametrize(("vendor", "policy"), CASES)
async def test_a_kill_at_any_step_loses_no_task_and_buys_nothing_twice(
    open_harness: OpenHarness, vendor: str, policy: UnknownOutcome
) -> None:
    async with open_harness(vendor, policy) as harness:
        steps = await steps_of_a_run(harness)

        violations = [
            violation
            for step in harness.steps_to_kill_at(relevant_steps(harness, steps))
            for violation in await violations_after_kill_at(harness, step, steps)
        ]
        violations += await harness.consistency_violations()

    assert violations == []


async def steps_of_a_run(harness: CrashHarness) -> list[str]:
    task = await harness.submit_task()
    run = await harness.run_worker(task)
    assert run.end == 0
    assert await harness.violations(task) == []
    return kill_points(run.steps)


def relevant_steps(harness: CrashHarness, steps: list[str]) -> list[str]:
    """The steps at which the policy makes a difference; the default policy is tested at all steps."""
    if harness.policy is RESEND:
        return steps
    return steps[steps.index(f"{INTEND} before") : steps.index(outcome_written_step(harness)) + 1]


async def violations_after_kill_at(harness: CrashHarness, step: str, steps: list[str]) -> list[str]:
    task = await harness.submit_task()
    first = await harness.run_worker(task, die_at=step)
    second = await harness.run_worker(task)

    violations = [] if first.killed else ["the worker was not killed"]
    violations += [] if second.end == 0 else [f"the next worker ended with {second.end}"]
    violations += await harness.violations(task) + await outcome_violations(harness, task, step, steps)
    return [f"{step}: {violation}" for violation in violations]


async def outcome_violations(harness: CrashHarness, task: TaskId, step: str, steps: list[str]) -> list[str]:
    """Compare with what the policy allows: a second purchase only after an unknown outcome under `resend_once`."""
    purchases = -1 if harness.vendor == "sandbox" else len(harness.purchases(task))
    journal = [each.outcome for each in await harness.attempts(task)]
    actual = ((await harness.task(task)).status, purchases, journal)
    wanted = expected(harness, step, steps)
    return [] if actual == wanted else [f"{actual}, not {wanted}"]


def expected(harness: CrashHarness, step: str, steps: list[str]) -> tuple[Status, int, list[str]]:
    free = harness.vendor == "sandbox"
    if not outcome_is_unknown(harness, step, steps):
        return Status.SUCCESS, -1 if free else 1, ["picture"]
    bought = steps.index(step) >= steps.index("task submit 1 before") + 1
    if free:
        return Status.SUCCESS, -1, ["unknown_outcome", "picture"]
    if harness.policy is RESEND:
        return Status.SUCCESS, 1 + bought, ["unknown_outcome", "picture"]
    return Status.FAILED, int(bought), ["unknown_outcome"]


def outcome_is_unknown(harness: CrashHarness, step: str, steps: list[str]) -> bool:
    """Whether the intent is journaled at this step and the result is not."""
    if not step.startswith("task "):
        return False
    return steps.index(f"{INTEND} after") <= steps.index(step) < steps.index(outcome_written_step(harness))


def outcome_written_step(harness: CrashHarness) -> str:
    """The step after which the result of the order is committed."""
    noted = SpendJournal.submitted if harness.vendor == "asynchronous" else SpendJournal.delivered_with
    return f"task {noted.__qualname__} 1 after"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("vendor", ["asynchronous", "synchronous"])
async def test_a_kill_between_the_pictures_of_a_task_buys_each_once_and_loses_none(
    open_harness: OpenHarness, vendor: str
) -> None:
    async with open_harness(vendor, RESEND) as harness:
        task = await harness.submit_task(pictures=3)
        run = await harness.run_worker(task)
        assert (run.end, await harness.violations(task)) == (0, [])

        steps = [step for step in kill_points(run.steps) if is_between_pictures(step)]
        violations = [violation for step in steps for violation in await violations_of_several(harness, step)]
        violations += await harness.consistency_violations()

    assert len(steps) > 10
    assert violations == []


def is_between_pictures(step: str) -> bool:
    """Whether a call of its kind was made before: there is one for each picture."""
    return step.startswith("task ") and step.split()[-2:] in (["2", "after"], ["3", "after"])


async def violations_of_several(harness: CrashHarness, step: str) -> list[str]:
    task = await harness.submit_task(pictures=3)
    first, second = await harness.run_worker(task, die_at=step), await harness.run_worker(task)
    attempts = await harness.attempts(task)

    violations = [] if first.killed else ["the worker was not killed"]
    violations += [] if second.end == 0 else [f"the next worker ended with {second.end}"]
    violations += await harness.violations(task)
    outcomes = [each.outcome for each in attempts]
    made = [(each.part, each.outcome) for each in attempts if each.outcome == "picture"]
    if made != [("1", "picture"), ("2", "picture"), ("3", "picture")]:
        violations.append(f"its pictures are {made}")
    in_doubt = outcomes.count("unknown_outcome")
    if not 3 <= len(harness.purchases(task)) <= 3 + in_doubt:
        violations.append(f"{len(harness.purchases(task))} purchases, and the journal has {outcomes}")
    return [f"{step}: {violation}" for violation in violations]
