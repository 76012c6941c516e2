"""A worker is killed between every two steps of a task: nothing is lost, and nothing is done twice."""

import pytest

from crash.conftest import Opened
from crash.world import World, killable
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
async def test_a_worker_killed_between_any_two_steps_loses_and_doubles_nothing(
    world: Opened, vendor: str, policy: UnknownOutcome
) -> None:
    async with world(vendor, policy) as here:
        steps = await steps_of_a_whole_life(here)

        wrongs = [
            wrong
            for step in here.chosen(concerned(here, steps))
            for wrong in await wrongs_after_death_at(here, step, steps)
        ]
        wrongs += await here.examined()

    assert wrongs == []


async def steps_of_a_whole_life(here: World) -> list[str]:
    task = await here.submits()
    run = await here.works(task)
    assert run.end == 0
    assert await here.wrongs(task) == []
    return killable(run.steps)


def concerned(here: World, steps: list[str]) -> list[str]:
    """The steps at which the policy makes a difference; the default policy is tried at all of them."""
    if here.policy is RESEND:
        return steps
    return steps[steps.index(f"{INTEND} before") : steps.index(known(here)) + 1]


async def wrongs_after_death_at(here: World, step: str, steps: list[str]) -> list[str]:
    task = await here.submits()
    first = await here.works(task, die_at=step)
    second = await here.works(task)

    wrongs = [] if first.killed else ["nobody died"]
    wrongs += [] if second.end == 0 else [f"the next worker ended with {second.end}"]
    wrongs += await here.wrongs(task) + await wrong_outcome(here, task, step, steps)
    return [f"{step}: {wrong}" for wrong in wrongs]


async def wrong_outcome(here: World, task: TaskId, step: str, steps: list[str]) -> list[str]:
    """Exactly what the policy says: more is bought only where nobody could know, and only if it allows that."""
    sold = -1 if here.vendor == "sandbox" else len(here.sold(task))
    journal = [each.outcome for each in await here.attempts(task)]
    is_ = ((await here.task(task)).status, sold, journal)
    shall = expected(here, step, steps)
    return [] if is_ == shall else [f"{is_}, not {shall}"]


def expected(here: World, step: str, steps: list[str]) -> tuple[Status, int, list[str]]:
    free = here.vendor == "sandbox"
    if not in_the_dark(here, step, steps):
        return Status.SUCCESS, -1 if free else 1, ["picture"]
    bought = steps.index(step) >= steps.index("task submit 1 before") + 1
    if free:
        return Status.SUCCESS, -1, ["unknown_outcome", "picture"]
    if here.policy is RESEND:
        return Status.SUCCESS, 1 + bought, ["unknown_outcome", "picture"]
    return Status.FAILED, int(bought), ["unknown_outcome"]


def in_the_dark(here: World, step: str, steps: list[str]) -> bool:
    """Whether the order was written down, and what came of it was not."""
    if not step.startswith("task "):
        return False
    return steps.index(f"{INTEND} after") <= steps.index(step) < steps.index(known(here))


def known(here: World) -> str:
    """The step at which it is on the disk what came of the order."""
    noted = SpendJournal.submitted if here.vendor == "asynchronous" else SpendJournal.delivered
    return f"task {noted.__qualname__} 1 after"
