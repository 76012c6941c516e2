"""Waiting for a unit of work whose caller may go away."""

import asyncio
from functools import partial
from typing import TypeVar

from limner.domain.tasks.task import StatusChange
from limner.ports.signals import OnTasksChanged

T = TypeVar("T")

Committed = tuple[T, tuple[StatusChange, ...]]
"""The value of a unit of work, and the changes of tasks that it wrote."""


async def committed(outcome: "asyncio.Future[Committed[T]]", on_tasks_changed: OnTasksChanged) -> T:
    """The value of a unit of work once it is committed; `on_tasks_changed` is called first.

    When the caller is cancelled the unit of work is carried out all the same: it may hold what a vendor was paid for.
    """
    outcome.add_done_callback(partial(_report_changes, on_tasks_changed))
    value, _ = await asyncio.shield(outcome)
    return value


def _report_changes(on_tasks_changed: OnTasksChanged, outcome: "asyncio.Future[Committed[T]]") -> None:
    if outcome.cancelled() or outcome.exception():
        return
    if changes := outcome.result()[1]:
        on_tasks_changed(changes)
