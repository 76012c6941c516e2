"""Vendors that work on jobs: a job is submitted, polled, cancelled, and its picture downloaded."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, assert_never

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import GenerationRequest, JobCancellation, Pending
from limner.providers._http.client import VendorHttp
from limner.providers._http.error_response import detail_of
from limner.providers._http.errors import BadResponse, NoResponse, TooLarge, UntrustedHost
from limner.providers._http.images.blank import blank_failure, is_blank
from limner.providers._http.redaction import redacted
from limner.providers._http.response import VendorResponse, no_response_failure
from limner.providers._http.retry_after import retry_after_s

MIN_POLL_S: Final = 0.75
"""The shortest time between two polls of a job, where the account names no other."""

MAX_POLL_S: Final = 5.0

RETRY_POLL_S: Final = 2.0
"""After a poll without an answer, where the vendor names no time."""

MISSING_POLL_S: Final = 1.0
"""The shortest time after a poll that says that there is no such job."""

LONGEST_WAIT_S: Final = 30.0
"""The longest `Retry-After` that is obeyed before the next poll: the job is bought already."""

DEAD_LINK_S: Final = 600.0
"""How long after submission a dead link is retried. Then the picture is given up, though it was charged."""

SUBMIT_TIMEOUT_S: Final = 120.0
POLL_TIMEOUT_S: Final = 30.0
CANCEL_TIMEOUT_S: Final = 10.0
DOWNLOAD_TIMEOUT_S: Final = 120.0

# A key that is refused now was accepted when the job was submitted, and may be accepted again while it runs.
_RETRIED_STATUSES: Final = frozenset({401, 403, 408, 425, 429})


# --- the states of a job ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """The picture can be downloaded at `link`, or is a file or bytes already where the vendor sent a data URL.

    `cost_usd` is the vendor's own figure, where it gives one.
    """

    link: str | Path | bytes
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class RunningJob:
    """`progress` is in percent, None where the vendor gives none; a `queued` job waits for its turn at the vendor."""

    progress: int | None = None
    queued: bool = False


@dataclass(frozen=True, slots=True)
class MissingJob:
    """The vendor says that it has no such job."""

    detail: str


JobState: TypeAlias = FinishedJob | RunningJob | MissingJob | Failure


# --- submitting -------------------------------------------------------------------------------------------------


def unknown_model(vendor: str, upstream: str, known: Iterable[str]) -> Failure:
    return Failure(
        FailureKind.MODEL_UNAVAILABLE, f"{vendor}'s model {upstream!r} is not known here: {', '.join(known)} are"
    )


def too_many_references(request: GenerationRequest, most: int) -> Failure | None:
    given = len(request.references)
    if given <= most:
        return None
    return Failure(FailureKind.BAD_INPUT, f"{request.upstream} takes {most} reference pictures at most, {given} came")


async def submit_job(
    http: VendorHttp,
    vendor: str,
    path: str,
    body: Any,
    *,
    deadline_s: float,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> VendorResponse | Failure:
    """Send a request that costs money. Returns the response whatever its status.

    Times out before `deadline_s`, so that the failure can say that the request was sent.
    """
    try:
        timeout_s = min(0.75 * deadline_s, SUBMIT_TIMEOUT_S)
        return await http.call("POST", path, json=body, timeout_s=timeout_s, headers=headers)
    except NoResponse as error:
        return no_response_failure(vendor, error)
    except BadResponse as error:
        return Failure(FailureKind.UNKNOWN_OUTCOME, f"{vendor}'s answer to the request {error.reason}")


def missing_handle(vendor: str, response: VendorResponse) -> Failure:
    """The request was accepted without a handle: the job may run and be charged, and cannot be polled."""
    return Failure(
        FailureKind.UNKNOWN_OUTCOME,
        f"{vendor} accepted the request and named no job to poll",
        detail=detail_of(response),
    )


# --- polling ----------------------------------------------------------------------------------------------------


async def query_job(
    http: VendorHttp,
    vendor: str,
    url: str,
    method: str = "GET",
    body: Any = None,
    *,
    timeout_s: float,
    workdir: Path | None = None,
    is_final: Callable[[VendorResponse], bool] = lambda _: False,
) -> VendorResponse | Pending | Failure:
    """Ask about a submitted job. `Pending` where no answer came, `Failure` where the key must not go to `url`.

    A status that may pass (401, 403, 408, 425, 429 and 5xx) is no answer, unless `is_final` recognises it. With
    `workdir`, pictures in the answer are written there.
    """
    try:
        response = await http.call(method, url, json=body, workdir=workdir, timeout_s=min(timeout_s, POLL_TIMEOUT_S))
    except TooLarge as error:
        return Failure(FailureKind.UNSUPPORTED_OUTPUT, f"{vendor}'s answer {error.reason}", charged=True)
    except (NoResponse, BadResponse):
        return Pending(wait_s=RETRY_POLL_S)
    except UntrustedHost as error:
        return _untrusted(vendor, error)
    may_pass = response.status in _RETRIED_STATUSES or response.status >= 500
    return _retry_later(response) if may_pass and not is_final(response) else response


def _untrusted(vendor: str, error: UntrustedHost) -> Failure:
    return Failure(
        FailureKind.AUTH,
        f"{vendor} names a polling host that must not see our key; `polling_hosts` lists those that may",
        charged=True,
        detail=redacted(error.reason),
    )


def _retry_later(response: VendorResponse) -> Pending:
    return Pending(wait_s=min(retry_after_s(response) or RETRY_POLL_S, LONGEST_WAIT_S))


def poll_interval_s(age_s: float, *, least: float = MIN_POLL_S, most: float = MAX_POLL_S) -> float:
    """Seconds until the next poll of a job of this age: an eighth of it, within limits."""
    return max(least, min(most, age_s / 8))


_REMEMBERED_JOBS: Final = 1000


class JobPolls:
    """Turns the states of one account's jobs into answers of a provider's `poll`.

    A missing job stays pending, for it is bought: until its task's deadline, or for `missing_s` seconds since it was
    last known, where that is set. `now` is the wall clock in seconds.
    """

    def __init__(
        self,
        vendor: str,
        now: Callable[[], float],
        *,
        least_s: float = MIN_POLL_S,
        most_s: float = MAX_POLL_S,
        missing_s: float | None = None,
    ) -> None:
        self._vendor = vendor
        self._now = now
        self._least_s = least_s
        self._most_s = most_s
        self._missing_s = missing_s
        self._last_known_s: dict[str, float] = {}

    def first_wait_s(self) -> float:
        return poll_interval_s(0, least=self._least_s, most=self._most_s)

    def answer(self, job: str, state: JobState, *, age_s: float) -> FinishedJob | Pending | Failure:
        match state:
            case MissingJob(detail):
                return self._missing(job, detail)
            case RunningJob(progress, queued):
                self._known(job)
                wait_s = poll_interval_s(age_s, least=self._least_s, most=self._most_s)
                return Pending(progress, wait_s, queued=queued)
            case FinishedJob() | Failure():
                self._known(job)
                return state
            case _:
                assert_never(state)

    def _known(self, job: str) -> None:
        self._last_known_s.pop(job, None)
        self._last_known_s[job] = self._now()
        while len(self._last_known_s) > _REMEMBERED_JOBS:
            del self._last_known_s[next(iter(self._last_known_s))]

    def _missing(self, job: str, detail: str) -> Pending | Failure:
        if job not in self._last_known_s:
            self._known(job)  # submitted, or polled by an earlier process
        missing_for_s = self._now() - self._last_known_s[job]
        if self._missing_s is None or missing_for_s < self._missing_s:
            return Pending(wait_s=poll_interval_s(missing_for_s, least=MISSING_POLL_S, most=self._most_s))
        return Failure(FailureKind.UNKNOWN_OUTCOME, f"{self._vendor} does not know the job any more", detail=detail)


# --- cancelling -------------------------------------------------------------------------------------------------


async def cancel_job(
    http: VendorHttp,
    method: str,
    url: str,
    *,
    deadline_s: float,
    decode: Callable[[VendorResponse], JobCancellation],
) -> JobCancellation:
    """Ask once to stop a job. Every failure is a `JobCancellation` that was not accepted."""
    try:
        response = await http.call(method, url, timeout_s=min(deadline_s, CANCEL_TIMEOUT_S))
    except (NoResponse, BadResponse, UntrustedHost) as error:
        return JobCancellation(accepted=False, detail=redacted(error.reason))
    return decode(response) if response.ok else JobCancellation(accepted=False, detail=detail_of(response))


# --- downloading ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _DeadLink:
    """Why a link gave no picture; `is_final` where no other link to the same picture would give one."""

    reason: str
    is_final: bool = False


async def fetch_finished(
    http: VendorHttp,
    vendor: str,
    poll: Callable[[], Awaitable[FinishedJob | Pending | Failure]],
    target: Path,
    *,
    age_s: float,
    timeout_s: float,
    charged: bool = True,
) -> FinishedJob | Pending | Failure:
    """Poll, and download the picture of a finished job to `target`. After a dead link the job is polled once more.

    `charged` says whether the vendor is paid for a picture of no use.
    """
    last = _DeadLink("")
    for _ in range(2):
        outcome = await poll()
        if not isinstance(outcome, FinishedJob):
            return outcome
        dead = await _download(http, outcome.link, target, min(timeout_s, DOWNLOAD_TIMEOUT_S))
        if dead is None:
            return blank_failure(vendor, charged=charged) if await asyncio.to_thread(is_blank, target) else outcome
        last = dead
    return _not_downloaded(vendor, last, age_s, charged=charged)


async def _download(http: VendorHttp, link: str | Path | bytes, target: Path, timeout_s: float) -> _DeadLink | None:
    if isinstance(link, Path):
        await asyncio.to_thread(link.replace, target)
        return None
    if isinstance(link, bytes):
        await asyncio.to_thread(target.write_bytes, link)
        return None
    try:
        response = await http.download(link, target, timeout_s=timeout_s)
    except NoResponse as error:
        return _DeadLink(error.reason)
    except BadResponse as error:
        return _DeadLink(f"the answer {error.reason}", is_final=True)
    return None if response.status == 200 else _DeadLink(f"its link answers HTTP {response.status}")


def _not_downloaded(vendor: str, dead: _DeadLink, age_s: float, *, charged: bool) -> Pending | Failure:
    if age_s < DEAD_LINK_S and not dead.is_final:
        return Pending(wait_s=RETRY_POLL_S)
    return Failure(
        FailureKind.BAD_OUTPUT, f"the picture that {vendor} made could not be downloaded: {dead.reason}", charged
    )
