"""Wake-up hints between the parts of Limner. Waiters also poll, so a lost hint only costs time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from limner.domain.ids import TaskId
from limner.domain.tasks.task import StatusChange

OnTasksChanged = Callable[[Sequence[StatusChange]], None]
"""Called with the changes that a unit of work wrote, after its commit."""


def ignore_task_changes(_changes: Sequence[StatusChange]) -> None:
    """The `OnTasksChanged` that does nothing."""


class Signals(Protocol):
    def work_arrived(self) -> None:
        """Report that a task was queued, or that capacity became free."""
        ...

    async def wait_for_work(self, at_most_s: float) -> None:
        """Return when a task was queued, or after `at_most_s` seconds."""
        ...

    def cancel_run(self, task: TaskId) -> None:
        """Ask the worker that runs this task, if the hint reaches it, to cancel it at once."""
        ...

    def on_tasks_changed(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever some task has changed, and sometimes without a change."""
        ...


@dataclass(frozen=True, slots=True)
class SignalHints:
    """Hints from one process to the others: work was queued, tasks changed, runs to cancel."""

    work: bool = False
    changes: bool = False
    cancels: frozenset[TaskId] = frozenset()

    def __or__(self, other: "SignalHints") -> "SignalHints":
        return SignalHints(self.work or other.work, self.changes or other.changes, self.cancels | other.cancels)

    def __bool__(self) -> bool:
        return self.work or self.changes or bool(self.cancels)


class SignalRelay(Protocol):
    """Carries hints between the processes that share a database."""

    def send(self, hints: SignalHints) -> None:
        """Send soon; hints in quick succession are sent together."""
        ...

    def start(self, on_hints: Callable[[SignalHints], None]) -> None:
        """Start listening; `on_hints` is called in the running event loop."""
        ...

    async def close(self) -> None:
        """Send the remaining hints, then stop."""
        ...
