"""A worker is killed at every step of a webhook delivery: the message arrives, under one id."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from crash.conftest import OpenHarness
from crash.harness import CrashHarness
from limner.application.generation.journal import SpendJournal
from limner.application.webhooks.deliver import Deliver
from limner.domain.ids import TaskId
from limner.domain.webhook import DeliveryState
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_http import GuardedWebhookHttp
from receivers import Message, Receiver, receiving

ALLOWED = "127.0.0.1"
END = f"task {SpendJournal.delivered_with.__qualname__} 1"
SETTLED, SENT, NOTED = f"{END} inside", "webhooks post 1 after", f"webhooks {Deliver.__call__.__qualname__} 2 after"
NOTIFYING = (f"webhooks {Deliver.take.__qualname__}", f"webhooks {Deliver.__name__}.__", "webhooks p")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_a_kill_at_any_step_of_a_delivery_leaves_one_message_that_is_delivered(
    open_harness: OpenHarness, receiver: Receiver
) -> None:
    async with open_harness("sandbox") as harness:
        harness.allow = ALLOWED
        webhooks = replace(harness.limner.webhooks, http=GuardedWebhookHttp(FetchAllow.parse(ALLOWED)))
        made = await webhooks.add(harness.key.account, receiver.url())
        steps = await steps_of_delivery(harness)

        violations = [
            violation
            for step in harness.steps_to_kill_at(steps)
            for violation in await violations_after_kill_at(harness, receiver, made.secret, step, steps)
        ]

    assert {SETTLED, SENT, NOTED} <= set(steps)
    assert violations == []


async def steps_of_delivery(harness: CrashHarness) -> list[str]:
    """Steps from the end of the task to the end of its delivery; the sender's other steps come in any order."""
    task = await harness.submit_task()
    run = await harness.run_worker(task)
    assert run.end == 0
    delivery_steps = [step for step in run.steps if step.startswith(NOTIFYING)]
    return [SETTLED, f"{END} after", *delivery_steps]


async def violations_after_kill_at(
    harness: CrashHarness, receiver: Receiver, secret: str, step: str, steps: list[str]
) -> list[str]:
    task = await harness.submit_task()
    first = await harness.run_worker(task, die_at=step)
    second = await harness.run_worker(task)

    violations = [] if first.killed else ["the worker was not killed"]
    violations += [] if second.end == 0 else [f"the next worker ended with {second.end}"]
    violations += await harness.violations(task)
    violations += await message_violations(
        harness, messages_about(receiver, secret, task), task, twice=outcome_is_unknown(step, steps)
    )
    return [f"{step}: {violation}" for violation in violations]


def outcome_is_unknown(step: str, steps: list[str]) -> bool:
    """Whether the message is sent at this step and the result is not yet recorded."""
    return steps.index(SENT) <= steps.index(step) < steps.index(NOTED)


def messages_about(receiver: Receiver, secret: str, task: TaskId) -> list[Message]:
    return [each for each in receiver.messages if each.verified(secret)["data"]["task_id"] == task]


async def message_violations(harness: CrashHarness, messages: list[Message], task: TaskId, *, twice: bool) -> list[str]:
    rows = await harness.limner.store.read(lambda records: records.deliveries.of_task(task))
    violations = [] if [row.state for row in rows] == [DeliveryState.DELIVERED] else [f"the outbox holds {rows}"]
    violations += [] if len(messages) == 1 + twice else [f"{len(messages)} messages arrived"]
    violations += (
        [] if {each.id for each in messages} == {row.id for row in rows} else ["the messages have several ids"]
    )
    violations += (
        []
        if {each.content["data"]["status"] for each in messages} == {"success"}
        else ["a message has the wrong status"]
    )
    return violations
