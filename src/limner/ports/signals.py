"""Hints between the parts of Limner. A lost hint costs time, never truth: whoever waits also looks for itself."""

from typing import Protocol

from limner.domain.ids import TaskId


class Signals(Protocol):
    def work_arrived(self) -> None:
        """A task was queued."""
        ...

    async def wait_for_work(self, at_most_s: float) -> None:
        """Return when a task was queued, or after `at_most_s` seconds."""
        ...

    def cancel_asked(self, task: TaskId) -> None:
        """A running task shall be cancelled; the worker that has it acts at once if it is in this process."""
        ...
