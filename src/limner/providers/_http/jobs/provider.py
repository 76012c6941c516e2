"""The base of providers whose vendor names, with each job, the addresses to poll it at."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from limner.domain.routing.failure import Failure
from limner.domain.routing.prices import NO_PRICES, Prices
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Picture, Report, VendorAccount
from limner.providers._http.client import VendorHttp
from limner.providers._http.facts import FACT_OPTIONS
from limner.providers._http.jobs.api import (
    MIN_POLL_S,
    FinishedJob,
    JobPolls,
    JobState,
    fetch_finished,
    submit_job,
    too_many_references,
    unknown_model,
)
from limner.providers._http.options import KEYED_JOB_RULES, Rules, invalid_option, require_valid
from limner.providers._http.response import VendorResponse


class JobModelFacts(Protocol):
    """What every table of models says. `pictures` is the most reference pictures of one request."""

    @property
    def pictures(self) -> int: ...

    @property
    def usd(self) -> float | None: ...


F = TypeVar("F", bound=JobModelFacts)


class JobProvider(ABC, Generic[F]):
    """A handle holds the job's `id`, the time `since` it was submitted (Unix seconds), and the vendor's addresses.

    `now` is the wall clock: a job's age must survive the worker that submitted it. Account options: `polling_hosts`,
    further hosts that may see the key; `poll_s`, the shortest time between two polls; `not_found_grace_s`, after how
    long a job that the vendor does not know is given up, where that is not the task's deadline. Options of a route go
    into the request as they are, but for `family` and `facts`, which say what an unknown upstream can do.
    """

    name: ClassVar[str]
    vendor: ClassVar[str]
    key_hosts: ClassVar[tuple[str, ...]]
    models: ClassVar[Mapping[str, Any]]
    route_options: ClassVar[Rules]
    option_headers: ClassVar[Mapping[str, str]] = {}
    """Options of a route that are sent as headers of the request, with the headers' names."""
    resumable = True
    free = False

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for an unknown option or a bad value."""
        options = account.options
        require_valid(options, KEYED_JOB_RULES)
        hosts = tuple(options.get("polling_hosts", self.key_hosts))
        self._http = VendorHttp(account, self.headers(account.key), key_hosts=hosts)
        self._now = now
        self._polls = JobPolls(
            self.vendor,
            now,
            least_s=float(options.get("poll_s", MIN_POLL_S)),
            missing_s=options.get("not_found_grace_s"),
        )

    # --- what a vendor is ---------------------------------------------------------------------------------------

    @abstractmethod
    def headers(self, key: str) -> dict[str, str]:
        """The headers that carry the key."""

    @abstractmethod
    def facts(self, upstream: str, options: Mapping[str, Any]) -> F | None:
        """What the upstream can do; None for one of no known family, whose route writes no facts."""

    def refusal(self, request: GenerationRequest, facts: F) -> Failure | None:
        """Why a request cannot be sent at all."""
        return too_many_references(request, facts.pictures)

    @abstractmethod
    async def encode(self, request: GenerationRequest, facts: F) -> tuple[str, dict[str, Any]]:
        """The path and the JSON body of the request."""

    @abstractmethod
    def decode_submit(self, response: VendorResponse, now_s: float) -> dict[str, Any] | Failure:
        """The handle of the submitted job."""

    @abstractmethod
    async def state(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobState | Pending:
        """Ask the vendor about the job. `Pending` where no answer came."""

    # --- the provider -------------------------------------------------------------------------------------------

    async def submit(self, request: GenerationRequest, report: Report) -> Accepted | Failure:  # noqa: ARG002 - no progress yet
        facts = self.facts(request.upstream, request.options)
        if facts is None:
            return unknown_model(self.vendor, request.upstream, self.models)
        if refusal := self.refusal(request, facts):
            return refusal
        path, body = await self.encode(self._with_body_options(request), facts)
        response = await submit_job(
            self._http, self.vendor, path, body, deadline_s=request.deadline_s, headers=self._option_headers(request)
        )
        handle = response if isinstance(response, Failure) else self.decode_submit(response, self._now())
        return handle if isinstance(handle, Failure) else Accepted(handle, self._polls.first_wait_s())

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        age_s = self._now() - handle["since"]

        async def poll_once() -> FinishedJob | Pending | Failure:
            state = await self.state(handle, request)
            return state if isinstance(state, Pending) else self._polls.answer(handle["id"], state, age_s=age_s)

        target = request.workdir / "delivered"
        outcome = await fetch_finished(
            *(self._http, self.vendor, poll_once, target),
            age_s=age_s,
            timeout_s=request.deadline_s,
            charged=not self.free,
        )
        return self._delivered(outcome, target, handle, request) if isinstance(outcome, FinishedJob) else outcome

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:
        facts = self.facts(upstream, options)
        return None if facts is None else facts.pictures

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        """List prices. A vendor whose price depends on the size overrides this."""
        facts = self.facts(upstream, options)
        return NO_PRICES if facts is None else Prices(facts.usd)

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        if wrong := invalid_option(options, self.route_options, allow_unknown=True):
            return wrong
        if self.facts(upstream, options) is None:
            unknown = unknown_model(self.vendor, upstream, self.models).reason
            return f"{unknown}. Give the option `family`, the known one that takes the same fields, or `facts`"
        return None

    async def close(self) -> None:
        await self._http.close()

    def _delivered(
        self, job: FinishedJob, path: Path, handle: Mapping[str, Any], request: GenerationRequest
    ) -> Delivered:
        prices, asked = self.prices(request.upstream, request.options), request.spec
        listed = prices.of(asked.quality, asked.size, len(request.references))
        cost_usd = listed if job.cost_usd is None else job.cost_usd
        served_by = {"provider": self.name, "model": request.upstream, "generative": True, "vendor_id": handle["id"]}
        return Delivered(Picture(path), served_by, cost_usd)

    def _with_body_options(self, request: GenerationRequest) -> GenerationRequest:
        """The request with only those options that are sent in its body."""
        elsewhere = {*FACT_OPTIONS, *self.option_headers}
        sent = {name: value for name, value in request.options.items() if name not in elsewhere}
        return replace(request, options=sent)

    def _option_headers(self, request: GenerationRequest) -> dict[str, str]:
        options = request.options
        return {header: str(options[name]) for name, header in self.option_headers.items() if name in options}
