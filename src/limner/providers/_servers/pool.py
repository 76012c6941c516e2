"""The provider over several servers: the least busy one that is well gets a request; a job is polled where it is."""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from limner.domain.prompts.dialect import PromptDialect
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.prices import Prices
from limner.ports.provider import (
    Accepted,
    CancelsJobs,
    CapsReferences,
    ChecksUpstreams,
    Delivered,
    GenerationRequest,
    JobCancellation,
    Pending,
    Provider,
    Report,
    ServerState,
    UpstreamCheck,
    ValidatesRoute,
    VendorAccount,
    abilities_of,
    dialect_of,
    prices_of,
)
from limner.providers._http import VendorHttp
from limner.providers._servers.server import Server

SERVER = "server"
"""The field of a handle that names the server which has the job."""

_NOT_ITS_FAULT = frozenset({FailureKind.RATE_LIMITED})
_ELSEWHERE = frozenset({FailureKind.TRANSIENT, FailureKind.MODEL_UNAVAILABLE, FailureKind.RATE_LIMITED})
"""Failures of one server, which another may not have."""

_TIME_FOR_ANOTHER = 0.5
"""The part of an attempt's time that has to be left for another server: with less it would fail, too."""


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """`name` is the operator's; `health` the path of the servers' health check, from their root.

    `draining` are those that get no new request.
    """

    name: str
    health: str
    draining: Collection[str] = ()


def open_pool(
    facts: PoolFacts,
    accounts: Sequence[VendorAccount],
    adapter: Callable[[VendorAccount], Provider],
    now: Callable[[], float] = time.monotonic,
) -> "ServerPool":
    """Make the provider of these accounts, which differ in their base URL alone."""
    servers = [
        Server(
            pool=facts.name,
            url=each.base_url,
            provider=adapter(each),
            health=VendorHttp(replace(each, key=""), {}),
            health_path=_root(each.base_url) + facts.health,
            marked=each.base_url in facts.draining,
            now=now,
        )
        for each in accounts
    ]
    return ServerPool(servers, now)


class ServerPool:
    """What routes see is one provider; all servers are of one adapter, with the same options, models and prices.

    A request goes to the server with the fewest calls and jobs of this process. Where that one does not take it, the
    next one gets it, in the same attempt: always where nothing was made, and where servers are the operator's own,
    which charge for nothing, also where the outcome is unknown.
    """

    def __init__(self, servers: Sequence[Server], now: Callable[[], float] = time.monotonic) -> None:
        first = servers[0].provider
        self.name, self.resumable, self.free = first.name, first.resumable, first.free
        self.makes_workdir = getattr(first, "makes_workdir", False)
        self._charges_nothing = first.free or getattr(first, "charges_nothing", False)
        self._first = first
        self._servers = {each.url: each for each in servers}
        self._now = now
        self._looking = asyncio.Lock()

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        until_s = self._now() + request.deadline_s
        tried: list[Server] = []
        failure: Failure | None = None
        while (left_s := until_s - self._now()) >= _TIME_FOR_ANOTHER * request.deadline_s:
            server = await self._choose(tried)
            if server is None:
                break
            answer = await self._order(server, replace(request, deadline_s=left_s), report)
            if not (isinstance(answer, Failure) and self._may_go_elsewhere(answer)):
                return answer
            if answer.kind not in _NOT_ITS_FAULT:
                server.failed(answer.reason)
            tried.append(server)
            failure = answer
        return failure or self._none_ready()

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        server = self._server_of(handle)
        if server is None:
            return self._server_removed()
        server.has_job(request.attempt_id)
        answer = await server.provider.poll(_own_part(handle), request)
        if not isinstance(answer, Pending):
            server.job_ended(request.attempt_id)
        elif answer.handle is not None:
            return replace(answer, handle={**answer.handle, SERVER: server.url})
        return answer

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        server = self._server_of(handle)
        if server is None or not isinstance(server.provider, CancelsJobs):
            return JobCancellation(accepted=False, detail="the vendor has no call to stop a job")
        server.job_ended(request.attempt_id)
        return await server.provider.cancel(_own_part(handle), request)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        """Well where one server is, which has the models. What each says is told."""
        states = await self.states()
        answers = await asyncio.gather(*(_checked(each, upstreams) for each in self._servers.values()))
        said = [
            f"{state.url} is {state.says}" + (f": {answer.says}" if answer.says else "")
            for state, answer in zip(states, answers, strict=True)
        ]
        ready = zip(self._servers.values(), answers, strict=True)
        return UpstreamCheck(any(server.takes_requests and answer.well for server, answer in ready), "; ".join(said))

    async def states(self) -> list[ServerState]:
        """What each server is, asked now."""
        await asyncio.gather(*(each.look() for each in self._servers.values()))
        return [each.state for each in self._servers.values()]

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:
        return self._first.reference_cap(upstream, options) if isinstance(self._first, CapsReferences) else None

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        return abilities_of(self._first, upstream, options)

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        return prices_of(self._first, upstream, options)

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:
        return dialect_of(self._first, upstream, options)

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        return self._first.route_problem(upstream, options) if isinstance(self._first, ValidatesRoute) else None

    async def close(self) -> None:
        for each in self._servers.values():
            await each.health.close()
            await each.provider.close()

    # --- which server ---------------------------------------------------------------------------------------------

    async def _choose(self, tried: Sequence[Server]) -> Server | None:
        """The least busy server that is well; where none is, all that are down are asked once more."""
        others = [each for each in self._servers.values() if each not in tried]
        await self._look_at([each for each in others if each.needs_look])
        if not any(each.takes_requests for each in others):
            await self._look_at([each for each in others if not each.marked])
        ready = [each for each in others if each.takes_requests]
        random.shuffle(ready)  # of several with the same number any
        return min(ready, key=lambda each: each.outstanding, default=None)

    async def _look_at(self, servers: Sequence[Server]) -> None:
        if not servers:
            return
        async with self._looking:  # the next task finds what this one learnt
            await asyncio.gather(*(each.look() for each in servers if each.needs_look or not each.takes_requests))

    async def _order(
        self, server: Server, request: GenerationRequest, report: Report
    ) -> Delivered | Accepted | Failure:
        with server.call():
            answer = await server.provider.submit(request, report)
        match answer:
            case Accepted(handle):
                server.answered()
                server.has_job(request.attempt_id)
                return replace(answer, handle={**handle, SERVER: server.url})
            case Delivered():
                server.answered()
        return answer

    def _may_go_elsewhere(self, failure: Failure) -> bool:
        if failure.charged or failure.of_key:
            return False
        # A server with jobs may have one now, which the same request finds there.
        repeats_unknown = self._charges_nothing and not self.resumable
        return failure.kind in _ELSEWHERE or (failure.kind is FailureKind.UNKNOWN_OUTCOME and repeats_unknown)

    def _none_ready(self) -> Failure:
        # Their addresses are for the operator's log and checks: a caller may read why a task failed.
        return Failure(FailureKind.TRANSIENT, f"none of {len(self._servers)} servers takes requests")

    def _server_of(self, handle: Mapping[str, Any]) -> Server | None:
        """The server that has a job; the first one for a handle from before there were several."""
        url = handle.get(SERVER)
        return next(iter(self._servers.values())) if url is None else self._servers.get(str(url))

    def _server_removed(self) -> Failure:
        kind = FailureKind.TRANSIENT if self._charges_nothing else FailureKind.UNKNOWN_OUTCOME
        return Failure(kind, "the server that has the job is no longer configured")


def _own_part(handle: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in handle.items() if name != SERVER}


async def _checked(server: Server, upstreams: Sequence[str]) -> UpstreamCheck:
    if not (server.takes_requests and isinstance(server.provider, ChecksUpstreams)):
        return UpstreamCheck(server.takes_requests, "")
    return await server.provider.check(upstreams)


def _root(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
