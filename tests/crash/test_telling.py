"""A worker is killed between every two steps of telling a webhook: it is told, and nothing is written twice."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from crash.conftest import Opened
from crash.world import World
from limner.application.tasks.execute import ExecuteTask
from limner.application.webhooks.deliver import Deliver
from limner.domain.ids import TaskId
from limner.domain.webhook import DeliveryState
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_http import GuardedWebhookHttp
from receivers import Message, Receiver, receiving

ALLOWED = "127.0.0.1"
END = f"task {ExecuteTask.end.__qualname__} 1"
SETTLED, SENT, NOTED = f"{END} inside", "webhooks post 1 after", f"webhooks {Deliver.__call__.__qualname__} 2 after"
TELLING = (f"webhooks {Deliver.take.__qualname__}", f"webhooks {Deliver.__name__}.__", "webhooks p")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_a_worker_killed_at_any_step_of_telling_leaves_one_message_that_is_told(
    world: Opened, receiver: Receiver
) -> None:
    async with world("sandbox") as here:
        here.allow = ALLOWED
        webhooks = replace(here.limner.webhooks, http=GuardedWebhookHttp(FetchAllow.parse(ALLOWED)))
        made = await webhooks.add(here.key.account, receiver.url())
        steps = await steps_of_telling(here)

        wrongs = [
            wrong
            for step in here.chosen(steps)
            for wrong in await wrongs_after_death_at(here, receiver, made.secret, step, steps)
        ]

    assert {SETTLED, SENT, NOTED} <= set(steps)
    assert wrongs == []


async def steps_of_telling(here: World) -> list[str]:
    """From the end of the task to the end of its message; what the sender does in between may come in any order."""
    task = await here.submits()
    run = await here.works(task)
    assert run.end == 0
    told = [step for step in run.steps if step.startswith(TELLING)]
    return [SETTLED, f"{END} after", *told]


async def wrongs_after_death_at(here: World, receiver: Receiver, secret: str, step: str, steps: list[str]) -> list[str]:
    task = await here.submits()
    first = await here.works(task, die_at=step)
    second = await here.works(task)

    wrongs = [] if first.killed else ["nobody died"]
    wrongs += [] if second.end == 0 else [f"the next worker ended with {second.end}"]
    wrongs += await here.wrongs(task)
    wrongs += await wrong_messages(
        here, messages_about(receiver, secret, task), task, twice=is_in_the_dark(step, steps)
    )
    return [f"{step}: {wrong}" for wrong in wrongs]


def is_in_the_dark(step: str, steps: list[str]) -> bool:
    """Whether the message was sent, and that was not written down."""
    return steps.index(SENT) <= steps.index(step) < steps.index(NOTED)


def messages_about(receiver: Receiver, secret: str, task: TaskId) -> list[Message]:
    return [each for each in receiver.messages if each.verified(secret)["data"]["task_id"] == task]


async def wrong_messages(here: World, messages: list[Message], task: TaskId, *, twice: bool) -> list[str]:
    rows = await here.limner.store.read(lambda records: records.deliveries.of_task(task))
    wrongs = [] if [row.state for row in rows] == [DeliveryState.DELIVERED] else [f"the outbox holds {rows}"]
    wrongs += [] if len(messages) == 1 + twice else [f"{len(messages)} messages came"]
    wrongs += [] if {each.id for each in messages} == {row.id for row in rows} else ["the messages have several ids"]
    wrongs += [] if {each.content["data"]["status"] for each in messages} == {"success"} else ["it told something else"]
    return wrongs
