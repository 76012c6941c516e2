"""Jobs that a vendor has accepted: the request, the progress, the outcome."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from limner_vendors._core.faults import FaultKind, InjectedFault
from limner_vendors._core.pictures import Format, ReceivedImage, Size

ABANDONED_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class EmulatedSpeed:
    """How fast the emulated vendors are.

    A picture takes `seconds`, and a job is reported unfinished at least `pending` times before it is done; one
    that is not polled ends half a minute later. A delivery link lives `link_seconds`, and a webhook that fails
    is sent again after `webhook_retries`.
    """

    seconds: float = 0.0
    pending: int = 2
    link_seconds: float = 600.0
    webhook_retries: tuple[float, ...] = (1.0, 5.0, 30.0)


@dataclass(frozen=True, slots=True)
class VendorOrder:
    """A request in any protocol. `other_fields` go into the purchase records."""

    model: str
    prompt: str
    references: tuple[ReceivedImage, ...] = ()
    size: Size = (1024, 1024)
    format: Format = "png"
    other_fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def megapixels(self) -> float:
        return self.size[0] * self.size[1] / 1e6


@dataclass(eq=False, slots=True)
class VendorJob:
    """A job. `hidden` is how many polls will still say that it does not exist."""

    id: str
    order: VendorOrder
    injected: InjectedFault
    started: float
    takes: float
    pending: int
    hidden: int = 0
    polls: int = 0
    ended: bool = False
    cancelled: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.injected.of(FaultKind.MODERATED, FaultKind.FAILED, FaultKind.CANCELLED) is not None


class Jobs:
    """All jobs of one vendor. `now` is a monotonic clock in seconds."""

    def __init__(self, speed: EmulatedSpeed, now: Callable[[], float]) -> None:
        self._speed = speed
        self._now = now
        self._jobs: dict[str, VendorJob] = {}

    def open(self, job_id: str, order: VendorOrder, injected: InjectedFault) -> VendorJob:
        longer = injected.of(FaultKind.LONG)
        takes = self._speed.seconds + (longer.amount(5) if longer else 0)
        lost = injected.of(FaultKind.NOT_FOUND)
        hidden = int(lost.amount(1)) if lost else 0
        job = VendorJob(job_id, order, injected, self._now(), takes, self._speed.pending, hidden)
        self._jobs[job_id] = job
        return job

    def find(self, job_id: str) -> VendorJob | None:
        return self._jobs.get(job_id)

    def all(self) -> list[VendorJob]:
        return list(self._jobs.values())

    def ask(self, job: VendorJob) -> float:
        """Poll: the progress, 0 to 1, which each poll advances."""
        job.polls += 1
        if self._over(job, job.polls > job.pending):
            job.ended = True
            return 1.0
        by_asking = job.polls / (job.pending + 1)
        by_time = (self._now() - job.started) / job.takes if job.takes else 1.0
        return round(min(by_asking, by_time, 0.99), 2)

    async def finish(self, job: VendorJob) -> None:
        """Wait until it is done, however seldom it is polled."""
        await asyncio.sleep(max(0.0, job.started + job.takes - self._now()))
        job.ended = True

    def unfinished(self, model: str | None = None) -> int:
        return sum(1 for job in self.all() if model in {None, job.order.model} and not self._done(job))

    def _done(self, job: VendorJob) -> bool:
        return self._over(job, asked_enough=False)

    def _over(self, job: VendorJob, asked_enough: bool) -> bool:  # noqa: FBT001 - a fact, not a switch
        age = self._now() - job.started
        return job.ended or job.cancelled or (asked_enough and age >= job.takes) or age >= job.takes + ABANDONED_S
