"""A worker dies, and the one that takes over dies as well, at every step of its way."""

import pytest

from crash.conftest import ON_SQLITE, Opened
from crash.world import World, killable
from limner.application.generation.journal import SpendJournal
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Status

RESEND, REFUND = UnknownOutcome.RESEND_ONCE, UnknownOutcome.FAIL_AND_REFUND
MOST = {RESEND: 2, REFUND: 1}
"""Purchases that a policy allows, whatever happens and however often."""


KNOWN = [f"task {noted.__qualname__} 1 after" for noted in (SpendJournal.submitted, SpendJournal.delivered)]


@ON_SQLITE
@pytest.mark.parametrize("policy", [RESEND, REFUND])
@pytest.mark.parametrize("vendor", ["asynchronous", "synchronous"])
async def test_a_second_death_while_an_unknown_outcome_is_dealt_with_buys_no_more_than_the_policy_allows(
    world: Opened, vendor: str, policy: UnknownOutcome
) -> None:
    async with world(vendor, policy) as here:
        steps = await steps_of_a_rescue(here, "task sold 1")

        wrongs = [
            wrong for step in here.chosen(steps) for wrong in await wrongs_after_two_deaths(here, "task sold 1", step)
        ]

    assert wrongs == []


@ON_SQLITE
@pytest.mark.parametrize("first", KNOWN)
async def test_a_second_death_after_the_vendor_is_known_to_have_it_buys_nothing_more(world: Opened, first: str) -> None:
    async with world("asynchronous") as here:
        steps = await steps_of_a_rescue(here, first)

        wrongs = [
            wrong for step in here.chosen(steps) for wrong in await wrongs_after_two_deaths(here, first, step, most=1)
        ]

    assert wrongs == []


async def steps_of_a_rescue(here: World, first: str) -> list[str]:
    task = await here.submits()
    assert (await here.works(task, die_at=first)).killed
    run = await here.works(task)
    assert run.end == 0
    assert await here.wrongs(task) == []
    return killable(run.steps)


async def wrongs_after_two_deaths(here: World, first: str, second: str, most: int | None = None) -> list[str]:
    task = await here.submits()
    deaths = [await here.works(task, die_at=step) for step in (first, second)]
    last = await here.works(task)

    wrongs = [] if all(death.killed for death in deaths) else ["somebody lived"]
    wrongs += [] if last.end == 0 else [f"the last worker ended with {last.end}"]
    wrongs += await here.wrongs(task) + await wrong_purchases(here, task, most or MOST[here.policy])
    return [f"{second}: {wrong}" for wrong in wrongs]


async def wrong_purchases(here: World, task: TaskId, most: int) -> list[str]:
    """No more than allowed, and the task has a picture if the journal has one."""
    sold, journal = here.sold(task), [each.outcome for each in await here.attempts(task)]
    status = (await here.task(task)).status
    wrongs = [f"{len(sold)} purchases, {most} allowed"] if len(sold) > most else []
    if len(journal) > most:
        wrongs.append(f"{len(journal)} attempts in the journal, {most} allowed")
    if (status is Status.SUCCESS) != ("picture" in journal):
        wrongs.append(f"it is {status} after {journal}")
    return wrongs
