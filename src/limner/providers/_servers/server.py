"""One of several servers: what it works on, and whether it takes requests."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from limner.ports.provider import Provider, ServerState
from limner.providers._http import VendorHttp, VendorHttpError

log = structlog.get_logger()

LOOK_AGAIN_S = 5.0
"""How long a server's answer to a question after its health is believed."""

REST_S = (5.0, 10.0, 20.0, 40.0, 60.0)
"""How long a server is left alone after so many failures in a row."""

_HEALTH_S = 3.0
"""For the question after a server's health, which costs it nothing."""

_FORGOTTEN_S = 120.0
"""A job that this process has not polled for so long is another's, or nobody's."""

_NO_HEALTH_PATH = frozenset({401, 403, 404, 405})


class Condition(StrEnum):
    WELL = "well"
    DRAINING = "draining"
    DOWN = "down"


@dataclass(slots=True)
class Server:
    """`marked` is the operator's mark: it gets no new request. `pool` is the name of the provider."""

    pool: str
    url: str
    provider: Provider
    health: VendorHttp
    health_path: str
    marked: bool = False
    now: Callable[[], float] = time.monotonic
    _calls: int = 0
    _jobs: dict[str, float] = field(default_factory=dict)
    _condition: Condition = Condition.WELL
    _says: str = ""
    _failures: int = 0
    _rests_until: float = 0.0
    _looked_at: float | None = None

    @property
    def outstanding(self) -> int:
        """Calls under way from this process, and jobs that it waits for."""
        since = self.now() - _FORGOTTEN_S
        self._jobs = {attempt: at for attempt, at in self._jobs.items() if at > since}
        return self._calls + len(self._jobs)

    @property
    def takes_requests(self) -> bool:
        return not self.marked and self._condition is Condition.WELL

    @property
    def needs_look(self) -> bool:
        """Whether it is time to ask after its health."""
        now = self.now()
        if self.marked or now < self._rests_until:
            return False
        return self._looked_at is None or now - self._looked_at >= LOOK_AGAIN_S

    @property
    def state(self) -> ServerState:
        if self.marked and self._condition is not Condition.DOWN:
            return ServerState(self.url, well=False, says=f"{Condition.DRAINING} (by the configuration)")
        says = str(self._condition) + (f" ({self._says})" if self._says else "")
        return ServerState(self.url, self._condition is Condition.WELL, says)

    @contextmanager
    def call(self) -> Iterator[None]:
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def has_job(self, attempt: str) -> None:
        self._jobs[attempt] = self.now()

    def job_ended(self, attempt: str) -> None:
        self._jobs.pop(attempt, None)

    async def look(self) -> None:
        """Ask after its health. A server that has no such path is well; one that answers 503 drains."""
        try:
            answer = await self.health.call("GET", self.health_path, timeout_s=_HEALTH_S)
        except VendorHttpError as error:
            self.failed(error.reason)
            return
        self._looked_at = self.now()
        if answer.status == 503:
            self._becomes(Condition.DRAINING, "its health check answers 503")
        elif answer.ok or answer.status in _NO_HEALTH_PATH:
            self._rests_until = 0.0
            self._becomes(Condition.WELL, "")
        else:
            self.failed(f"its health check answers {answer.status}")

    def failed(self, why: str) -> None:
        """Leave it alone for a while, longer after each failure in a row."""
        self._rests_until = self.now() + REST_S[min(self._failures, len(REST_S) - 1)]
        self._failures += 1
        self._looked_at = None
        self._becomes(Condition.DOWN, why)

    def answered(self) -> None:
        self._failures = 0

    def _becomes(self, condition: Condition, says: str) -> None:
        if condition is not self._condition:
            log.warning("server changed", provider=self.pool, url=self.url, condition=str(condition), reason=says)
        self._condition, self._says = condition, says
