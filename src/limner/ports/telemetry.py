"""What the application reports to whoever measures it. Each call is cheap, and none raises."""

from dataclasses import dataclass
from typing import Protocol

from limner.domain.routing.route import Route
from limner.domain.tasks.task import Task


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """An attempt that has ended on a route.

    `outcome` is `picture` or the kind of the failure, `latency_s` the time from its intent to the vendor's answer,
    `cost_usd` what it cost as far as that is known.
    """

    route: Route
    outcome: str
    latency_s: float
    cost_usd: float


class Telemetry(Protocol):
    def attempt_ended(self, attempt: EndedAttempt) -> None:
        """Report an attempt whose end is in the journal."""
        ...

    def task_executed(self, task: Task) -> None:
        """Report a task that this worker has executed and settled."""
        ...

    def webhook_sent(self, outcome: str) -> None:
        """Report a try to send a webhook message: `delivered`, `refused` or `unanswered`."""
        ...


class NoTelemetry:
    """Measures nothing: for commands, and for tests."""

    def attempt_ended(self, attempt: EndedAttempt) -> None: ...
    def task_executed(self, task: Task) -> None: ...
    def webhook_sent(self, outcome: str) -> None: ...


NO_TELEMETRY = NoTelemetry()
