"""Hints between the parts of Limner. A lost hint costs time, never truth: whoever waits also looks for itself."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status

OnTasksChanged = Callable[[Collection[Status]], None]
"""Hears what became of tasks, after that was committed."""


def ignore_task_changes(_became: Collection[Status]) -> None:
    """Nobody hears it."""


class Signals(Protocol):
    def work_arrived(self) -> None:
        """A task was queued, or there is room for one."""
        ...

    async def wait_for_work(self, at_most_s: float) -> None:
        """Return when a task was queued, or after `at_most_s` seconds."""
        ...

    def cancel_run(self, task: TaskId) -> None:
        """A running task shall be cancelled; the worker that has it acts at once, where hints reach it."""
        ...

    def on_tasks_changed(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever a task has changed; it says neither which nor how, and may be called for nothing."""
        ...


@dataclass(frozen=True, slots=True)
class SignalHints:
    """What one process tells the others: there is work, tasks have changed, and which runs shall be cancelled."""

    work: bool = False
    news: bool = False
    cancels: frozenset[TaskId] = frozenset()

    def __or__(self, other: "SignalHints") -> "SignalHints":
        return SignalHints(self.work or other.work, self.news or other.news, self.cancels | other.cancels)

    def __bool__(self) -> bool:
        return self.work or self.news or bool(self.cancels)


class SignalRelay(Protocol):
    """Carries hints between the processes that share a database."""

    def tell(self, hints: SignalHints) -> None:
        """Tell the others soon; what is told in quick succession goes out together."""
        ...

    def start(self, hear: Callable[[SignalHints], None]) -> None:
        """Listen from now on, calling `hear` in the loop that runs now."""
        ...

    async def close(self) -> None:
        """Send what is still to be told, then stop."""
        ...
